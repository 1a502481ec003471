// The bars that are chosen in the engraved score, with a pointer or by keys, and what is done with them.

import { write } from "../panels.js";
import { Boxes } from "./stretches.js";

const byId = (id) => document.getElementById(id);

export class Choice {
  constructor(container, ask) {
    this.container = container;
    this.ask = ask;
    this.boxes = new Boxes("chosen");
    this.bars = []; // as they are played
    this.anchor = this.end = null;
    this.use(null, []);
    container.addEventListener("pointerdown", (event) => this.press(event));
    container.addEventListener("pointermove", (event) => this.drag(event));
    container.addEventListener("pointerup", () => this.release());
    container.addEventListener("pointercancel", () => (this.pressed = null));
    container.addEventListener("keydown", (event) => this.key(event));
    byId("bars-go").onclick = () => this.go();
    byId("bars-loop").onclick = () => this.loop();
  }

  /** Begin in another engraving, or in none. What is chosen stays where the same bars are played. */
  use(engraving, bars) {
    this.engraving = engraving;
    this.pressed = null;
    if (engraving && (bars !== this.bars || !(this.last < engraving.count))) {
      this.anchor = this.end = null; // printed bars, from where on and up to where
      this.bars = bars;
    }
    this.draw();
  }

  get first() {
    return Math.min(this.anchor, this.end);
  }

  get last() {
    return Math.max(this.anchor, this.end);
  }

  /** The bar that is played of a printed one, for the first time, or the next one that is. */
  played(index) {
    for (let printed = index; printed < this.engraving.count; printed++) {
      const found = this.engraving.bars.indexOf(printed);
      if (found >= 0) return found;
    }
    return this.engraving.bars.length - 1;
  }

  number(index) {
    return this.bars[this.played(index)].number;
  }

  /** The name of a bar as it is typed: a number may come again, with a repeat or in another movement. */
  name(index) {
    const played = this.played(index);
    const { number } = this.bars[played];
    const time = this.bars.slice(0, played + 1).filter((each) => each.number === number).length;
    return time > 1 ? `${number}.${time}` : String(number);
  }

  choose(anchor, end) {
    if (anchor === this.anchor && end === this.end) return;
    [this.anchor, this.end] = [anchor, end];
    this.draw();
    const [first, last] = [this.number(this.first), this.number(this.last)];
    write(byId("score-said"), first === last ? `bar ${first} is chosen` : `bars ${first} to ${last} are chosen`);
    for (const [id, value] of [["first", first], ["last", last], ["from-bar", first], ["to-bar", last]]) byId(id).value = value;
  }

  draw() {
    this.boxes.clear();
    if (this.engraving && this.anchor !== null) this.boxes.put(this.engraving, this.first, this.last);
  }

  go() {
    if (this.engraving && this.anchor !== null) this.ask(`seek ${this.name(this.first)}`);
  }

  loop() {
    if (this.engraving && this.anchor !== null) this.ask(`loop ${this.name(this.first)} ${this.name(this.last)}`);
  }

  press(event) {
    if (event.button || !this.engraving || event.offsetX > this.container.clientWidth) return; // the scroll bar
    const index = this.engraving.at(event.clientX, event.clientY);
    if (index === null) return;
    const extends_ = event.shiftKey && this.anchor !== null;
    this.pressed = { index, moved: false, extends_ };
    this.choose(extends_ ? this.anchor : index, index);
  }

  drag(event) {
    if (!this.pressed || !event.buttons) return;
    const index = this.engraving.at(event.clientX, event.clientY);
    if (index === null || index === this.end) return;
    this.pressed.moved = true;
    this.choose(this.anchor, index);
  }

  release() {
    const { pressed } = this;
    this.pressed = null;
    if (!pressed || pressed.extends_) return;
    if (pressed.moved && this.first < this.last) this.loop();
    else this.go();
  }

  key(event) {
    if (!this.engraving || event.ctrlKey || event.altKey || event.metaKey) return;
    const next = this.step(event.key);
    if (next !== null) {
      const index = Math.min(Math.max(next, 0), this.engraving.count - 1);
      this.choose(event.shiftKey && this.anchor !== null ? this.anchor : index, index);
      this.engraving.reveal(index, false);
    } else if (event.key === "Enter") this.go();
    else if (event.key.toLowerCase() === "l") this.loop();
    else if (event.key === " ") this.ask("toggle");
    else return;
    event.preventDefault();
  }

  /** The printed bar that a key leads to, or null. */
  step(key) {
    const here = this.end ?? this.sounding?.() ?? 0;
    const fresh = this.end === null ? 0 : 1; // the first key chooses what sounds
    if (key === "ArrowRight") return here + fresh;
    if (key === "ArrowLeft") return here - fresh;
    if (key === "ArrowUp") return this.beyond(here, -1);
    if (key === "ArrowDown") return this.beyond(here, 1);
    if (key === "Home") return 0;
    return key === "End" ? this.engraving.count - 1 : null;
  }

  /** The bar above or below one. */
  beyond(here, way) {
    const middle = ({ left, right }) => (left + right) / 2;
    const from = this.engraving.box(here);
    let found = here;
    let least = Infinity;
    let top = null; // of the system next to it
    for (let index = here + way; index >= 0 && index < this.engraving.count; index += way) {
      const box = this.engraving.box(index);
      const page = this.engraving.pageOf(index);
      const system = `${page.first} ${box.top}`;
      if (page === this.engraving.pageOf(here) && box.top === from.top) continue;
      top ??= system;
      if (system !== top) break;
      const away = Math.abs(middle(box) - middle(from));
      if (away < least) [least, found] = [away, index];
    }
    return found;
  }
}
