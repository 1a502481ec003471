// A slider, or a list of choices, for each control of the performer.

import { element, write } from "./panels.js";

const STEPS = 200; // of a slider, unless the range is of whole numbers
const OWN_MS = 500; // for which what is being moved here is not moved by the run
const PACE_MS = 33; // between two values that are asked for

/** Return the step of a slider. */
function stepOf({ minimum, maximum, default: value }) {
  const whole = [minimum, maximum, value].every(Number.isInteger) && maximum - minimum > 8;
  return whole ? 1 : (maximum - minimum) / STEPS;
}

/** One control: its elements, and what it asks for. */
class Control {
  constructor(description, ask) {
    this.description = description;
    this.ask = ask;
    this.movedMs = -Infinity;
    const { name, unit, help, controllers } = description;
    const id = `control-${name}`;
    this.input = description.choices.length ? this.list(description.choices) : this.slider();
    const { minimum, maximum, choices } = description;
    const range = choices.length ? help : `${help}; ${minimum} to ${maximum}`;
    Object.assign(this.input, { id, title: range });
    this.input.setAttribute("aria-describedby", "control-hint");
    this.value = element("output");
    this.value.setAttribute("for", id);
    const label = element("label", name.replaceAll("_", " "), { htmlFor: id, title: range });
    if (unit) label.append(element("small", ` in ${unit}`));
    const learn = element("button", controllers.length ? `CC ${controllers.join(", ")}` : "Learn", { type: "button" });
    learn.ariaLabel = controllers.length ? `CC ${controllers.join(", ")} moves ${name}; learn another` : `Learn ${name}`;
    learn.onclick = () => ask(`learn ${name}`);
    const buttons = element("span");
    buttons.append(...Object.keys(description.words).map((word) => this.word(word)), learn);
    this.element = element("div", "", { className: "control" });
    this.element.setAttribute("role", "group");
    this.element.ariaLabel = name;
    this.element.append(label, this.value, buttons, this.input);
    this.element.ondblclick = () => this.reset();
    this.input.onkeydown = (event) => {
      if (event.key !== "Delete" && event.key !== "Backspace") return;
      event.preventDefault();
      this.reset();
    };
  }

  list(choices) {
    const list = element("select");
    list.append(...choices.map((choice, index) => element("option", choice, { value: index })));
    list.onchange = () => this.set(this.description.choices[list.value]);
    return list;
  }

  slider() {
    const { minimum, maximum } = this.description;
    const slider = element("input", "", { type: "range", min: minimum, max: maximum, step: stepOf(this.description) });
    slider.oninput = () => this.set(Number(slider.value));
    return slider;
  }

  word(word) {
    const button = element("button", word, { type: "button" });
    button.onclick = () => this.set(word);
    return button;
  }

  reset() {
    const { choices, default: value, words } = this.description;
    const word = Object.keys(words).find((each) => words[each] === value);
    this.movedMs = -Infinity; // what the run answers is shown at once
    this.set(choices[value] ?? word ?? value);
    this.movedMs = -Infinity;
  }

  /** Ask for a value; of those that come quickly, the last in any case. */
  set(value) {
    this.movedMs = performance.now();
    if (typeof value === "number") this.write(value);
    this.wanted = value;
    this.waiting ??= setTimeout(() => {
      this.waiting = null;
      this.ask(`set ${this.description.name} ${this.wanted}`);
    }, PACE_MS);
  }

  show(value) {
    if (performance.now() - this.movedMs < OWN_MS) return;
    if (Number(this.input.value) !== value) this.input.value = value;
    this.write(value);
  }

  write(value) {
    const { choices, words } = this.description;
    const word = Object.keys(words).find((each) => words[each] === value);
    const text = word ?? String(Number(value.toPrecision(4)));
    write(this.value, choices.length ? "" : text);
    if (!choices.length) this.input.setAttribute("aria-valuetext", text);
  }
}

export class Controls {
  constructor(list, ask) {
    this.list = list;
    this.ask = ask;
    this.all = [];
  }

  describe({ controls }) {
    const focused = document.activeElement?.id;
    this.all = controls.map((each) => new Control(each, this.ask));
    this.list.replaceChildren(...this.all.map((each) => each.element));
    if (!this.all.length) this.list.append(element("p", "This performer has none."));
    if (focused?.startsWith("control-")) document.getElementById(focused)?.focus();
  }

  show(values) {
    for (const control of this.all) control.show(values[control.description.name]);
  }
}
