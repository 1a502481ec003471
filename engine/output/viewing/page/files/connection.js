// The WebSocket to the run. It comes back by itself, and then asks for what it has missed.

const SILENCE_MS = 3000; // a run shows something thirty times a second
const LONGEST_PAUSE_MS = 2000;

export class Connection {
  /** `heard` gets each message, `changed` whether the run is there. */
  constructor(heard, changed) {
    this.heard = heard;
    this.changed = changed;
    this.since = "";
    this.pauseMs = 0;
    this.open();
    setInterval(() => this.check(), SILENCE_MS / 3);
    for (const event of ["pageshow", "online"]) addEventListener(event, () => this.check());
    document.addEventListener("visibilitychange", () => this.check());
  }

  /** Ask for something, by a line as it would be typed. Returns whether the run is there to hear it. */
  ask(line) {
    const there = this.socket.readyState === WebSocket.OPEN;
    if (there) this.socket.send(line);
    return there;
  }

  open() {
    const address = new URL(`socket?since=${this.since}`, location.href);
    address.protocol = "ws:";
    const socket = new WebSocket(address);
    this.socket = socket;
    this.lastMs = performance.now();
    socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    socket.onclose = () => {
      if (socket === this.socket) this.openLater();
    };
  }

  openLater() {
    this.changed(false);
    this.socket = { readyState: WebSocket.CONNECTING, close() {} };
    setTimeout(() => this.open(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs + 250, LONGEST_PAUSE_MS);
  }

  hear(message) {
    this.lastMs = performance.now();
    this.pauseMs = 0;
    if (message.snapshot) this.since = message.snapshot.sequence;
    this.changed(true);
    this.heard(message);
  }

  /** Give a connection up that is silent, such as one that was open while the computer slept. */
  check() {
    const silentMs = performance.now() - this.lastMs;
    if (silentMs < SILENCE_MS || this.socket.readyState === WebSocket.CONNECTING) return; // it waits for a run that is being begun
    this.socket.close();
    this.openLater();
  }
}
