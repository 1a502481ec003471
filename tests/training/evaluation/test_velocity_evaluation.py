"""perf-eval's figures are those of what is played: the same velocities as the performer's, note by note."""

import numpy as np

from engine.midi.events import Event, is_note_on, note_off, note_on
from engine.performers.controls import MODEL
from engine.performers.velocity.controls import CONTROLS
from engine.performers.velocity.networks import VelocityModel
from engine.performers.velocity.performer import VelocityPerformer
from models.pretrained import pretrained
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE, Performance
from training.evaluation.velocity.figures import CHUNK_NOTES, causal_quantiles, sample, split_takes
from training.velocity.data import load_velocity_features

NOTES = 3 * CHUNK_NOTES + 5


def chords_and_runs() -> np.ndarray:
    random = np.random.default_rng(0)
    notes = np.zeros(NOTES, NOTE_DTYPE)
    notes["onset_sec"] = np.cumsum(random.choice([0.0, 0.004, 0.012, 0.2], NOTES))
    notes["duration_sec"] = random.uniform(0.05, 0.6, NOTES)
    notes["pitch"] = random.integers(30, 90, NOTES)
    notes["velocity"] = random.integers(20, 110, NOTES)
    for pitch in np.unique(notes["pitch"]):  # a key that is struck again was let go
        rows = np.flatnonzero(notes["pitch"] == pitch)
        longest = np.diff(notes["onset_sec"][rows], append=np.inf)
        notes["duration_sec"][rows] = np.minimum(notes["duration_sec"][rows], longest)
    return notes


def played(model: VelocityModel, notes: np.ndarray) -> list[int]:
    moments = []
    for onset, duration, pitch, velocity in zip(*(notes[name] for name in ("onset_sec", "duration_sec", "pitch", "velocity")), strict=True):
        moments.append((round(onset * 1e9), 1, note_on(0, int(pitch), int(velocity))))
        moments.append((round((onset + duration) * 1e9), 0, note_off(0, int(pitch))))
    stream = VelocityPerformer([model], CONTROLS).create_stream(0, {"hint": 1, "temperature": 0, "level": MODEL})
    sent = []
    for time_ns, _, message in sorted(moments, key=lambda moment: moment[:2]):
        sent += stream.feed(Event(time_ns, message))
    return [event.message[2] for event in sent if is_note_on(event.message)]


def test_what_is_measured_is_what_is_played(tmp_path):
    model, notes = VelocityModel.open(pretrained("velocity.onnx")), chords_and_runs()
    (take,) = split_takes(load_velocity_features(lambda: [Performance("", "", notes, np.zeros(0, PEDAL_DTYPE))], tmp_path))
    quantiles = causal_quantiles(model, take, take.hints)
    measured = sample(model.answer.contract.constants, quantiles, take.onset_s, 0.0, 0)
    differences = np.abs(measured - played(model, notes))
    assert (differences == 0).mean() > 0.98 and differences.max() <= 1  # held times are kept in half precision there
