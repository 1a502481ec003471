// A plane of two controls, moved in with a pointer or with arrow keys: such as two dimensions of a style.

import { element, write } from "../panels.js";

const PACE_MS = 33; // between two places that are asked for
const OWN_MS = 500; // for which what is being moved here is not moved by the run
const STEPS = 40; // of the arrow keys, from edge to edge
const FIRST = [["piece-1", "expression"], ["piece-2", "dynamics"]]; // the axes at first, where there are such
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

export class Plane {
  constructor(part, ask) {
    this.part = part;
    this.ask = ask;
    this.area = part.querySelector(".plane");
    this.dot = part.querySelector(".dot");
    this.told = part.querySelector("output");
    this.lists = [...part.querySelectorAll("select")]; // across, up
    this.values = {};
    this.movedMs = -Infinity;
    for (const list of this.lists) list.onchange = () => this.draw();
    this.area.onpointerdown = (event) => {
      if (event.button) return;
      this.area.setPointerCapture(event.pointerId);
      this.follow(event);
    };
    this.area.onpointermove = (event) => {
      if (this.area.hasPointerCapture(event.pointerId)) this.follow(event);
    };
    this.area.ondblclick = () => this.move(this.axes.map((control) => control.default));
    this.area.onkeydown = (event) => this.press(event);
  }

  describe({ controls }) {
    this.controls = controls.filter(({ choices, words }) => !choices.length && !Object.keys(words).length);
    this.part.hidden = this.controls.length < 2;
    if (this.part.hidden) return;
    const names = this.controls.map(({ name }) => name);
    let taken = ""; // by the first axis, which the other one is not to be as well
    this.lists.forEach((list, index) => {
      const wanted = [list.value, ...FIRST[index], ...names].find((name) => names.includes(name) && name !== taken);
      taken = wanted;
      list.replaceChildren(...names.map((name) => element("option", name, { selected: name === wanted })));
    });
    this.draw();
  }

  /** The controls across and up. */
  get axes() {
    return this.lists.map(({ value }) => this.controls.find(({ name }) => name === value));
  }

  show(values) {
    if (this.part.hidden || performance.now() - this.movedMs < OWN_MS) return;
    if (this.axes.every(({ name }) => values[name] === this.values[name])) return;
    this.values = { ...values };
    this.draw();
  }

  follow({ clientX, clientY }) {
    const { left, bottom, width, height } = this.area.getBoundingClientRect();
    const shares = [(clientX - left) / width, (bottom - clientY) / height];
    this.move(this.axes.map((control, index) => within(control, control.minimum + shares[index] * (control.maximum - control.minimum))));
  }

  press(event) {
    const arrow = ARROWS[event.key];
    if (!arrow && event.key !== "Delete") return;
    event.preventDefault();
    if (!arrow) return this.move(this.axes.map((control) => control.default));
    this.move(
      this.axes.map((control, index) => {
        const now = this.values[control.name] ?? control.default;
        return within(control, now + (arrow[index] * (control.maximum - control.minimum)) / STEPS);
      }),
    );
  }

  /** Ask for a place; of those that come quickly, the last in any case. */
  move(values) {
    this.movedMs = performance.now();
    this.axes.forEach(({ name }, index) => {
      if (this.values[name] !== values[index]) (this.wanted ??= {})[name] = this.values[name] = values[index];
    });
    this.draw();
    this.waiting ??= setTimeout(() => {
      this.waiting = null;
      for (const [name, value] of Object.entries(this.wanted ?? {})) this.ask(`set ${name} ${value}`);
      this.wanted = null;
    }, PACE_MS);
  }

  draw() {
    const [across, up] = this.axes.map((control) => {
      const value = this.values[control.name] ?? control.default;
      return Math.min(Math.max((value - control.minimum) / (control.maximum - control.minimum), 0), 1);
    });
    Object.assign(this.dot.style, { left: `${100 * across}%`, bottom: `${100 * up}%` });
    write(this.told, this.axes.map(({ name, default: value }) => `${name} ${Number((this.values[name] ?? value).toPrecision(3))}`).join(", "));
  }
}

/** A value inside the range of a control, to three digits. */
function within({ minimum, maximum }, value) {
  return Number(Math.min(Math.max(value, minimum), maximum).toPrecision(3));
}
