// A keyboard to play on with the mouse, a finger or the computer's keys. It plays MIDI messages.

import { element, keyName } from "../panels.js";

const KEYS = 25;
const LETTERS = "awsedftgyhujkolp;"; // from the lowest key on, named as on a keyboard for English
const CODES = [..."AWSEDFTGYHUJKOLP"].map((letter) => `Key${letter}`).concat("Semicolon"); // where they are on any keyboard
const BLACK = [1, 3, 6, 8, 10];
const SUSTAIN = 64;

export class Piano {
  /** `play` gets each message; `place` is the element that becomes the keyboard, and takes the focus. */
  constructor(place, play) {
    this.place = place;
    this.play = play;
    this.lowest = 60;
    this.velocity = 80;
    this.held = new Map(); // what holds a key: a pointer or a code, and the key that it plays
    this.pedal = false;
    place.onkeydown = (event) => this.press(event);
    place.onkeyup = (event) => this.lift(event);
    place.onpointerdown = (event) => this.touch(event);
    place.onpointermove = (event) => this.held.has(event.pointerId) && this.touch(event);
    place.onpointerup = place.onpointercancel = (event) => this.release(event.pointerId);
    place.onblur = () => this.releaseAll();
    addEventListener("blur", () => this.releaseAll());
    this.draw();
  }

  draw() {
    this.keys = Array.from({ length: KEYS }, (_, index) => {
      const black = BLACK.includes((this.lowest + index) % 12);
      const key = element("span", LETTERS[index] ?? "", { className: black ? "black" : "white", ariaHidden: true });
      key.dataset.key = this.lowest + index;
      return key;
    });
    this.place.replaceChildren(...this.keys);
    this.place.ariaLabel = `Piano, ${keyName(this.lowest)} to ${keyName(this.lowest + KEYS - 1)}`;
  }

  /** Move it by octaves. */
  shift(octaves) {
    const lowest = this.lowest + 12 * octaves;
    if (lowest < 12 || lowest + KEYS > 128) return;
    this.releaseAll();
    this.lowest = lowest;
    this.draw();
  }

  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const index = CODES.indexOf(event.code);
    if (index < 0 && event.code !== "Space") return;
    event.preventDefault();
    if (event.repeat) return;
    if (index < 0) this.hold(true);
    else this.begin(event.code, this.lowest + index);
  }

  lift(event) {
    if (event.code === "Space") this.hold(false);
    else this.release(event.code);
  }

  touch(event) {
    if (event.type === "pointerdown") this.place.setPointerCapture(event.pointerId);
    const under = document.elementFromPoint(event.clientX, event.clientY);
    const key = Number(this.place.contains(under) && under.dataset.key);
    if (!key || this.held.get(event.pointerId) === key) return;
    this.release(event.pointerId);
    this.begin(event.pointerId, key);
  }

  begin(holder, key) {
    this.release(holder);
    this.held.set(holder, key);
    this.play([0x90, key, this.velocity]);
    this.show(key, true);
  }

  release(holder) {
    const key = this.held.get(holder);
    if (key === undefined) return;
    this.held.delete(holder);
    this.play([0x80, key, 64]);
    this.show(key, false);
  }

  hold(down) {
    if (down === this.pedal) return;
    this.pedal = down;
    this.play([0xb0, SUSTAIN, down ? 127 : 0]);
  }

  releaseAll() {
    for (const holder of [...this.held.keys()]) this.release(holder);
    this.hold(false);
  }

  show(key, down) {
    this.keys[key - this.lowest]?.classList.toggle("down", down);
  }
}
