// Where a score is, where it is to go, and how fast.

import { write } from "./panels.js";

const PACE_MS = 33; // between two tempos that are asked for
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
      const [first, last] = [byId("first"), byId("last")];
      if ([first, last].every((field) => field.reportValidity())) ask(`loop ${first.value} ${last.value}`);
    };
    byId("loop-off").onclick = () => ask("loop off");
    for (const id of ["first", "last"]) entered(byId(id), () => byId("loop").click());
    this.tempo = new Tempo(ask);
  }

  describe({ bars, commands }) {
    this.bars = bars;
    this.tempo.describe(commands);
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

  show({ place, controls, beats_per_minute: beats }) {
    if (!place) return;
    this.tempo.show(controls.tempo, beats);
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

/** The tempo, as a factor on a slider, whose middle is 1, and in beats a minute. */
class Tempo {
  constructor(ask) {
    this.ask = ask;
    this.slider = byId("tempo");
    this.beats = byId("beats");
    this.movedMs = -Infinity;
    this.slider.oninput = () => this.set(2 ** Number(this.slider.value));
    this.slider.ondblclick = () => this.set(1);
    this.slider.onkeydown = (event) => {
      if (event.key !== "Delete" && event.key !== "Backspace") return;
      event.preventDefault();
      this.set(1);
    };
    this.beats.oninput = () => (this.writing = true);
    this.beats.onblur = () => (this.writing = false);
    this.beats.onchange = () => this.hold();
    entered(this.beats, () => this.hold());
  }

  describe(commands) {
    byId("tempo-part").hidden = !commands.some(({ usage }) => usage.startsWith("tempo "));
  }

  /** Ask for a factor; of those that come quickly, the last in any case. */
  set(factor) {
    this.movedMs = performance.now();
    this.factor = Number(factor.toFixed(3));
    this.write(this.factor);
    this.waiting ??= setTimeout(() => {
      this.waiting = null;
      this.ask(`tempo ${this.factor}`);
    }, PACE_MS);
  }

  /** Ask for so many beats a minute as were written. */
  hold() {
    if (!this.writing || !this.beats.reportValidity()) return;
    this.writing = false;
    this.ask(`tempo ${this.beats.value}`);
  }

  show(factor, beats) {
    if (factor === undefined || byId("tempo-part").hidden) return;
    this.mean = beats === null ? null : beats / factor;
    if (performance.now() - this.movedMs >= OWN_MS) this.write(factor);
    else this.tell();
  }

  write(factor) {
    this.shown = factor;
    const place = Math.log2(factor).toFixed(2);
    if (this.slider.value !== place) this.slider.value = place;
    this.tell();
  }

  tell() {
    const factor = `${Number(this.shown.toFixed(2))} ×`;
    const beats = this.mean ? String(Math.round(this.mean * this.shown)) : "";
    write(byId("tempo-factor"), factor);
    const text = beats ? `${factor}, ${beats} beats a minute` : factor;
    if (this.slider.getAttribute("aria-valuetext") !== text) this.slider.setAttribute("aria-valuetext", text);
    if (!this.writing && this.beats.value !== beats) this.beats.value = beats;
  }
}

/** Do something when Return is pressed in a field, rather than what its form does. */
function entered(field, act) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    act();
  });
}
