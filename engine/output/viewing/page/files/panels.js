// What stands beside the roll: how it goes now, meters, last notes, lateness, counts, ports.

const BOUNDS_MS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, Infinity]; // upper bounds of lateness
const MOST_LAST_NOTES = 8;
const RECENT = 300; // notes whose delay is told
const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const COUNTS = {
  notes_in: "notes in",
  notes_out: "notes out",
  late: "events over 10 ms late",
  most_late_ns: "latest, ms",
  degraded: "events without the model",
  windows: "windows",
  windows_short: "windows cut short",
  failures: "failures of the performer",
  passed: "notes passed on meanwhile",
  standstills: "standstills of the machine",
  longest_standstill_ns: "longest standstill, ms",
  underruns: "underruns of the sound card",
};

const byId = (id) => document.getElementById(id);
export const keyName = (key) => `${NAMES[key % 12]}${Math.floor(key / 12) - 1}`;

/** Return an element that says something. */
export function element(tag, text = "", properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, properties);
}

/** Write a text where it has changed, so that an idle page costs nothing. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** A list of names and values. */
class Pairs {
  constructor(list) {
    this.list = list;
    this.values = new Map();
  }

  show(pairs) {
    const names = Object.keys(pairs);
    if (names.join() !== [...this.values.keys()].join()) {
      this.values = new Map(names.map((name) => [name, element("dd")]));
      this.list.replaceChildren(...names.flatMap((name) => [element("dt", name), this.values.get(name)]));
    }
    for (const name of names) write(this.values.get(name), String(pairs[name]));
  }
}

export class Panels {
  constructor() {
    this.now = new Pairs(byId("now"));
    this.counts = new Pairs(byId("counts"));
    this.lateness = BOUNDS_MS.map(() => 0);
    this.recent = []; // ms
    this.rows = BOUNDS_MS.map((bound, index) => {
      const name = bound === Infinity ? `over ${BOUNDS_MS[index - 1]}` : `to ${bound}`;
      const row = { meter: element("meter", "", { ariaLabel: `${name} ms` }), count: element("td", "0") };
      const cell = element("td");
      cell.append(row.meter);
      const line = element("tr");
      line.append(element("th", name, { scope: "row" }), cell, row.count);
      byId("lateness").append(line);
      return row;
    });
  }

  describe(description) {
    this.description = description;
    const lookahead = description.lookahead_ns ? ` (${description.lookahead_ns / 1e9} s ahead)` : "";
    const file = description.score ? /^.*[\\/]/ : /^([A-Z]:|\/).*[\\/]/; // of a file its name
    const source = description.source.replace(file, "");
    write(byId("route"), `${source} → ${description.performer}${lookahead} → ${description.outputs.join(", ")}`);
  }

  show(state, notesIn, notesOut) {
    this.showNow(state);
    this.meter("velocity-in", notesIn.findLast((note) => note.velocity)?.velocity);
    this.meter("velocity-out", notesOut.findLast((note) => note.velocity)?.velocity);
    this.meter("pedal-in", state.pedal_in);
    this.meter("pedal-out", state.pedal_out);
    if (notesOut.length) {
      this.showLast(notesOut.filter((note) => note.velocity));
      this.showLateness(notesOut);
    }
    const { counts } = state;
    const shown = Object.entries(COUNTS).filter(([name]) => counts[name] || name.startsWith("notes") || name === "late");
    this.counts.show(Object.fromEntries(shown.map(([name, label]) => [label, name.endsWith("_ns") ? Math.round(counts[name] / 1e6) : counts[name]])));
    this.showPorts(state.ports);
  }

  showNow({ place, beat, recording, replaying, muted }) {
    const { performer, seed } = this.description;
    const pairs = { performer, seed };
    if (place) Object.assign(pairs, { bar: place.bar, beat: Math.floor(place.beat), tempo: tempo(place.quarters_per_minute) });
    if (beat) Object.assign(pairs, { "tempo heard": tempo(beat.quarters_per_minute) });
    if (place) pairs.score = place.plays ? "plays" : "paused";
    if (muted) pairs.output = "muted";
    if (recording) pairs.records = recording;
    if (replaying) pairs["plays back"] = replaying;
    this.now.show(pairs);
  }

  meter(id, value) {
    const meter = byId(id);
    if (value === undefined || meter.value === value) return;
    meter.value = value;
    write(meter.nextElementSibling, String(value));
  }

  showLast(notes) {
    const list = byId("last-notes");
    for (const { key, velocity, channel } of notes.slice(-MOST_LAST_NOTES)) {
      list.prepend(element("li", `${keyName(key)}, velocity ${velocity}${channel ? `, channel ${channel + 1}` : ""}`));
    }
    while (list.children.length > MOST_LAST_NOTES) list.lastElementChild.remove();
  }

  showLateness(notes) {
    for (const { late_ns: lateNs } of notes) this.lateness[BOUNDS_MS.findIndex((bound) => lateNs / 1e6 <= bound)] += 1;
    this.recent = [...this.recent, ...notes.map(({ late_ns: lateNs }) => lateNs / 1e6)].slice(-RECENT);
    this.showDelay([...this.recent].sort((one, other) => one - other));
    const all = this.lateness.reduce((sum, count) => sum + count);
    this.rows.forEach(({ meter, count }, index) => {
      meter.value = this.lateness[index] / all;
      write(count, String(this.lateness[index]));
    });
  }

  /** Say how long a note is on its way, from when it came; of a score from when it was due. `sorted` are the last ones, in ms. */
  showDelay(sorted) {
    const { plays, lookahead_ns: lookaheadNs } = this.description;
    const [half, most] = [0.5, 0.99].map((share) => (sorted[Math.floor(share * (sorted.length - 1))] + lookaheadNs / 1e6).toFixed(1));
    const since = plays === "scores" ? "it was due" : "it came in";
    write(byId("delay"), `A note goes out ${half} ms after ${since}, 99% within ${most} ms.`);
  }

  showPorts(ports) {
    const key = JSON.stringify(ports);
    if (key === this.ports) return;
    this.ports = key;
    const lines = ports.map(({ name, direction, there }) =>
      element("li", `${direction}: ${name}, ${there ? "there" : "gone"}`, { className: there ? "" : "gone" }),
    );
    byId("ports").replaceChildren(...(lines.length ? lines : [element("li", "none")]));
  }
}

function tempo(quartersPerMinute) {
  return quartersPerMinute ? `${quartersPerMinute.toFixed(1)} quarters a minute` : "–";
}
