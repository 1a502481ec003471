// Where a score is, and where it is to go.

import { write } from "./panels.js";

const OWN_MS = 500; // for which what is being moved here is not moved by the run
const byId = (id) => document.getElementById(id);

export class Transport {
  constructor(ask) {
    this.form = byId("transport");
    this.bar = byId("bar");
    this.bars = [];
    this.form.onsubmit = (event) => {
      event.preventDefault();
      ask("toggle");
    };
    this.form.noValidate = true;
    this.movedMs = -Infinity;
    this.bar.oninput = () => {
      this.movedMs = performance.now();
      this.name(this.bar.value);
    };
    this.bar.onchange = () => ask(`seek ${this.bars[this.bar.value].number}`);
    byId("loop").onclick = () => {
      this.form.noValidate = false;
      if (this.form.reportValidity()) ask(`loop ${byId("first").value} ${byId("last").value}`);
      this.form.noValidate = true;
    };
    byId("loop-off").onclick = () => ask("loop off");
  }

  describe({ bars }) {
    this.bars = bars;
    this.form.hidden = !bars.length;
    if (!bars.length) return;
    this.bar.max = bars.length - 1;
    for (const id of ["first", "last"]) {
      byId(id).min = Math.min(...bars.map((bar) => bar.number));
      byId(id).max = Math.max(...bars.map((bar) => bar.number));
    }
    byId("first").value ||= bars[0].number;
    byId("last").value ||= bars.at(-1).number;
  }

  show({ place }) {
    if (!place) return;
    write(byId("play"), place.plays ? "Pause" : "Play");
    if (this.bar.matches(":active") || performance.now() - this.movedMs < OWN_MS) return; // it is being moved
    const index = this.bars.findLastIndex((bar) => bar.begin_quarter <= place.quarter + 1e-6);
    const shown = String(Math.max(index, 0));
    if (this.bar.value !== shown) this.bar.value = shown;
    this.name(shown);
  }

  name(index) {
    const number = String(this.bars[index]?.number ?? "");
    write(byId("bar-chosen"), number);
    if (this.bar.getAttribute("aria-valuetext") !== number) this.bar.setAttribute("aria-valuetext", number);
  }
}
