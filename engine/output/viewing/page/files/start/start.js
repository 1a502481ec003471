// The start screen: what there is to be played, with what, and Begin.

import { element, write } from "../panels.js";

const byId = (id) => document.getElementById(id);
const AUTO = "auto"; // finds out which part is played
const title = (name) => name.replace(/\.[^.]+$/, "").replaceAll("_", " ");

export class Start {
  /** `ask` asks for something and returns whether somebody is there; `playing` is what sounds on the page. */
  constructor(ask, playing) {
    this.ask = ask;
    this.playing = playing;
    this.beginning = false;
    this.form = byId("begin");
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.begin();
    };
    byId("what").onchange = () => this.fit();
    byId("file").onchange = () => this.askForParts();
    byId("chosen-performer").onchange = () => this.fit();
    byId("look").onclick = () => this.ask({ look: true });
    byId("upload").onchange = () => this.upload(byId("upload").files[0]);
    this.form.ondragover = (event) => event.preventDefault();
    this.form.ondrop = (event) => {
      event.preventDefault();
      this.upload(event.dataTransfer.files[0]);
    };
  }

  get what() {
    return this.form.elements.what.value;
  }

  /** Show what can be chosen, and what became of the last run. */
  show(offer) {
    this.offer = offer;
    this.beginning = false;
    this.read = null; // the file whose parts are offered
    byId("begin-now").disabled = false;
    write(byId("said"), offer.said);
    write(byId("no-ports"), offer.no_ports);
    byId("upload").accept = offer.suffixes.join();
    const { own } = offer;
    choices(byId("inputs"), [[own.input, "the keyboard of this page"], ...offer.inputs.map((name) => [name, name])]);
    const outputs = [[own.output, "this page"], [own.sound_card, "the sound card"], ...offer.outputs.map((name) => [name, name])];
    choices(byId("outputs"), outputs);
    options(byId("chosen-preset"), [["", "none"], ...offer.presets.map((name) => [name, title(name)])]);
    this.fit();
  }

  /** Show what belongs to what is chosen. */
  fit() {
    const { what, offer } = this;
    for (const part of this.form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(what);
    const music = what === "take" ? offer.takes : offer.examples;
    options(byId("file"), [...offer.files, ...music].map((name) => [name, title(name)]));
    const performers = offer.performers[what] ?? [];
    options(byId("chosen-performer"), [["", "as usual"], ...performers.map(({ name, summary }) => [name, `${name}: ${summary}`])]);
    byId("ahead").hidden = !this.looksAhead;
    this.askForParts();
  }

  /** Ask which parts the score has, of which one is to be played here. */
  askForParts() {
    const file = byId("file").value;
    if (this.what !== "duo" || file === this.read) return;
    this.read = file;
    options(byId("part"), []);
    write(byId("part-said"), "The score is being read.");
    this.ask({ parts: file });
  }

  /** Offer the parts of a score, if it is still the chosen one. */
  offerParts({ file, names, error = "" }) {
    if (file !== this.read) return;
    options(byId("part"), names.map((name) => [name, name === AUTO ? "whichever I play" : name]));
    write(byId("part-said"), error);
  }

  get looksAhead() {
    const performers = this.offer.performers[this.what] ?? [];
    return !!performers.find(({ name }) => name === byId("chosen-performer").value)?.looks_ahead;
  }

  async upload(file) {
    if (!file) return;
    const mostBytes = this.offer.most_bytes;
    if (file.size > mostBytes) {
      write(byId("said"), `${file.name} has more than ${mostBytes / 1e6} MB, which no score has; give another file`);
      return;
    }
    write(byId("said"), "");
    const response = await fetch(`files/${encodeURIComponent(file.name)}`, { method: "POST", body: file });
    const { name, error } = await response.json();
    if (error) {
      write(byId("said"), error);
      return;
    }
    this.offer.files = [name];
    if (!["score", "duo", "take"].includes(this.what)) this.form.elements.what.value = "score";
    this.read = null; // another file may have the same name
    this.fit();
    byId("file").value = name;
    this.askForParts();
  }

  begin() {
    const { what } = this;
    const plays = ["keys", "improvise", "duo"].includes(what);
    const outputs = chosen(byId("outputs"));
    if (outputs.includes(this.offer.own.output)) this.playing.turnOn(); // while the click allows it
    this.beginning = this.ask({
      begin: {
        what,
        inputs: plays ? chosen(byId("inputs")) : [],
        outputs,
        file: ["score", "duo", "take"].includes(what) ? byId("file").value : null,
        part: what === "duo" ? byId("part").value || null : null,
        performer: byId("chosen-performer").value || null,
        lookahead_s: this.looksAhead ? byId("lookahead").valueAsNumber || null : null,
        mode: what === "improvise" ? byId("mode").value : null,
        preset: byId("chosen-preset").value || null,
      },
    });
    byId("begin-now").disabled = this.beginning;
    write(byId("said"), this.beginning ? "Beginning: the performer reads …" : "not connected; try again");
  }
}

/** Fill a list, and keep what was chosen where it is still there. */
function options(list, pairs) {
  const { value } = list;
  list.replaceChildren(...pairs.map(([name, label]) => element("option", label, { value: name })));
  if (pairs.some(([name]) => name === value)) list.value = value;
}

/** Fill a group of boxes, and keep which were ticked; at first the first one is. */
function choices(group, pairs) {
  const ticked = group.children.length ? chosen(group) : [pairs[0][0]];
  group.replaceChildren(
    ...pairs.map(([value, label]) => {
      const choice = element("label");
      choice.append(element("input", "", { type: "checkbox", value, checked: ticked.includes(value) }), ` ${label}`);
      return choice;
    }),
  );
}

const chosen = (group) => [...group.querySelectorAll(":checked")].map(({ value }) => value);
