// Directions in words for the chosen bars, and those that hold, above their bars.

import { element } from "../panels.js";
import { Boxes } from "./stretches.js";

const byId = (id) => document.getElementById(id);

export class Directions {
  constructor(ask) {
    this.boxes = new Boxes("mark");
    this.given = [];
    this.use(null, []);
    const bars = () => `${byId("from-bar").value}-${byId("to-bar").value}`;
    byId("directing").onsubmit = (event) => {
      event.preventDefault();
      ask(`direct ${bars()} ${byId("direction").value}`);
    };
    byId("direct-off").onclick = () => ask(`direct ${bars()} off`);
  }

  describe({ bars, directions, known_directions: known }) {
    byId("directing").hidden = !known.length;
    byId("directions").replaceChildren(...known.map((value) => element("option", "", { value })));
    for (const id of ["from-bar", "to-bar"]) {
      byId(id).min = Math.min(...bars.map((bar) => bar.number));
      byId(id).max = Math.max(...bars.map((bar) => bar.number));
    }
    byId("from-bar").value ||= bars[0]?.number ?? "";
    byId("to-bar").value ||= bars.at(-1)?.number ?? "";
    this.given = directions;
    const said = directions.map(({ words, first, last }) => element("li", `${first === null ? "all" : `${first}–${last}`}: ${words}`));
    byId("directions-given").replaceChildren(...said);
    this.draw();
  }

  use(engraving, bars) {
    this.engraving = engraving;
    this.bars = bars;
    this.draw();
  }

  draw() {
    this.boxes.clear();
    if (!this.engraving) return;
    const numbers = new Map(this.engraving.bars.map((printed, played) => [printed, this.bars[played].number]));
    for (const { words, first, last } of this.given) {
      const held = [...numbers].filter(([, number]) => first === null || (first <= number && number <= last)).map(([printed]) => printed);
      if (held.length) this.boxes.put(this.engraving, Math.min(...held), Math.max(...held), words);
    }
    this.stack();
  }

  /** Let marks over the same bars stand above each other. */
  stack() {
    const over = [];
    for (const mark of this.boxes.elements) {
      const box = mark.getBoundingClientRect();
      const met = over.filter((other) => other.top === box.top && other.left < box.right && box.left < other.right);
      const level = Math.max(-1, ...met.map((other) => other.level)) + 1;
      mark.style.setProperty("--level", level);
      over.push({ left: box.left, right: box.right, top: box.top, level });
    }
  }
}
