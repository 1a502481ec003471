// The piano roll: the last seconds, in grey what came in, in colour what went out.

const WINDOW_MS = 8000;
const PACE_MS = 30; // between two pictures; the processor is the music's first
const KEYS_AT_LEAST = 36;
const NS_PER_MS = 1e6;
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

/** The colour of a velocity; what is loud stands out from the ground more. */
export function colour(velocity) {
  const share = velocity / 127;
  const [saturation, lightness] = dark.matches ? [85, 62 + 13 * share] : [70, 45 - 15 * share];
  return `hsl(${230 - 200 * share} ${saturation}% ${lightness}%)`;
}

/** The notes of one direction, each `{key, velocity, begin, end}` with times in ms; `end` is null while it sounds. */
class Notes {
  constructor() {
    this.all = [];
    this.sounding = new Map();
  }

  add(notes) {
    for (const { time_ns: timeNs, channel, key, velocity } of notes) {
      const place = channel * 128 + key;
      const time = timeNs / NS_PER_MS;
      const before = this.sounding.get(place);
      if (before) before.end = time;
      this.sounding.delete(place);
      if (velocity) {
        const note = { key, velocity, begin: time, end: null };
        this.all.push(note);
        this.sounding.set(place, note);
      }
    }
  }

  forget(before) {
    this.all = this.all.filter((note) => note.end === null || note.end > before);
  }
}

export class Roll {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.came = new Notes();
    this.left = new Notes();
    this.lowest = 48;
    this.highest = this.lowest + KEYS_AT_LEAST - 1;
    this.aheadMs = null; // of the engine's clock before the page's
    this.drawn = ""; // what stands on the canvas
    new ResizeObserver(() => this.fit()).observe(canvas);
    dark.addEventListener("change", () => (this.drawn = ""));
    let drawnMs = 0;
    const draw = (timeMs) => {
      requestAnimationFrame(draw);
      if (timeMs - drawnMs < PACE_MS) return;
      drawnMs = timeMs;
      this.draw();
    };
    requestAnimationFrame(draw);
  }

  show({ time_ns: timeNs, complete }, notesIn, notesOut) {
    const aheadMs = timeNs / NS_PER_MS - performance.now();
    const slept = this.aheadMs === null || Math.abs(aheadMs - this.aheadMs) > 500;
    this.aheadMs = slept ? aheadMs : Math.max(this.aheadMs - 0.05, aheadMs); // the quickest message is nearest to the truth
    if (!complete) {
      this.came = new Notes(); // an end may be among what is missing
      this.left = new Notes();
    }
    this.came.add(notesIn);
    this.left.add(notesOut);
    for (const { key } of [...notesIn, ...notesOut]) {
      this.lowest = Math.min(this.lowest, key - 1);
      this.highest = Math.max(this.highest, key + 1);
    }
  }

  fit() {
    const { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = Math.round(clientWidth * devicePixelRatio);
    this.canvas.height = Math.round(clientHeight * devicePixelRatio);
    this.drawn = "";
  }

  draw() {
    if (this.aheadMs === null || !this.canvas.width) return;
    const now = performance.now() + this.aheadMs;
    // Without motion the window is turned like a page, and nothing in it moves.
    const end = reduced.matches ? Math.ceil(now / WINDOW_MS) * WINDOW_MS : now;
    const begin = end - WINDOW_MS;
    this.came.forget(begin);
    this.left.forget(begin);
    const last = this.came.all.length + this.left.all.length ? now : "";
    const toDraw = `${last} ${end * !!reduced.matches} ${this.lowest} ${this.highest}`;
    if (toDraw === this.drawn) return; // an empty roll costs nothing
    this.drawn = toDraw;
    this.paint(begin, now);
  }

  paint(begin, now) {
    const { context, canvas } = this;
    const { width, height } = canvas;
    const style = getComputedStyle(canvas);
    const row = height / (this.highest - this.lowest + 1);
    const x = (time) => ((time - begin) / WINDOW_MS) * width;
    const y = (key) => (this.highest - key) * row;
    context.clearRect(0, 0, width, height);
    context.fillStyle = style.getPropertyValue("--black-keys");
    for (let key = this.lowest; key <= this.highest; key++) {
      if ([1, 3, 6, 8, 10].includes(key % 12)) context.fillRect(0, y(key), width, row);
    }
    context.fillStyle = style.getPropertyValue("--lines");
    for (let key = Math.ceil(this.lowest / 12) * 12; key <= this.highest; key += 12) {
      context.fillRect(0, y(key) + row, width, 1);
      context.font = `${11 * devicePixelRatio}px sans-serif`;
      context.fillText(`C${key / 12 - 1}`, 4, y(key) + row - 3);
    }
    for (let second = Math.ceil(begin / 1000) * 1000; second < begin + WINDOW_MS; second += 1000) context.fillRect(x(second), 0, 1, height);
    context.fillStyle = style.getPropertyValue("--came");
    for (const note of this.came.all) context.fillRect(x(note.begin), y(note.key), this.length(note, now, width), row);
    for (const note of this.left.all) {
      context.fillStyle = colour(note.velocity);
      context.fillRect(x(note.begin), y(note.key) + row * 0.2, this.length(note, now, width), row * 0.6);
    }
  }

  length(note, now, width) {
    return Math.max((((note.end ?? now) - note.begin) / WINDOW_MS) * width, 2 * devicePixelRatio);
  }
}
