"""``perf-bench performance-net``: what the neural synthesiser costs, how late it sounds, and whether it ever runs dry.

- ``real_time_factor``: made-up playing of ten notes a second with pedal, all on one thread: seconds it takes for a second of sound, and
  the shares of the network and of adding up the waves of its spectra. ``block``: one block's; it must not take longer than it lasts,
  ``block_ms``. Of several instruments at once it is all of them together, a block of each in turn.
- ``stated_latency_s``: the synthesiser's, before what waits in the device's stream (``engine.sound.pump``: 43 ms through JACK) and the
  sound card's own. ``latency``: from a message to the first sample of its note, in real time, the sound pulled by a thread in blocks of
  PULLED_FRAMES at 48 kHz as a sound card does; of several instruments each has such a thread, and all play the same notes.
  ``played_cores``: the processor time of all that meanwhile, for a second of it.
- ``device``: the same playing in real time by ``perf-live --out neural`` through PortAudio and a JACK server on the dummy driver, by one
  perf-live for each instrument.
- ``hour``: an hour of it, offline: memory after the first minute and at the end.

``perf-eval eager performance-net`` says what the paper's network takes.
"""

import os
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from engine.bench.measuring.benchmark import Benchmark, ModelOption, OnStage, silent
from engine.bench.measuring.figures import Distribution, describe
from engine.bench.measuring.machine import MEGABYTE, Machine, StolenTime, describe_machine, resident_bytes
from engine.bench.measuring.programs import PERF_LIVE, Program, jack_server
from engine.bench.measuring.tables import DISTRIBUTION, add_distribution, new_table, print_head, share
from engine.midi.events import Event, control_change, note_off, note_on
from engine.midi.file import write_midi_file
from engine.sound.audio import NEURAL_AHEAD_FRAMES, NEURAL_BLOCK_FRAMES
from engine.sound.buffered import BufferedSynthesizer
from engine.sound.performance_net.stream import BLOCK_SAMPLES, NeuralStream, spectra_of
from engine.sound.performance_net.synthesizer import NeuralSynthesizer, load_sound_model, shipped_model
from engine.sound.resampling import ResampledSynthesizer
from models.performance_net.instruments import INSTRUMENTS
from models.performance_net.inversion import OverlapAdd
from models.performance_net.representation import NOTE_BEGIN, NOTE_END, SAMPLE_RATE, SUSTAIN_CHANGE, SoundEvent

OFFLINE_S = 60.0
NOTES_A_SECOND, HELD_S, PEDAL_EVERY_S = 10, (0.05, 1.5), 2.0
DEVICE_RATE, PULLED_FRAMES = 48_000, 256
LATENCY_NOTES, LATENCY_EVERY_S = 30, 0.9
LONGEST_START_S = 20  # of perf-live: those that were started first play until the last one has
HEARD = 1e-4  # of full scale: a note has begun


@dataclass(frozen=True)
class Device:
    """``says``: the last line of the first perf-live; ``stolen``: share of the machine's time that its host took meanwhile."""

    seconds: float
    underruns: int
    says: str
    stolen: float | None


@dataclass(frozen=True)
class Hour:
    seconds: float  # that it took
    after_a_minute_mb: float
    end_mb: float


@dataclass(frozen=True)
class SoundReport:
    machine: Machine
    instruments: list[str]
    seconds: float
    real_time_factor: float
    network_real_time_factor: float
    waves_real_time_factor: float
    block: Distribution
    block_ms: float
    stated_latency_s: float
    latency: Distribution
    latency_underruns: int
    played_cores: float
    device: Device | None  # None: not asked for
    hour: Hour | None


def measure(
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="How long to play through JACK; 0 leaves it out.")] = 60,
    instruments: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, max=len(INSTRUMENTS), help="How many instruments play at once.")
    ] = 1,
    hour: Annotated[bool, typer.Option("--hour", help="An hour of sound, offline, for the memory that it takes.")] = False,
    model: ModelOption = None,
    *,
    on_stage: OnStage = silent,
) -> SoundReport:
    """Run everything that is asked for. Raises PerfLiveError when the model or JACK is missing."""
    machine, played = describe_machine(), list(INSTRUMENTS)[:instruments]
    first, *others = map(shipped_model, played)
    models = [model or first, *others]
    on_stage("a minute of sound, offline")
    offline = _offline(models)
    on_stage("latency, in real time")
    stated_s, latencies_ns, underruns, cores = _latency(models)
    if seconds:
        on_stage("perf-live through JACK")
    device = _through_jack(seconds, played) if seconds else None
    if hour:
        on_stage("an hour of sound, offline")
    return SoundReport(
        machine=machine,
        instruments=played,
        **offline,
        block_ms=round(1e3 * BLOCK_SAMPLES / SAMPLE_RATE, 1),
        stated_latency_s=round(stated_s, 3),
        latency=describe(latencies_ns),
        latency_underruns=underruns,
        played_cores=round(cores, 3),
        device=device,
        hour=_hour(model) if hour else None,
    )


def made_up_events(seconds: float, seed: int = 0) -> list[SoundEvent]:
    """Return playing over the whole keyboard, mostly its middle, in order of time."""
    random = np.random.default_rng(seed)
    count = int(seconds * NOTES_A_SECOND)
    begins, held = np.sort(random.uniform(0, seconds, count)), random.uniform(*HELD_S, count)
    pitches = np.clip(random.normal(62, 14, count), 21, 108).astype(int)
    velocities = random.integers(20, 110, count)
    events = []
    for begin, length, pitch, velocity in zip(begins.tolist(), held.tolist(), pitches.tolist(), velocities.tolist(), strict=True):
        events += [SoundEvent(begin, NOTE_BEGIN, pitch, velocity), SoundEvent(begin + length, NOTE_END, pitch, 0)]
    moves = np.arange(0, seconds, PEDAL_EVERY_S).tolist()
    events += [SoundEvent(move, SUSTAIN_CHANGE, 0, 127 * (index % 2)) for index, move in enumerate(moves)]
    return sorted(events)


def _offline(models: Sequence[Path]) -> dict[str, Any]:
    """Return the figures of a minute, block by block, network and waves timed apart."""
    network_ns, waves_ns = time_blocks(models, int(OFFLINE_S * SAMPLE_RATE) // BLOCK_SAMPLES).T
    factors = [round(float(each.sum()) / 1e9 / OFFLINE_S, 4) for each in (network_ns + waves_ns, network_ns, waves_ns)]
    names = ("real_time_factor", "network_real_time_factor", "waves_real_time_factor")
    return {"seconds": OFFLINE_S, "block": describe(network_ns + waves_ns)} | dict(zip(names, factors, strict=True))


def time_blocks(models: Sequence[Path | None], blocks: int) -> np.ndarray:
    """Return for each block [blocks, 2] of all models how long the networks took and how long adding up the waves, in nanoseconds."""
    players = [_TimedPlayer(model, blocks) for model in models]
    return np.array([np.sum([player.play() for player in players], axis=0) for _ in range(blocks)], float)


class _TimedPlayer:
    """Plays made-up music with a model."""

    def __init__(self, model: Path | None, blocks: int):
        self._model = load_sound_model(model)
        self._stream, self._overlap_add, self._state = NeuralStream(self._model), OverlapAdd(), self._model.initial_state()
        self._stream.warm_up()
        for event in made_up_events(blocks * BLOCK_SAMPLES / SAMPLE_RATE):
            self._stream.add(event)

    def play(self) -> tuple[int, int]:
        """Play the next block; return the nanoseconds of the network and of the waves."""
        begun_ns = time.perf_counter_ns()
        outputs, self._state = self._model.run({"roll": self._stream.gather()}, self._state)
        between_ns = time.perf_counter_ns()
        self._overlap_add.push(spectra_of(outputs))
        return between_ns - begun_ns, time.perf_counter_ns() - between_ns


def _latency(models: Sequence[Path]) -> tuple[float, list[int], int, float]:
    """Return the stated latency in seconds, those measured, how often the sound was not ready, and the cores in use meanwhile."""
    synthesizers = [
        BufferedSynthesizer(ResampledSynthesizer(NeuralSynthesizer(model), DEVICE_RATE), NEURAL_BLOCK_FRAMES, NEURAL_AHEAD_FRAMES)
        for model in models
    ]
    heard_ns: list[list[int]] = [[] for _ in synthesizers]
    ending = threading.Event()
    pullers = [threading.Thread(target=_pull, args=(*pair, ending), daemon=True) for pair in zip(synthesizers, heard_ns, strict=True)]
    for puller in pullers:
        puller.start()
    begun_s, processor_s = time.monotonic(), time.process_time()
    random, sent_ns = np.random.default_rng(0), []
    for note in range(LATENCY_NOTES):
        time.sleep(LATENCY_EVERY_S + float(random.uniform(0, 0.1)))
        sent_ns.append(time.monotonic_ns())
        for synthesizer in synthesizers:
            synthesizer.send(note_on(0, 60 + note % 24, 100))  # all of them have these
        time.sleep(0.05)
        for synthesizer in synthesizers:
            synthesizer.send(note_off(0, 60 + note % 24))
    time.sleep(1)
    cores = (time.process_time() - processor_s) / (time.monotonic() - begun_s)
    ending.set()
    for puller, synthesizer in zip(pullers, synthesizers, strict=True):
        puller.join()
        synthesizer.close()
    pairs = [next((heard - sent for heard in own if heard > sent), None) for own in heard_ns for sent in sent_ns]
    underruns = sum(synthesizer.underruns for synthesizer in synthesizers)
    return synthesizers[0].latency_frames / DEVICE_RATE, [pair for pair in pairs if pair is not None], underruns, cores


def _pull(synthesizer: BufferedSynthesizer, heard_ns: list[int], ending: threading.Event) -> None:
    """Take blocks when a sound card would; note when sound begins after silence: the first sample's time."""
    begun_ns, blocks, silent = time.monotonic_ns(), 0, True
    while not ending.is_set():
        due_ns = begun_ns + blocks * PULLED_FRAMES * 1_000_000_000 // DEVICE_RATE
        time.sleep(max(due_ns - time.monotonic_ns(), 0) / 1e9)
        loud = np.abs(synthesizer.render(PULLED_FRAMES)[:, 0]) > HEARD
        if silent and loud.any():
            heard_ns.append(due_ns + int(loud.argmax()) * 1_000_000_000 // DEVICE_RATE)
        silent = not loud.any()
        blocks += 1


def _through_jack(seconds: float, instruments: Sequence[str]) -> Device:
    with jack_server(), tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / "playing.mid"
        write_midi_file(path, _to_midi(made_up_events(seconds + LONGEST_START_S * len(instruments))))
        stolen = StolenTime()
        ends = ["--in", str(path), "--out", "neural", "--performer", "passthrough"]
        calls = [["-c", PERF_LIVE, *ends, "--instrument", instrument] for instrument in instruments]
        playing = [stack.enter_context(Program("perf-live", call)) for call in calls]
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s:
            time.sleep(0.5)
            for live in playing:
                live.check()
        share = stolen.share()
        said = [live.stop()[-1] for live in playing]
    found = [part for says in said for part in says.split(", ") if " audio underrun" in part]
    return Device(seconds, sum(int(part.split()[0].replace(",", "")) for part in found), said[0], share)


def _to_midi(events: list[SoundEvent]) -> list[Event]:
    messages = {
        NOTE_BEGIN: lambda event: note_on(0, event.pitch, event.value),
        NOTE_END: lambda event: note_off(0, event.pitch),
        SUSTAIN_CHANGE: lambda event: control_change(0, 64, event.value),
    }
    return [Event(int(event.time_sec * 1e9), messages[event.kind](event)) for event in events]


def _hour(model: Path | None) -> Hour:
    stream, begun_s, after_a_minute = NeuralStream(load_sound_model(model)), time.perf_counter(), 0.0
    for minute in range(60):
        for event in made_up_events(60.0, seed=minute):
            stream.add(event._replace(time_sec=event.time_sec + 60 * minute))
        while stream.played_samples < 60 * (minute + 1) * SAMPLE_RATE:
            stream.block()
        if minute == 0:
            after_a_minute = resident_bytes(os.getpid()) / MEGABYTE
    end = resident_bytes(os.getpid()) / MEGABYTE
    return Hour(round(time.perf_counter() - begun_s, 1), round(after_a_minute, 1), round(end, 1))


def print_table(report: SoundReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table(f"{report.seconds:g} s of {', '.join(report.instruments)}, on one thread", "seconds for a second")
    table.add_row("notes to sound", f"{report.real_time_factor:.3f}")
    table.add_row("of which the network", f"{report.network_real_time_factor:.3f}")
    table.add_row("of which waves", f"{report.waves_real_time_factor:.3f}")
    table.add_row("played in real time: cores in use", f"{report.played_cores:.3f}")
    console.print(table)
    table = new_table("milliseconds", *DISTRIBUTION)
    add_distribution(table, f"a block of {report.block_ms:g} ms", report.block)
    add_distribution(table, f"from a message to its sound ({1e3 * report.stated_latency_s:.0f} stated)", report.latency)
    console.print(table)
    if device := report.device:
        says = f"{device.underruns} underruns; taken by the host meanwhile: {share(device.stolen)}; perf-live: {device.says!r}"
        console.print(f"{device.seconds:g} s through JACK: {says}", highlight=False, soft_wrap=True)
    if hour := report.hour:
        memory = f"{hour.after_a_minute_mb:g} MB after a minute, {hour.end_mb:g} MB at the end"
        console.print(f"an hour of sound in {hour.seconds:g} s: {memory}", soft_wrap=True)


BENCHMARK = Benchmark("What the neural synthesiser costs, how late it sounds, and whether it ever runs dry.", measure, print_table)
