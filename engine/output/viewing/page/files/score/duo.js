// A soloist and the accompaniment: where each of them is, how sure that is, and who is ahead.

import { write } from "../panels.js";
import { Cursor } from "./cursor.js";

const TOGETHER_MS = 5; // nearer than this nobody is ahead
const byId = (id) => document.getElementById(id);
const told = (place) => (place ? `bar ${place.bar}, beat ${Math.floor(place.beat)}` : "–");

export class Duo {
  constructor() {
    this.cursor = new Cursor(byId("score"), "cursor heard", false);
    this.place = null;
  }

  use(engraving, bars) {
    this.cursor.leave();
    this.cursor.use(engraving, bars);
    if (this.place) this.cursor.show(this.place.quarter);
  }

  show({ duo, place }) {
    byId("duo").hidden = !duo;
    if (!duo) return;
    if (duo.place && duo.place.quarter !== this.place?.quarter) this.cursor.show(duo.place.quarter);
    this.place = duo.place;
    const who = duo.part ? `You play ${duo.part}.` : "Which part you play is found out within some notes.";
    write(byId("duo-part"), duo.lost ? "What you play is not found in the score." : who);
    write(byId("duo-heard"), told(duo.place));
    write(byId("duo-here"), told(place));
    byId("duo-sure").value = duo.confidence;
    write(byId("duo-sure").nextElementSibling, `${Math.round(100 * duo.confidence)}%`);
    write(byId("duo-ahead"), ahead(duo.ahead_ns));
  }
}

function ahead(ns) {
  if (ns === null) return "–";
  const ms = Math.round(ns / 1e6);
  if (Math.abs(ms) < TOGETHER_MS) return "together";
  return ms > 0 ? `you, by ${ms} ms` : `the accompaniment, by ${-ms} ms`;
}
