// The rows under the score: piano rolls, curves and pedals over the music. It is turned like a page when the music leaves it.

const ROLL_HEIGHT = 150;
const CURVE_HEIGHT = 90;
const PEDAL_HEIGHT = 16;
const GAP = 8;
const LEFT = 92;
const FOOT = 18;
const MOST_TICKS = 24;
const PARTS = ["#4f9dde", "#e8743b", "#5fbf77", "#d65db1", "#e6c229", "#9b7ede", "#3bc9c3", "#c9806b"];
const dark = matchMedia("(prefers-color-scheme: dark)");

/** The colour of a note: of its part, or, of one part, of its velocity. */
function colourOf(velocity, part, parts) {
  if (parts.length) return PARTS[part % PARTS.length];
  return `hsl(${230 - (200 * velocity) / 127} 85% ${58 + (14 * velocity) / 127}%)`;
}

export function keyOf({ parts, curves }) {
  const style = getComputedStyle(document.body);
  if (parts.length) return parts.map((name, index) => [name, PARTS[index % PARTS.length]]);
  return curves[0].lines.map(({ label }) => [label, style.getPropertyValue(`--${label}`)]);
}

export class Strip {
  constructor(canvas, now, shown) {
    Object.assign(this, { canvas, now, shown });
    this.context = canvas.getContext("2d");
    this.begin = 0;
    this.end = shown.end;
    const pitches = shown.rolls.flatMap(({ notes }) => notes.map((note) => note[2]));
    this.lowest = Math.min(60, ...pitches) - 2;
    this.highest = Math.max(60, ...pitches) + 2;
    new ResizeObserver(() => this.paint()).observe(canvas.parentElement);
    dark.addEventListener("change", () => this.paint());
  }

  /** Show from one place to another. */
  look(begin, end) {
    if (begin === this.begin && end === this.end) return;
    [this.begin, this.end] = [begin, end];
    this.paint();
  }

  x(place) {
    return LEFT + ((place - this.begin) / (this.end - this.begin)) * (this.width - LEFT);
  }

  placeAt(clientX) {
    const { left } = this.canvas.getBoundingClientRect();
    const share = (clientX - left - LEFT) / (this.width - LEFT);
    return this.begin + Math.min(Math.max(share, 0), 1) * (this.end - this.begin);
  }

  point(place) {
    this.now.style.left = `${this.x(place)}px`;
  }

  paint() {
    const { rolls, curves, pedals } = this.shown;
    this.width = this.canvas.parentElement.clientWidth;
    const height = rolls.length * (ROLL_HEIGHT + GAP) + curves.length * (CURVE_HEIGHT + GAP) + pedals.length * (PEDAL_HEIGHT + GAP) + FOOT;
    this.canvas.width = Math.round(this.width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    this.canvas.style.height = `${height}px`;
    this.context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    this.style = getComputedStyle(document.body);
    this.context.font = "12px system-ui, sans-serif";
    let top = 0;
    for (const [rows, rowHeight, draw] of [
      [rolls, ROLL_HEIGHT, this.roll],
      [curves, CURVE_HEIGHT, this.curve],
      [pedals, PEDAL_HEIGHT, this.pedal],
    ]) {
      for (const row of rows) {
        this.context.save();
        draw.call(this, row, top, rowHeight);
        this.context.restore();
        top += rowHeight + GAP;
      }
    }
    this.ticks(top);
  }

  colour(name) {
    return this.style.getPropertyValue(`--${name}`);
  }

  frame(top, height, ground) {
    const { context } = this;
    context.beginPath();
    context.rect(LEFT, top, this.width - LEFT, height);
    context.fillStyle = ground;
    context.fill();
    context.clip();
  }

  label(text, top, height) {
    const { context } = this;
    context.fillStyle = this.colour("quiet");
    context.textBaseline = "middle";
    text.split(", ").forEach((line, index, { length }) => context.fillText(line, 0, top + height / 2 + (index - (length - 1) / 2) * 14, LEFT - 4));
  }

  roll({ label, notes }, top, height) {
    const { context } = this;
    this.label(label, top, height);
    this.frame(top, height, this.colour("night"));
    const row = height / (this.highest - this.lowest + 1);
    for (const [left, right, pitch, velocity, part] of notes) {
      if (right < this.begin || left > this.end) continue;
      context.fillStyle = colourOf(velocity, part, label === "human" ? [] : this.shown.parts);
      context.globalAlpha = this.shown.parts.length ? 0.45 + (0.55 * velocity) / 127 : 1;
      context.fillRect(this.x(left), top + (this.highest - pitch) * row, Math.max(this.x(right) - this.x(left) - 0.5, 1.5), Math.max(row * 0.9, 1.5));
    }
  }

  curve({ label, lines }, top, height) {
    const { context } = this;
    const values = lines.flatMap(({ points }) => points.map((point) => point[1]));
    const [lowest, highest] = [Math.min(...values), Math.max(...values)];
    const margin = Math.max((highest - lowest) * 0.1, 1);
    const y = (value) => top + height - ((value - lowest + margin) / (highest - lowest + 2 * margin)) * height;
    this.label(label, top, height);
    this.frame(top, height, this.colour("panel"));
    for (const { label: name, points } of lines) {
      context.beginPath();
      points.forEach(([place, value]) => context.lineTo(this.x(place), y(value)));
      context.strokeStyle = this.colour(name);
      context.lineWidth = 2;
      context.stroke();
    }
    if (!values.length) return;
    context.fillStyle = this.colour("quiet");
    context.textBaseline = "top";
    context.fillText(highest.toFixed(0), LEFT + 4, top + 2);
    context.textBaseline = "bottom";
    context.fillText(lowest.toFixed(0), LEFT + 4, top + height - 2);
  }

  pedal({ label, points }, top, height) {
    const { context } = this;
    this.label(this.shown.pedals.length > 1 ? `ped. ${label}` : "pedal", top, height);
    this.frame(top, height, this.colour("panel"));
    context.fillStyle = this.colour(label);
    points.forEach(([place, value], index) => {
      const next = points[index + 1]?.[0] ?? this.shown.end;
      const high = (value / 127) * height;
      context.fillRect(this.x(place), top + height - high, Math.max(this.x(next) - this.x(place), 0), high);
    });
  }

  ticks(top) {
    const { context } = this;
    const seen = this.shown.ticks.filter(([place]) => place >= this.begin - 1e-6 && place <= this.end);
    const step = Math.ceil(seen.length / MOST_TICKS);
    context.fillStyle = this.colour("quiet");
    context.textBaseline = "top";
    context.fillText(this.shown.unit, 0, top);
    seen.filter((_, index) => index % step === 0).forEach(([place, text]) => context.fillText(text, this.x(place), top));
  }
}
