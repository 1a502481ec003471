// The page of one performance: it sounds, and shows where it is.

import { Cursor } from "score/cursor.js";
import { Engraving } from "score/engraving.js";
import { Course } from "./course.js";
import { Strip, keyOf } from "./strip.js";

const STEPS = 1000; // of the slider
const byId = (id) => document.getElementById(id);

/** The sound, out of the page itself. */
function audioOf(element) {
  const text = atob(element.textContent.trim());
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  element.textContent = "";
  return new Audio(URL.createObjectURL(new Blob([bytes], { type: element.dataset.kind })));
}

class Player {
  /** `sounds`: what was performed and, if there is one, the human, each with its `audio` and its `course`. */
  constructor(shown, sounds) {
    this.shown = shown;
    this.sounds = sounds;
    Object.assign(this, sounds.sound);
    this.strip = new Strip(byId("rows"), byId("now"), shown);
    this.cursor = new Cursor(byId("score"));
    if (shown.score) this.engrave();
    this.listen();
    this.key();
    this.show();
  }

  engrave() {
    const score = byId("score");
    score.hidden = false;
    this.engraving = new Engraving(score, this.shown.score, () => {});
    this.cursor.use(this.engraving, this.shown.bars);
    score.onclick = ({ clientX, clientY }) => {
      const printed = this.engraving.at(clientX, clientY);
      const bar = this.shown.score.bars.indexOf(printed);
      if (bar >= 0) this.goTo(this.shown.bars[bar].begin_quarter);
    };
  }

  key() {
    const entries = keyOf(this.shown).map(([name, colour]) => {
      const entry = document.createElement("li");
      const patch = document.createElement("i");
      patch.style.background = colour;
      entry.append(patch, name);
      return entry;
    });
    byId("key").replaceChildren(...entries);
  }

  listen() {
    byId("play").onclick = () => this.toggle();
    addEventListener("keydown", (event) => {
      if (event.key !== " " || event.target.matches("button, select")) return;
      event.preventDefault();
      this.toggle();
    });
    for (const { audio } of Object.values(this.sounds)) {
      for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, () => this.name());
      audio.addEventListener("play", () => this.follow());
      for (const event of ["seeked", "loadedmetadata"]) audio.addEventListener(event, () => this.show());
    }
    byId("hear").hidden = !this.sounds.human;
    byId("heard").onchange = ({ target }) => this.hear(this.sounds[target.value]);
    byId("place").oninput = ({ target }) => (this.audio.currentTime = (target.value / STEPS) * this.course.end);
    byId("span").onchange = () => this.show();
    byId("strip").onclick = ({ clientX }) => this.goTo(this.strip.placeAt(clientX));
  }

  name() {
    byId("play").textContent = this.audio.paused ? "Play" : "Pause";
  }

  /** Hear the other one, from the same place on. */
  hear(sound) {
    const { paused } = this.audio;
    const place = this.course.placeAt(this.audio.currentTime);
    this.audio.pause();
    Object.assign(this, sound);
    this.goTo(place);
    if (!paused) this.audio.play();
    this.show();
  }

  toggle() {
    if (this.audio.paused) this.audio.play();
    else this.audio.pause();
  }

  goTo(place) {
    this.audio.currentTime = this.course.secondAt(place);
  }

  follow() {
    this.show();
    if (!this.audio.paused) requestAnimationFrame(() => this.follow());
  }

  show() {
    const second = this.audio.currentTime;
    const place = this.course.placeAt(second);
    this.turn(second, place);
    this.strip.point(place);
    this.cursor.show(place);
    if (!byId("place").matches(":active")) byId("place").value = Math.round((second / this.course.end) * STEPS);
    const text = `${clock(second)} of ${clock(this.course.end)}${this.barAt(place)}`;
    if (byId("where").textContent !== text) byId("where").textContent = text;
    byId("place").setAttribute("aria-valuetext", text);
  }

  barAt(place) {
    const bar = this.shown.bars.findLast(({ begin_quarter: begin }) => begin <= place + 1e-6);
    return bar ? `, bar ${bar.number}` : "";
  }

  /** Turn the strip to where the music is: it shows so many seconds of the sound, from a multiple of them on. */
  turn(second, place) {
    const seconds = Number(byId("span").value);
    const { end } = this.shown;
    if (!seconds || seconds >= this.course.end) return this.strip.look(0, end);
    const number = Math.floor(second / seconds);
    const [begin, stop] = [number, number + 1].map((each) => this.course.placeAt(each * seconds));
    if (stop > begin) this.strip.look(number ? begin : 0, (number + 1) * seconds >= this.course.end ? end : stop);
    else this.strip.look(Math.min(begin, place), end);
  }
}

function clock(second) {
  return `${Math.floor(second / 60)}:${String(Math.floor(second % 60)).padStart(2, "0")}`;
}

const shown = JSON.parse(byId("shown").textContent);
const sounds = { sound: { audio: audioOf(byId("sound")), course: new Course(shown.course) } };
if (byId("human")) sounds.human = { audio: audioOf(byId("human")), course: new Course(shown.human_course) };
new Player(shown, sounds);
