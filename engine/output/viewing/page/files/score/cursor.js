// What sounds now: a line that goes along with the music, the notes in colour, and the page that is turned for them.

import { place } from "./engraving.js";

const EPSILON = 1e-6; // quarters
const PATIENCE_MS = 4000; // in which who scrolls may look elsewhere
const reduced = matchMedia("(prefers-reduced-motion: reduce)");

export class Cursor {
  /** `leads`: it turns the pages and puts what sounds in colour. */
  constructor(container, kind = "cursor", leads = true) {
    this.leads = leads;
    this.line = document.createElement("div");
    this.line.className = kind;
    this.lookedMs = -Infinity;
    for (const event of ["wheel", "touchmove", "pointerdown"]) {
      container.addEventListener(event, () => (this.lookedMs = performance.now()), { passive: true });
    }
  }

  /** Begin in another engraving, or in none. */
  use(engraving, bars) {
    this.engraving = engraving;
    this.bars = bars; // as they are played
    this.index = null;
    this.sounding = new Map();
  }

  leave() {
    this.line.remove();
    this.key = null;
  }

  show(quarter) {
    if (!this.engraving) return;
    const bar = Math.max(this.bars.findLastIndex((each) => each.begin_quarter <= quarter + EPSILON), 0);
    const index = this.engraving.bars[bar];
    if (index === undefined) return;
    const within = quarter - this.bars[bar].begin_quarter;
    if (index !== this.index) this.enter(index);
    this.move(within);
    if (this.leads) this.colour(this.engraving.notes[index].filter(([, from, to]) => from <= within + EPSILON && within + EPSILON < to));
  }

  enter(index) {
    this.index = index;
    this.course = this.engraving.course(index);
    this.engraving.pageOf(index).over.append(this.line);
    if (this.leads && performance.now() - this.lookedMs > PATIENCE_MS) this.engraving.reveal(index, !reduced.matches);
  }

  move(within) {
    const { top, bottom } = this.engraving.box(this.index);
    const next = this.course.findIndex(([quarter]) => quarter > within + EPSILON);
    const [[begin, from], [end, to]] = next < 1 ? [this.course.at(-1), this.course.at(-1)] : this.course.slice(next - 1, next + 1);
    const share = end > begin && !reduced.matches ? (within - begin) / (end - begin) : 0;
    const x = from + (to - from) * share;
    const key = `${this.index} ${x.toFixed(2)}`;
    if (key === this.key) return;
    this.key = key;
    place(this.line, { left: x, right: x, top, bottom });
  }

  colour(notes) {
    const ids = new Set(notes.map(([id]) => id));
    for (const [id, element] of this.sounding) {
      if (ids.has(id)) continue;
      element.classList.remove("sounding");
      this.sounding.delete(id);
    }
    for (const id of ids) {
      if (this.sounding.has(id)) continue;
      const element = document.getElementById(id);
      if (!element) continue;
      element.classList.add("sounding");
      this.sounding.set(id, element);
    }
  }
}
