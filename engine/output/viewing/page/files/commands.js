// The buttons, the line for any command, and the answers.

import { element } from "./panels.js";

const MOST_LINES = 200;
const byId = (id) => document.getElementById(id);

export class Commands {
  constructor(ask) {
    this.ask = ask;
    this.log = byId("log");
    this.recording = this.replaying = null;
    byId("panic").onclick = () => ask("panic");
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.repeat) ask("panic");
    });
    byId("mute").onclick = () => ask(`mute ${this.muted ? "off" : "on"}`);
    byId("start-again").onclick = () => ask("start");
    byId("record").onclick = () => ask(this.recording ? "record off" : "record");
    byId("replay").onclick = () => ask(this.replaying ? "replay off" : "replay");
    this.form("performer", () => ["performer", byId("performer-name").value, byId("performer-lookahead").value].join(" ").trim());
    this.form("reseed", () => `seed ${byId("seed").value}`);
    this.form("preset-load", () => `preset ${quoted(byId("preset-chosen").value)}`);
    this.form("preset", () => `save ${quoted(byId("preset-name").value)}`);
    this.form("command", () => {
      const line = byId("line").value;
      byId("line").value = "";
      return line;
    });
  }

  form(id, line) {
    byId(id).onsubmit = (event) => {
      event.preventDefault();
      this.ask(line());
    };
  }

  describe({ performer, performers, commands, controls, seed }) {
    byId("performer").hidden = !performers.length;
    byId("reseed").hidden = !commands.some(({ usage }) => usage.startsWith("seed "));
    byId("seed").value = seed;
    byId("start-again").hidden = !commands.some(({ usage }) => usage === "start");
    byId("performer-name").replaceChildren(...performers.map((name) => element("option", name, { selected: name === performer })));
    byId("preset-load").hidden = !commands.some(({ usage }) => usage.startsWith("preset "));
    if (!byId("preset-load").hidden) this.ask("preset");
    const known = [...commands.map(({ usage, help }) => [usage.split(" ")[0], `${usage}: ${help}`])];
    known.push(...controls.map(({ name, help }) => [`set ${name} `, help]));
    byId("known").replaceChildren(...known.map(([value, label]) => element("option", "", { value, label })));
  }

  show({ muted, recording, replaying }, said) {
    if (muted !== this.muted) byId("mute").ariaPressed = this.muted = muted;
    if (recording !== this.recording) byId("record").ariaPressed = !!(this.recording = recording);
    if (replaying !== this.replaying) byId("replay").ariaPressed = !!(this.replaying = replaying);
    for (const line of said) this.say(line, false);
  }

  /** Let a preset be chosen of those that there are. */
  list(presets) {
    const { value } = byId("preset-chosen");
    byId("preset-chosen").replaceChildren(...presets.map((name) => element("option", name, { selected: name === value })));
  }

  /** Log a line; of controls that are being moved, one or two together, and of beats only the last stays. */
  say(line, done, to = "") {
    if (done && to === "preset") return this.list(line.split(", "));
    if (done && to.startsWith("save ")) this.ask("preset");
    const [word, name] = to.split(" ");
    const control = (done && { set: name, tap: word, tempo: word }[word]) || "";
    const lately = [...this.log.children].slice(-2);
    if (control) lately.find((entry) => entry.dataset.control === control)?.remove();
    const entry = element("li", line, { className: done ? "" : "refused" });
    entry.dataset.control = control;
    this.log.append(entry);
    while (this.log.children.length > MOST_LINES) this.log.firstElementChild.remove();
    this.log.scrollTop = this.log.scrollHeight;
  }
}

/** Return a name as one word of a line. */
function quoted(name) {
  return /[\s'"]/.test(name) ? (name.includes('"') ? `'${name}'` : `"${name}"`) : name;
}
