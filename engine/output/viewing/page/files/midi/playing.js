// What is played and heard on this page: its sound, its keyboard, the devices of its computer, and how much later all that makes a note.

import { write } from "../panels.js";
import { Devices } from "./devices.js";
import { Instrument } from "./instrument.js";
import { Line } from "./line.js";
import { Piano } from "./piano.js";

const WAYS = 64; // of the last messages from the engine to the page
const MOST_DELAY_MS = 80;
const SHOWN_MS = 250;
const byId = (id) => document.getElementById(id);

export class Playing {
  constructor() {
    this.panel = byId("playing");
    this.uses = { plays: false, hears: false };
    this.waysMs = []; // that the last messages took from when they were due
    this.piano = new Piano(byId("piano"), (message) => this.line?.send(message));
    this.devices = new Devices(byId("devices"), (message) => this.line?.send(message), this.uses);
    byId("sound").onclick = () => (this.instrument ? this.turnOff() : this.turnOn());
    byId("volume").oninput = () => this.instrument?.setVolume(byId("volume").value / 100);
    byId("touch").oninput = () => (this.piano.velocity = Number(byId("touch").value));
    byId("lower").onclick = () => this.piano.shift(-1);
    byId("higher").onclick = () => this.piano.shift(1);
    byId("devices-ask").onclick = () => this.devices.ask();
    setInterval(() => this.show(), SHOWN_MS);
  }

  describe({ page }) {
    Object.assign(this.uses, page);
    this.panel.hidden = !(page.plays || page.hears);
    byId("hearing").hidden = !page.hears;
    byId("keys").hidden = !page.plays;
    if (!this.panel.hidden) this.line ??= new Line((message, dueMs) => this.hear(message, dueMs), () => this.end());
  }

  async turnOn() {
    byId("sound").disabled = true;
    const instrument = new Instrument();
    instrument.setVolume(byId("volume").value / 100);
    await instrument.ready;
    this.instrument = instrument;
    byId("sound").disabled = false;
    byId("sound").ariaPressed = true;
  }

  turnOff() {
    this.instrument.close();
    this.instrument = null;
    byId("sound").ariaPressed = false;
  }

  /** Every message sounds as long after it was due as the slowest of the last ones took to come here, so that the rhythm stays. */
  hear(message, dueMs) {
    this.waysMs.push(Math.max(performance.now() - dueMs, 0));
    if (this.waysMs.length > WAYS) this.waysMs.shift();
    const timeMs = dueMs + this.delayMs;
    this.instrument?.play(message, timeMs);
    this.devices.send(message, timeMs);
  }

  get delayMs() {
    return Math.min(Math.max(...this.waysMs), MOST_DELAY_MS);
  }

  /** The run has gone; the next one describes itself. */
  end() {
    this.line = null;
    this.instrument?.silence();
    this.devices.silence();
  }

  show() {
    if (this.panel.hidden) return;
    byId("level").value = this.instrument?.level ?? 0;
    const said = [];
    if (this.line?.roundTripMs !== undefined) said.push(`To the engine: ${inMs(this.line.roundTripMs / 2)}.`);
    if (this.waysMs.length) {
      const [way] = [...this.waysMs].sort((one, other) => one - other).slice(Math.floor(this.waysMs.length / 2));
      const heard = this.instrument ? `; heard after ${inMs(this.delayMs + this.instrument.latencyMs)}` : "";
      said.push(`From the engine: ${inMs(way)}${heard}.`);
    }
    write(byId("latency"), said.join(" ") || "Nothing has been played yet.");
  }
}

const inMs = (value) => `${value.toFixed(1)} ms`;
