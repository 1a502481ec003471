// MIDI devices of the browser's computer (Web MIDI), which are asked for when the user says so.

import { element } from "../panels.js";

export class Devices {
  /** `list` is where they are chosen, `play` gets what the chosen inputs say; `uses` tells whether the run `plays` from and `hears` on the page. */
  constructor(list, play, uses) {
    this.list = list;
    this.play = play;
    this.uses = uses;
    this.chosen = new Set(); // ids
  }

  async ask() {
    try {
      if (!navigator.requestMIDIAccess) throw new Error("this browser has no Web MIDI; Chromium has");
      this.access = await navigator.requestMIDIAccess();
    } catch (error) {
      this.list.replaceChildren(element("p", `No devices: ${error.message}`, { className: "gone" }));
      return;
    }
    this.access.onstatechange = () => this.show();
    this.show();
  }

  show() {
    const { inputs, outputs } = this.access;
    const used = [...(this.uses.plays ? inputs.values() : []), ...(this.uses.hears ? outputs.values() : [])];
    const shown = used.map((port) => this.choice(port));
    this.list.replaceChildren(...(shown.length ? shown : [element("p", "No device is there; plug one in and it appears here.")]));
  }

  choice(port) {
    const label = element("label");
    const box = element("input", "", { type: "checkbox", checked: this.chosen.has(port.id) });
    box.onchange = () => this.choose(port, box.checked);
    label.append(box, ` ${port.type === "input" ? "from" : "to"} ${port.name}`);
    return label;
  }

  choose(port, chosen) {
    this.chosen[chosen ? "add" : "delete"](port.id);
    if (port.type === "input") port.onmidimessage = chosen ? ({ data }) => this.play(data) : null;
    else if (!chosen) silence(port);
  }

  /** Send a message to the chosen outputs, at a time of the page's clock in ms. */
  send(message, timeMs) {
    for (const output of this.outputs) output.send(message, timeMs);
  }

  silence() {
    for (const output of this.outputs) silence(output);
  }

  get outputs() {
    return [...(this.access?.outputs.values() ?? [])].filter(({ id }) => this.chosen.has(id));
  }
}

/** End every sound of an output. */
function silence(output) {
  output.clear?.();
  for (let channel = 0; channel < 16; channel++) for (const number of [64, 123]) output.send([0xb0 | channel, number, 0]);
}
