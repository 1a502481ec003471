// A worker that computes how struck strings sound: partials that are slightly out of tune, each of two strings that decay at different rates.

const STEP = 3; // keys between two that are computed; those between are played faster or slower
const LOWEST = 24;
const HIGHEST = 108;
const MIDDLE = 60;
const MOST_PARTIALS = 28;
const HIGHEST_HZ = 11000;
const HAMMER = 1 / 8.3; // where on the string it strikes
const HAMMER_S = 0.012;
const FADE_S = 0.02;

const hertz = (key) => 440 * 2 ** ((key - 69) / 12);

/** Return one key's sound, struck hard, as samples. */
function struck(key, rate) {
  const seconds = Math.min(Math.max(7 * 2 ** (-(key - 45) / 20), 0.8), 9);
  const samples = new Float32Array(Math.round(seconds * rate));
  const stiffness = 0.00025 * 2 ** ((key - 60) / 12);
  for (let partial = 1; partial <= MOST_PARTIALS; partial++) {
    const frequency = hertz(key) * partial * Math.sqrt(1 + stiffness * partial ** 2);
    if (frequency > Math.min(HIGHEST_HZ, 0.45 * rate)) break;
    const strength = Math.abs(Math.sin(Math.PI * partial * HAMMER)) / partial ** 0.9;
    const decay = (1.4 / seconds) * (1 + 0.11 * partial); // of the amplitude, a second
    add(samples, rate, frequency, 0.75 * strength, 3 * decay);
    add(samples, rate, frequency * 1.0004, 0.35 * strength, decay);
  }
  knock(samples, rate);
  const fade = Math.round(FADE_S * rate);
  for (let index = 1; index <= fade; index++) samples[samples.length - index] *= index / fade;
  const peak = samples.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  return samples.map((each) => each / peak);
}

/** Add a sine that decays, by the recursion of a resonator. */
function add(samples, rate, frequency, strength, decay) {
  const angle = (2 * Math.PI * frequency) / rate;
  const radius = Math.exp(-decay / rate);
  const first = 2 * radius * Math.cos(angle);
  const second = radius * radius;
  let before = -strength * Math.sin(angle) / radius;
  let now = 0;
  for (let index = 0; index < samples.length; index++) {
    samples[index] += now;
    [before, now] = [now, first * now - second * before];
  }
}

/** Add the knock of the hammer: noise that is soon over. */
function knock(samples, rate) {
  let seed = 1;
  let smooth = 0;
  for (let index = 0; index < HAMMER_S * 6 * rate; index++) {
    seed = (seed * 48271) % 2147483647;
    smooth += 0.15 * (seed / 1073741823.5 - 1 - smooth);
    samples[index] += 0.25 * smooth * Math.exp(-index / (HAMMER_S * rate));
  }
}

/** It is told the sample rate. */
onmessage = ({ data }) => {
  const keys = [];
  for (let key = LOWEST; key <= HIGHEST; key += STEP) keys.push(key);
  keys.sort((one, other) => Math.abs(one - MIDDLE) - Math.abs(other - MIDDLE));
  for (const key of keys) {
    const samples = struck(key, data);
    postMessage({ key, samples }, [samples.buffer]);
  }
};
