// What sounds in the browser: struck strings, and noises for drums. It is told MIDI messages and when each is due.

const MOST_VOICES = 96;
const MASTER = 0.5;
const DRUMS = 9; // "channel 10"
const HIGHEST_DAMPED = 89; // strings above have no damper
const DAMPED_S = 0.09; // in which a damped string falls to a third
const SUSTAIN = 64;
const VOLUME = 7;
const EXPRESSION = 11;
const SILENCING = [120, 123, 124, 125, 126, 127];

export class Instrument {
  /** Must be made in answer to a click, or the browser keeps it silent. */
  constructor() {
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.strings = new Map(); // by key
    this.voices = new Set();
    this.channels = Array.from({ length: 16 }, () => ({ pedal: false, volume: 100, expression: 127 }));
    const limiter = new DynamicsCompressorNode(this.context, { threshold: -9, ratio: 12, attack: 0.002, release: 0.15 });
    this.master = new GainNode(this.context, { gain: MASTER });
    this.meter = new AnalyserNode(this.context, { fftSize: 1024 });
    this.master.connect(limiter).connect(this.meter).connect(this.context.destination);
    this.noise = this.makeNoise();
    this.aheadS = null; // of the sound's clock before the page's
    this.worker = new Worker(new URL("strings.js", import.meta.url));
    const struck = new Promise((resolve) => (this.worker.onmessage = (message) => resolve(this.take(message))));
    this.worker.postMessage(this.context.sampleRate);
    this.ready = Promise.all([struck, this.context.resume()]); // that it can sound; other strings follow
  }

  take(message) {
    const { key, samples } = message.data;
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: this.context.sampleRate });
    buffer.copyToChannel(samples, 0);
    this.strings.set(key, buffer);
    this.worker.onmessage = (next) => this.take(next);
  }

  /** How long after its time a sound leaves the computer, as far as the browser knows, in ms. */
  get latencyMs() {
    return (this.context.baseLatency + (this.context.outputLatency || 0)) * 1000;
  }

  /** How loud it is now, 0 to 1 (root mean square). */
  get level() {
    const samples = new Float32Array(this.meter.fftSize);
    this.meter.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, each) => sum + each * each, 0) / samples.length);
  }

  close() {
    this.worker.terminate();
    this.context.close();
  }

  setVolume(share) {
    this.master.gain.setTargetAtTime(MASTER * share ** 2, this.context.currentTime, 0.02);
  }

  /** Play a message at a time of the page's clock in ms, or now where that has passed. */
  play(message, timeMs) {
    const time = this.timeOf(timeMs);
    const [status, first, second] = message;
    const channel = status & 15;
    const kind = status & 0xf0;
    if (kind === 0x90 && second) this.begin(channel, first, second, time);
    else if (kind === 0x80 || kind === 0x90) this.release(channel, first, time);
    else if (kind === 0xb0) this.control(channel, first, second, time);
  }

  /** End every sound. */
  silence(time = this.context.currentTime) {
    for (const channel of this.channels) channel.pedal = false;
    for (const voice of this.voices) this.damp(voice, time);
  }

  /** The sound's clock goes in steps: the furthest that it was ever ahead of the page's is what holds. */
  timeOf(timeMs) {
    const { currentTime } = this.context;
    const aheadS = currentTime - performance.now() / 1000;
    const jumped = this.aheadS === null || Math.abs(aheadS - this.aheadS) > 0.25;
    this.aheadS = jumped ? aheadS : Math.max(this.aheadS - 1e-5, aheadS);
    return Math.max(timeMs / 1000 + this.aheadS, currentTime);
  }

  control(channel, number, value, time) {
    const state = this.channels[channel];
    if (number === VOLUME) state.volume = value;
    if (number === EXPRESSION) state.expression = value;
    if (number === SUSTAIN) {
      state.pedal = value >= 64;
      for (const voice of this.voices) if (voice.channel === channel && voice.held && !state.pedal) this.damp(voice, time);
    }
    if (SILENCING.includes(number)) for (const voice of this.voices) if (voice.channel === channel) this.damp(voice, time);
  }

  begin(channel, key, velocity, time) {
    const sounding = [...this.voices].filter((voice) => !voice.ended);
    if (sounding.length >= MOST_VOICES) this.damp(sounding[0], time, 0.01);
    for (const voice of sounding) if (voice.channel === channel && voice.key === key) this.damp(voice, time, 0.03);
    const voice = channel === DRUMS ? this.drum(key, velocity, time) : this.string(key, velocity, time);
    Object.assign(voice, { channel, key, held: false });
    const { volume, expression } = this.channels[channel];
    voice.gain.gain.value *= (volume / 100) * (expression / 127);
    this.voices.add(voice);
    voice.source.onended = () => this.voices.delete(voice);
  }

  /** A string that is struck harder is louder and brighter. */
  string(key, velocity, time) {
    const near = [...this.strings.keys()].reduce((best, each) => (Math.abs(each - key) < Math.abs(best - key) ? each : best), Infinity);
    const share = velocity / 127;
    const { context } = this;
    const source = new AudioBufferSourceNode(context, { buffer: this.strings.get(near), playbackRate: 2 ** ((key - near) / 12) });
    const frequency = 440 * 2 ** ((key - 69) / 12);
    const cutoff = Math.min(Math.max(frequency * (1.5 + 18 * share ** 2), 350), 0.45 * context.sampleRate);
    const filter = new BiquadFilterNode(context, { type: "lowpass", frequency: cutoff, Q: -3 });
    const gain = new GainNode(context, { gain: 0.6 * share ** 1.7 });
    const pan = new StereoPannerNode(context, { pan: Math.max(-0.6, Math.min(0.6, (key - 62) / 70)) });
    source.connect(filter).connect(gain).connect(pan).connect(this.master);
    source.start(time);
    return { source, gain };
  }

  /** Low keys of the drum map thud, others hiss, higher and shorter. */
  drum(key, velocity, time) {
    const { context } = this;
    const low = key < 38;
    const source = new AudioBufferSourceNode(context, { buffer: this.noise });
    const frequency = low ? 90 : key < 42 ? 1800 : 7000;
    const filter = new BiquadFilterNode(context, { type: low ? "lowpass" : "bandpass", frequency, Q: low ? 4 : 0.8 });
    const gain = new GainNode(context, { gain: (low ? 2 : 0.5) * (velocity / 127) ** 1.7 });
    const fade = new GainNode(context);
    fade.gain.setTargetAtTime(0, time, key === 46 || key >= 49 ? 0.15 : 0.05);
    source.connect(filter).connect(gain).connect(fade).connect(this.master);
    source.start(time);
    source.stop(time + 1);
    return { source, gain };
  }

  release(channel, key, time) {
    for (const voice of this.voices) {
      if (voice.channel !== channel || voice.key !== key || voice.ended || channel === DRUMS) continue;
      if (this.channels[channel].pedal) voice.held = true;
      else if (key <= HIGHEST_DAMPED) this.damp(voice, time);
    }
  }

  damp(voice, time, fallS = DAMPED_S) {
    if (voice.ended) return;
    voice.ended = true;
    voice.gain.gain.setTargetAtTime(0, time, fallS);
    voice.source.stop(time + 8 * fallS);
  }

  makeNoise() {
    const { sampleRate } = this.context;
    const buffer = new AudioBuffer({ length: sampleRate, sampleRate });
    const samples = buffer.getChannelData(0);
    for (let index = 0; index < samples.length; index++) samples[index] = 2 * Math.random() - 1;
    return buffer;
  }
}
