// The engraved score: the run says which file is played, the program that serves this page draws it.

import { write } from "../panels.js";
import { Choice } from "./choice.js";
import { Cursor } from "./cursor.js";
import { Directions } from "./directions.js";
import { Duo } from "./duo.js";
import { Engraving } from "./engraving.js";

const SETTLED_MS = 300; // without another width
const byId = (id) => document.getElementById(id);

export class Score {
  /** `ask` asks the run for something, `say` is told in one line what is wrong. */
  constructor(ask, say) {
    this.say = say;
    this.panel = byId("score-panel");
    this.container = byId("score");
    this.cursor = new Cursor(this.container);
    this.choice = new Choice(this.container, ask);
    this.choice.sounding = () => this.cursor.index;
    this.directions = new Directions(ask);
    this.duo = new Duo();
    this.played = ""; // which score, with which bars
    this.width = 0; // for which it is engraved, or is being engraved
    let waiting = null;
    const fit = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.load(), SETTLED_MS);
    };
    new ResizeObserver(fit).observe(this.container);
    byId("score-size").onchange = fit;
  }

  describe(description) {
    const { score, bars } = description;
    this.directions.describe(description);
    const played = score ? JSON.stringify([score, bars]) : "";
    if (played === this.played) return;
    this.played = played;
    this.bars = bars;
    this.width = 0;
    this.panel.hidden = !score;
    this.leave();
    if (score) this.load();
  }

  get parts() {
    return [this.cursor, this.choice, this.directions, this.duo];
  }

  leave() {
    this.engraving?.close();
    this.engraving = null;
    for (const part of this.parts) part.use(null, []);
    this.container.replaceChildren();
  }

  async load() {
    const width = Math.round(this.container.clientWidth / Number(byId("score-size").value));
    if (!this.played || this.panel.hidden || width === this.width) return;
    this.width = width;
    const { played } = this;
    if (!this.engraving) write(byId("score-said"), "The score is being engraved.");
    for (const beginning of this.engraving ? [""] : ["&beginning", ""]) { // what is there already stays until all of it is there anew
      const engraved = await fetch(`engraving?width=${width}${beginning}`)
        .then((response) => response.json())
        .catch(() => null); // the run is not there, which is said elsewhere
      if (played !== this.played || width !== this.width) return;
      write(byId("score-said"), engraved?.whole === false ? "The first bars; the rest is being engraved." : "");
      if (engraved === null) {
        this.width = 0;
        return;
      }
      if (engraved.error) {
        this.panel.hidden = true;
        this.say(`the score is not engraved: ${engraved.error}`, false);
        return;
      }
      this.engrave(engraved);
      if (engraved.whole) return;
    }
  }

  engrave(engraved) {
    this.leave();
    const over = [this.choice, this.directions];
    this.engraving = new Engraving(this.container, engraved, () => over.forEach((part) => part.draw()));
    for (const part of this.parts) part.use(this.engraving, this.bars);
    if (this.quarter !== undefined) this.cursor.show(this.quarter);
  }

  show(state) {
    this.duo.show(state);
    const { place } = state;
    if (!place || place.quarter === this.quarter) return;
    this.quarter = place.quarter;
    this.cursor.show(place.quarter);
  }
}
