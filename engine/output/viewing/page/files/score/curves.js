// How fast and how loud the score has been played, beat by beat over its bars as they are played, beside what was planned.

const LEAST_PX = 5; // of a quarter; a longer score is shown in part, and the part goes along with the music
const LEAST_NUMBER_PX = 34; // between two numbers of bars
const AHEAD = 0.3; // of the width, kept for what comes
const SPAN = 1.25; // from the slowest to the fastest tempo at least
const VELOCITIES = 40; // from the softest to the loudest at least
const MOST_APART = 4.001; // quarters between two beats that were played one after the other
const dark = matchMedia("(prefers-color-scheme: dark)");
const byId = (id) => document.getElementById(id);

export class Curves {
  constructor() {
    this.canvas = byId("curves");
    this.context = this.canvas.getContext("2d");
    this.bars = [];
    this.beats = new Map();
    this.quarter = 0;
    this.wanted = false;
    new ResizeObserver(() => this.want()).observe(this.canvas);
    dark.addEventListener("change", () => this.want());
  }

  describe({ bars, plan }) {
    if (JSON.stringify(bars) !== JSON.stringify(this.bars)) this.beats.clear();
    this.bars = bars;
    this.plan = plan.map((beat) => [beat.quarter, beat.quarters_per_minute, beat.velocity]);
    byId("curves-panel").hidden = !bars.length;
    this.want();
  }

  /** Take beats: where they are, how fast and how loud. */
  take(beats) {
    for (const beat of beats) this.beats.set(beat[0], beat);
    this.want();
  }

  show({ place }) {
    if (!place || place.quarter === this.quarter) return;
    const moved = Math.abs(place.quarter - this.shown) > 0.25;
    this.quarter = place.quarter;
    if (moved || this.shown === undefined) this.want();
  }

  want() {
    if (this.wanted || !this.bars.length) return;
    this.wanted = true;
    requestAnimationFrame(() => {
      this.wanted = false;
      this.paint();
    });
  }

  paint() {
    const { canvas, context } = this;
    const scale = devicePixelRatio;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    this.shown = this.quarter;
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name);
    const last = this.bars.at(-1);
    const end = last.begin_quarter + last.length_quarters;
    const share = Math.max(width / end, LEAST_PX);
    const begin = Math.min(Math.max(this.quarter - ((1 - AHEAD) * width) / share, 0), Math.max(end - width / share, 0));
    const x = (quarter) => (quarter - begin) * share;
    const rows = [...this.beats.values()].sort((one, other) => one[0] - other[0]);
    const foot = 16;
    const half = (height - foot) / 2;
    this.grid(x, width, height - foot, colour);
    const tempos = [...rows, ...this.plan].map((row) => row[1]);
    const middle = tempos.length ? Math.sqrt(Math.min(...tempos) * Math.max(...tempos)) : 90;
    const slowest = Math.min(...tempos, middle / Math.sqrt(SPAN)) * 0.97;
    const fastest = Math.max(...tempos, middle * Math.sqrt(SPAN)) * 1.03;
    const tempoAt = (tempo) => half - 4 - (Math.log(tempo / slowest) / Math.log(fastest / slowest)) * (half - 8);
    const velocities = [...rows, ...this.plan].map((row) => row[2]).filter((velocity) => velocity !== null);
    const centre = velocities.length ? (Math.min(...velocities) + Math.max(...velocities)) / 2 : 64;
    const softest = Math.max(Math.min(...velocities, centre - VELOCITIES / 2) - 3, 0);
    const loudest = Math.min(Math.max(...velocities, centre + VELOCITIES / 2) + 3, 127);
    const velocityAt = (velocity) => 2 * half - 4 - ((velocity - softest) / (loudest - softest)) * (half - 8);
    for (const [from, stroke, wide, apart] of [[this.plan, "--quiet", 1, Infinity], [rows, "--accent", 2, MOST_APART]]) {
      context.strokeStyle = colour(stroke);
      context.lineWidth = wide;
      context.setLineDash(wide === 1 ? [4, 3] : []);
      this.line(from.map(([quarter, tempo]) => [quarter, tempo]), x, tempoAt, apart);
      this.line(from.filter((row) => row[2] !== null).map(([quarter, , velocity]) => [quarter, velocity]), x, velocityAt, apart);
    }
    context.setLineDash([]);
    context.fillStyle = colour("--text");
    context.fillText(`tempo ${Math.round(slowest)} to ${Math.round(fastest)} quarters a minute`, 6, 12);
    context.fillText(`velocity ${Math.round(softest)} to ${Math.round(loudest)}`, 6, half + 12);
    canvas.dataset.beats = rows.length;
  }

  /** Bar lines and numbers, and where the music is. */
  grid(x, width, height, colour) {
    const { context } = this;
    context.font = "12px system-ui, sans-serif";
    context.clearRect(0, 0, width, height + 16);
    context.lineWidth = 1;
    let said = -Infinity;
    for (const { number, begin_quarter: quarter } of this.bars) {
      const at = x(quarter);
      if (at < 0 || at > width) continue;
      context.fillStyle = colour("--lines");
      context.fillRect(at, 0, 1, height);
      if (at - said < LEAST_NUMBER_PX) continue;
      said = at;
      context.fillStyle = colour("--quiet");
      context.fillText(String(number), at + 2, height + 12);
    }
    context.fillStyle = colour("--lines");
    context.fillRect(0, height / 2, width, 1);
    context.fillStyle = colour("--accent");
    context.fillRect(x(this.quarter), 0, 1, height);
  }

  /** A line through points, broken where they are so many quarters apart. */
  line(points, x, y, apart) {
    const { context } = this;
    context.beginPath();
    let before = -Infinity;
    for (const [quarter, value] of points) {
      const at = x(quarter + 0.5);
      if (quarter - before > apart) context.moveTo(at - 1, y(value));
      context.lineTo(at, y(value));
      before = quarter;
    }
    context.stroke();
  }
}
