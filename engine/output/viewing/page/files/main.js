// The page: what the run shows goes to the parts, what the parts ask for goes to the run.

import { Commands } from "./commands.js";
import { Connection } from "./connection.js";
import { Controls } from "./controls.js";
import { Baton } from "./hand/baton.js";
import { Plane } from "./hand/plane.js";
import { Turn } from "./hand/turn.js";
import { Playing } from "./midi/playing.js";
import { Panels } from "./panels.js";
import { Practice } from "./practice/practice.js";
import { Roll } from "./roll.js";
import { Curves } from "./score/curves.js";
import { Score } from "./score/score.js";
import { Start } from "./start/start.js";
import { Transport } from "./transport.js";

const state = {};
const ask = (line) => connection.ask(line) || commands.say("not connected to the run; what was asked for is lost", false);
const roll = new Roll(document.getElementById("roll"));
const panels = new Panels();
const controls = new Controls(document.getElementById("control-list"), ask);
const transport = new Transport(ask);
const commands = new Commands(ask);
const baton = new Baton(document.getElementById("baton"), ask);
const plane = new Plane(document.getElementById("plane-part"), ask);
const turn = new Turn(document.getElementById("turn"), ask);
const playing = new Playing();
const curves = new Curves();
const practice = new Practice(ask);
const score = new Score(ask, (line, done) => commands.say(line, done));
const start = new Start((message) => connection.ask(JSON.stringify(message)), playing);

function hear({ start: offer, parts, description, snapshot, curve, answer }) {
  if (offer) {
    if (state.description) return location.reload(); // of the run that has ended nothing stays
    document.body.dataset.shows = "start";
    start.show(offer);
  }
  if (parts) start.offerParts(parts);
  if (description) {
    document.body.dataset.shows = "run";
    state.description = description;
    for (const part of [panels, controls, transport, commands, playing, score, curves, practice, baton, plane, turn]) part.describe(description);
  }
  if (snapshot) {
    const { notes_in: notesIn = [], notes_out: notesOut = [], said = [], ...changed } = snapshot;
    Object.assign(state, changed);
    roll.show(state, notesIn, notesOut);
    panels.show(state, notesIn, notesOut);
    controls.show(state.controls);
    plane.show(state.controls);
    transport.show(state);
    score.show(state);
    curves.show(state);
    practice.show(state, notesIn);
    commands.show(state, said);
  }
  if (curve) curves.take(curve);
  if (answer) commands.say(answer.line, answer.done, answer.to);
}

const shown = document.getElementById("connection");
function change(there) {
  const text = there ? "connected" : start.beginning ? "beginning" : "not connected; trying again";
  if (shown.textContent !== text) shown.textContent = text;
  document.body.classList.toggle("away", !there);
}

const connection = new Connection(hear, change);
