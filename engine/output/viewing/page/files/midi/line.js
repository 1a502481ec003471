// The WebSocket for MIDI: what goes out comes with the time when it is due, by this page's clock.

const PINGS = 64; // of which the quickest tells the offset of the clocks
const FIRST_PING_MS = 100;
const PING_MS = 2000;
const NS_PER_MS = 1e6;

export class Line {
  /** `heard` gets each message as bytes, and when it was due in ms; `ended` is called when the run has gone. */
  constructor(heard, ended) {
    this.heard = heard;
    this.offsets = []; // pairs of a round trip in ms, and how far the engine's clock is ahead
    this.aheadMs = null;
    const address = new URL("midi", location.href);
    address.protocol = "ws:";
    this.socket = new WebSocket(address);
    this.socket.onopen = () => this.ping();
    this.socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    this.socket.onclose = () => {
      clearTimeout(this.timer);
      ended();
    };
  }

  /** Play a message. */
  send(message) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(JSON.stringify({ midi: [...message].map((byte) => byte.toString(16).padStart(2, "0")).join("") }));
  }

  ping() {
    this.socket.send(JSON.stringify({ ping: performance.now() }));
    this.timer = setTimeout(() => this.ping(), this.offsets.length < 10 ? FIRST_PING_MS : PING_MS);
  }

  hear({ midi, pong, time_ns: timeNs }) {
    if (pong !== undefined) {
      const nowMs = performance.now();
      this.offsets.push([nowMs - pong, timeNs / NS_PER_MS - (nowMs + pong) / 2]);
      if (this.offsets.length > PINGS) this.offsets.shift();
      const trips = this.offsets.map(([trip]) => trip).sort((one, other) => one - other);
      this.roundTripMs = trips[Math.floor(trips.length / 2)];
      this.aheadMs = this.offsets.reduce((best, each) => (each[0] < best[0] ? each : best))[1];
    }
    for (const [dueNs, text] of midi ?? []) {
      const message = Uint8Array.from(text.match(/../g), (byte) => parseInt(byte, 16));
      this.heard(message, this.aheadMs === null ? performance.now() : dueNs / NS_PER_MS - this.aheadMs);
    }
  }
}
