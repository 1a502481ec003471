"""Renders performances with FluidSynth and a sound font: sound to learn from, without a download.

Excerpts are of (n)ASAP's performances, chosen by seed: so many a piece, of different performances as far as there are. Splits are
(n)ASAP's, by piece. Beside them are studies: notes at random over the whole keyboard, all velocities, short and long, with pedal or
without, because few pieces reach the ends of the keyboard. Sound is a piano, dry (reverb is for whoever listens), mono, in no way
levelled: a note's loudness is its velocity's. Or it is another instrument that plays one voice of each (``melodies``), without pedal.
"""

import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from engine.base.errors import PerfLiveError, UsageError
from engine.midi.events import PROGRAM_CHANGE, SUSTAIN_PEDAL, control_change, note_off, note_on
from engine.sound.fluidsynth import BLOCK_FRAMES, FluidSynthesizer, find_sound_font
from models.performance_net.instruments import INSTRUMENTS, PIANO
from models.performance_net.representation import KEYS, LOWEST_KEY, NOTE_BEGIN, NOTE_END, SAMPLE_RATE, SoundEvent, sound_events
from training.datasets.asap import LICENCE, Split, performance_rows
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE, read_performance
from training.datasets.sound_takes import SoundTake, excerpt, save_take, to_integers
from training.performance_net.melodies import melody

SETTINGS_FILE = "rendered.json"
STUDY = "study"


@dataclass(frozen=True)
class RenderingSettings:
    """What a rendered folder is of: ``takes_a_piece`` excerpts of ``seconds`` of each of the first ``pieces`` (None: of all), and studies.

    ``sound_font`` is its name and a digest of its content; ``instrument`` one of INSTRUMENTS.
    """

    split: Split
    seconds: float = 40.0
    takes_a_piece: int = 1
    pieces: int | None = None
    studies: int = 0
    seed: int = 0
    sound_font: str = ""
    licence: str = LICENCE
    instrument: str = PIANO


@dataclass(frozen=True)
class PlannedTake:
    """An excerpt of ``midi`` that begins where ``share`` (0 to 1) of what can go before it is over; or a study, if there is no ``midi``."""

    name: str
    piece: str
    seed: int
    midi: Path | None = None
    share: float = 0.0


def build_rendered(root: Path, folder: Path, settings: RenderingSettings, sound_font: Path | None = None) -> int:
    """Render what ``settings`` ask for and is not in ``folder`` yet, one file a take, and return how many takes there are.

    Raises PerfLiveError when the corpus, FluidSynth or the sound font is missing; UsageError when the folder holds another set.
    """
    font = find_sound_font(sound_font)
    digest = hashlib.sha256(font.read_bytes()).hexdigest()[:16]
    planned = plan_takes(root, settings)
    _claim(folder, replace(settings, sound_font=f"{font.name} {digest}"))
    missing = [(path, plan) for plan in planned if not (path := folder / f"{plan.name}.npz").exists()]
    instrument = INSTRUMENTS[settings.instrument]
    synthesizer = FluidSynthesizer(font, SAMPLE_RATE, reverb=0)
    try:
        for path, plan in track(missing, "rendering", console=Console(stderr=True)):
            notes, pedals = _study(plan.seed, settings.seconds) if plan.midi is None else _excerpt(plan, plan.midi, settings.seconds)
            if settings.instrument != PIANO:
                notes, pedals = melody(notes, instrument), pedals[:0]
            choose_program(synthesizer, instrument.program)
            sound = render_sound(sound_events(notes, pedals), settings.seconds, synthesizer)
            save_take(path, SoundTake(plan.name, plan.piece, to_integers(sound), notes, pedals))
    finally:
        synthesizer.close()
    return len(planned)


def plan_takes(root: Path, settings: RenderingSettings) -> list[PlannedTake]:
    """Return what is to be rendered. Pieces are in an order of the seed's, so that some are a sample of all. Raises PerfLiveError."""
    random = np.random.default_rng(settings.seed)
    performances = defaultdict(list)
    for row in performance_rows(root, settings.split):
        performances[row["folder"]].append(row["midi_performance"])
    pieces = sorted(performances)
    random.shuffle(pieces)
    planned = []
    for piece in pieces[: settings.pieces]:
        seed = zlib.crc32(f"{settings.seed}/{piece}".encode())
        own = np.random.default_rng(seed)
        order = own.permutation(len(performances[piece]))
        for number in range(settings.takes_a_piece):
            midi = root / performances[piece][order[number % len(order)]]
            name = f"{piece.replace('/', '.')}.{number}"
            planned.append(PlannedTake(name, piece, seed, midi, float(own.uniform())))
    studies = (PlannedTake(f"{STUDY}.{number}", f"{STUDY}/{number}", settings.seed * 10_000 + number) for number in range(settings.studies))
    return [*planned, *studies]


def render_sound(events: Iterable[SoundEvent], seconds: float, synthesizer: FluidSynthesizer) -> np.ndarray:
    """Return what FluidSynth makes of what is played, mono float32 of ``seconds``."""
    return render_stereo(events, seconds, synthesizer).mean(axis=1)


def render_stereo(events: Iterable[SoundEvent], seconds: float, synthesizer: FluidSynthesizer) -> np.ndarray:
    """Return what FluidSynth makes of what is played, float32 (samples, 2); what is due is rounded to its blocks of 64 samples."""
    samples = round(seconds * SAMPLE_RATE)
    parts, at = [], 0
    for event in events:
        due = min(round(event.time_sec * SAMPLE_RATE / BLOCK_FRAMES), samples // BLOCK_FRAMES) * BLOCK_FRAMES
        if due > at:
            parts.append(synthesizer.render(due - at))
            at = due
        synthesizer.send(_message(event))
    blocks = -(-(samples - at) // BLOCK_FRAMES)  # whole, so that the next take begins with a block too
    parts.append(synthesizer.render(blocks * BLOCK_FRAMES))
    return np.concatenate(parts)[:samples]


def choose_program(synthesizer: FluidSynthesizer, program: int) -> None:
    """Reset ``synthesizer`` and choose a program, 0 to 127, on its first channel."""
    synthesizer.reset()
    synthesizer.send(bytes((PROGRAM_CHANGE, program)))


def _message(event: SoundEvent) -> bytes:
    if event.kind == NOTE_BEGIN:
        return note_on(0, event.pitch, event.value)
    return note_off(0, event.pitch) if event.kind == NOTE_END else control_change(0, SUSTAIN_PEDAL, event.value)


def _excerpt(plan: PlannedTake, midi: Path, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    performance = read_performance(midi, plan.name, plan.piece)
    onsets = performance.notes["onset_sec"]
    first, last = onsets.min(initial=np.inf), onsets.max(initial=0)
    begin_sec = max(min(first, last) - 0.5, 0) + plan.share * max(last - min(first, last) - seconds, 0)
    return excerpt(performance.notes, performance.pedals, begin_sec, seconds)


def _study(seed: int, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Return notes at random: any key and velocity, a chord of up to six at a time, short or long, and in every other study the pedal."""
    random = np.random.default_rng(seed)
    onsets = np.cumsum(random.exponential(random.uniform(0.1, 1.0), 1000))
    onsets = onsets[onsets < seconds - 0.5]
    onsets = np.repeat(onsets, random.integers(1, 7, len(onsets)))
    notes = np.zeros(len(onsets), NOTE_DTYPE)
    notes["onset_sec"] = onsets + np.abs(random.normal(0, 0.01, len(onsets)))
    notes["duration_sec"] = np.clip(random.lognormal(-1, 1, len(onsets)), 0.03, 8)
    notes["pitch"] = LOWEST_KEY + random.integers(0, KEYS, len(onsets))
    notes["velocity"] = random.integers(1, 128, len(onsets))
    moves = np.arange(0.2, seconds, random.uniform(0.5, 3.0)) if seed % 2 else np.zeros(0)
    pedals = np.zeros(len(moves), PEDAL_DTYPE)
    pedals["time_sec"], pedals["number"] = moves, SUSTAIN_PEDAL
    pedals["value"] = np.where(np.arange(len(moves)) % 2, 0, 127)
    return np.sort(notes, order=("onset_sec", "pitch")), pedals


def _claim(folder: Path, settings: RenderingSettings) -> None:
    """Note in a new folder what it is of. Raises UsageError when it is of something else."""
    path = folder / SETTINGS_FILE
    said = asdict(settings)
    if settings.instrument == PIANO:
        del said["instrument"]  # as it was when there was no other
    described = json.dumps(said, indent=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.read_text(encoding="utf-8") != described:
            raise UsageError(f"{folder}: was rendered with other settings ({path.name}); give another folder, or remove it")
        path.write_text(described, encoding="utf-8")
    except OSError as error:
        raise PerfLiveError(f"cannot write in {str(folder)!r}: {error.strerror or error}; choose another folder") from error
