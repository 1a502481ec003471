// How it went that was practised beside an accompaniment, bar by bar: a table, and curves over the bars beside what human pianists do.

import { element, write } from "../panels.js";

const REST_MS = 3000; // without a note, after which it is told by itself
const ROW_PX = 70;
const FOOT_PX = 16;
const LEFT_PX = 8;
const LEAST_NUMBER_PX = 30; // between two numbers of bars
const COUNTS = ["notes", "wrong", "missed", "extra"];
const CURVES = {
  quarters_per_minute: { title: "quarters a minute", low: "slow", high: "fast" },
  velocity: { title: "velocity", low: "soft", high: "loud" },
  voicing: { title: "top voice above the rest", low: "flat", high: "sharp" },
};
const ERRORS = ["wrong", "missed", "extra"];
const dark = matchMedia("(prefers-color-scheme: dark)");
const byId = (id) => document.getElementById(id);

export class Practice {
  constructor(ask) {
    this.ask = ask;
    this.canvas = byId("practice-curves");
    this.waiting = null;
    this.looking = false;
    byId("practice-look").onclick = () => this.look();
    new ResizeObserver(() => this.paint()).observe(this.canvas);
    dark.addEventListener("change", () => this.paint());
  }

  describe({ bars }) {
    this.bars = bars;
  }

  show({ duo }, notesIn) {
    byId("practice").hidden = !duo;
    if (!duo || !notesIn.length) return;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.look(), REST_MS);
  }

  /** Ask for the report; it takes a while to be made. */
  async look() {
    clearTimeout(this.waiting);
    if (this.looking) return;
    this.looking = true;
    write(byId("practice-said"), "What you played is compared with the score.");
    const report = await fetch("practice")
      .then((response) => response.json())
      .catch(() => null); // the run is not there, which is said elsewhere
    this.looking = false;
    if (!report || report.error || !report.bars.length) {
      write(byId("practice-said"), report?.error ?? (report ? "Nothing of the score was heard yet." : ""));
      return;
    }
    this.report = report;
    const { together } = report;
    write(byId("practice-said"), `${together.notes} notes: ${ERRORS.map((name) => `${together[name]} ${name}`).join(", ")}.`);
    byId("practice-report").hidden = false;
    byId("practice-bars").replaceChildren(...report.bars.map((bar) => this.row(bar)));
    this.paint();
  }

  row(bar) {
    const line = element("tr");
    const go = element("button", String(bar.bar), { type: "button", ariaLabel: `Go to bar ${bar.bar}` });
    go.onclick = () => this.ask(`seek ${this.name(bar)}`);
    const head = element("th", "", { scope: "row" });
    head.append(go);
    line.append(head, element("td", bar.times > 1 ? `${bar.times} times` : "once"));
    for (const name of COUNTS) line.append(element("td", String(bar[name]), { className: name !== "notes" && bar[name] ? name : "" }));
    for (const [name, words] of Object.entries(CURVES)) line.append(this.cell(bar[name], this.report.humans[name], words));
    return line;
  }

  cell(value, [low, high], words) {
    if (value === null) return element("td", "");
    const side = value < low ? words.low : value > high ? words.high : "";
    return element("td", `${Math.round(value)} ${side}`.trim(), { className: side ? "outside" : "" });
  }

  /** The name of a bar as it is typed: a number may come again. */
  name({ bar, begin_quarter: quarter }) {
    const time = this.bars.filter((each) => each.number === bar && each.begin_quarter <= quarter + 1e-6).length;
    return time > 1 ? `${bar}.${time}` : String(bar);
  }

  paint() {
    const { canvas, report } = this;
    const scale = devicePixelRatio;
    const width = canvas.clientWidth;
    if (!report || !width) return;
    const curves = Object.entries(CURVES).filter(([name]) => report.bars.some((bar) => bar[name] !== null)); // a tune alone has no chords
    const height = (curves.length + 1) * ROW_PX + FOOT_PX;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.font = "12px system-ui, sans-serif";
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name);
    const step = (width - 2 * LEFT_PX) / report.bars.length;
    const x = (index) => LEFT_PX + (index + 0.5) * step;
    curves.forEach(([name, { title }], row) => this.curve(context, name, title, row * ROW_PX, width, x, colour));
    this.counts(context, curves.length * ROW_PX, x, step, colour);
    context.fillStyle = colour("--quiet");
    let said = -Infinity;
    report.bars.forEach(({ bar }, index) => {
      if (x(index) - said < LEAST_NUMBER_PX) return;
      said = x(index);
      context.fillText(String(bar), said - 4, height - 4);
    });
  }

  curve(context, name, title, top, width, x, colour) {
    const [low, high] = this.report.humans[name];
    const values = this.report.bars.map((bar) => bar[name]);
    const known = [...values, low, high].filter((value) => value !== null);
    const [least, most] = [Math.min(...known), Math.max(...known)];
    const y = (value) => top + ROW_PX - 6 - ((value - least) / (most - least || 1)) * (ROW_PX - 24);
    if (low !== null) {
      context.fillStyle = colour("--band");
      context.fillRect(0, y(high), width, y(low) - y(high));
    }
    context.strokeStyle = context.fillStyle = colour("--accent");
    context.lineWidth = 2;
    context.beginPath();
    values.forEach((value, index) => {
      if (value === null) return;
      if (index && values[index - 1] !== null) context.lineTo(x(index), y(value));
      else context.moveTo(x(index), y(value));
    });
    context.stroke();
    values.forEach((value, index) => value !== null && context.fillRect(x(index) - 2, y(value) - 2, 4, 4));
    context.fillStyle = colour("--text");
    context.fillText(`${title}, ${Math.round(least)} to ${Math.round(most)}`, LEFT_PX, top + 12);
  }

  counts(context, top, x, step, colour) {
    const most = Math.max(...this.report.bars.map((bar) => ERRORS.reduce((sum, name) => sum + bar[name], 0)), 1);
    this.report.bars.forEach((bar, index) => {
      let foot = top + ROW_PX - 6;
      for (const name of ERRORS) {
        const high = (bar[name] / most) * (ROW_PX - 24);
        context.fillStyle = colour(`--${name}`);
        context.fillRect(x(index) - step * 0.35, foot - high, step * 0.7, high);
        foot -= high;
      }
    });
    context.fillStyle = colour("--text");
    context.fillText("wrong, missed and extra notes", LEFT_PX, top + 12);
  }
}
