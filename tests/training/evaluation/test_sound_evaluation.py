"""Figures of sound: what is far is farther, onsets are heard where they are, loudness follows velocity, templates are fitted."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.base.command_line import run
from models.performance_net.representation import SAMPLE_RATE
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE
from training.datasets.sound_takes import SoundTake, save_take, to_integers
from training.evaluation.command import app
from training.evaluation.performance_net.figures import (
    BASELINE,
    CEILING,
    STREAMED_CEILING,
    TRUE_SOUND,
    SoundFigures,
    evaluate_take,
    mean_figures,
    share_of_the_way,
)
from training.evaluation.performance_net.templates import fit_templates
from training.metrics.sound import (
    count_matches,
    detect_onsets,
    loudness_correlation,
    merge_onsets,
    onset_f_measure,
    spectral_distance,
)

SECONDS = 2.0


def take_of(seed: int, name: str = "take") -> SoundTake:
    """Notes of decaying partials, a sixth of a second apart, of different velocities."""
    random = np.random.default_rng(seed)
    notes = np.zeros(10, NOTE_DTYPE)
    notes["onset_sec"] = 0.15 + np.arange(10) / 6
    notes["duration_sec"] = 0.15
    notes["pitch"] = random.integers(60, 64, 10)
    notes["velocity"] = random.permutation(np.arange(10)) * 10 + 30
    return SoundTake(name, name, to_integers(sound_of(notes)), notes, np.zeros(0, PEDAL_DTYPE))


def sound_of(notes: np.ndarray) -> np.ndarray:
    times = np.arange(int(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    sound = np.zeros(len(times))
    for note in notes:
        age = np.maximum(times - note["onset_sec"], 0)
        level = (times >= note["onset_sec"]) * np.clip((0.15 - age) / 0.02, 0, 1) * (note["velocity"] / 127) ** 2 * np.exp(-4 * age) / 4
        for partial in (1, 2, 3):
            sound += level / partial * np.sin(2 * np.pi * 440 * 2 ** ((note["pitch"] - 69) / 12) * partial * age)
    return sound


def test_distances_are_nothing_of_the_same_and_grow() -> None:
    sound = take_of(0).sound
    assert spectral_distance(sound, sound) == (0, 0, 0, 0)
    noise = np.random.default_rng(1).normal(0, 0.001, len(sound)).astype(np.float32)
    near, far, silent = (spectral_distance(other, sound) for other in (sound + noise / 10, sound + noise, 0 * sound))
    for smaller, greater in zip(near, far, strict=True):
        assert 0 < smaller < greater
    assert silent.convergence == pytest.approx(1)
    assert far.multi_resolution == pytest.approx(far.convergence + far.log_magnitude)
    half = spectral_distance(sound / 2, sound)
    assert half.convergence == pytest.approx(0.5, rel=1e-3)


def test_what_is_inaudible_does_not_count() -> None:
    sound = take_of(0).sound
    faint = np.random.default_rng(1).normal(0, 1e-6, len(sound)).astype(np.float32)
    assert spectral_distance(sound + faint, sound).log_spectral_db < 0.3


def test_onsets_are_heard_where_they_are() -> None:
    take = take_of(0)
    heard = detect_onsets(take.sound)
    assert len(heard) == 10 and np.abs(heard - take.notes["onset_sec"]).max() < 0.03
    assert onset_f_measure(take.sound, take.notes) == 1
    later = take.notes.copy()
    later["onset_sec"] += 0.08
    assert onset_f_measure(take.sound, later) < 0.2
    assert onset_f_measure(take.sound, take.notes[::2]) == pytest.approx(2 * 5 / 15)
    assert onset_f_measure(np.zeros(SAMPLE_RATE, np.float32), take.notes) == 0
    assert onset_f_measure(np.zeros(SAMPLE_RATE, np.float32), take.notes[:0]) == 1


def test_each_time_is_in_one_pair_at_most() -> None:
    assert count_matches(np.array([1.0, 1.04, 2.0]), np.array([1.02, 2.2])) == 1
    assert count_matches(np.array([1.02, 2.2]), np.array([1.0, 1.04, 2.0])) == 1
    assert count_matches(np.array([1.0, 1.04]), np.array([0.96, 1.06])) == 2


def test_a_chord_is_one_onset() -> None:
    np.testing.assert_array_equal(merge_onsets(np.array([1.0, 0.51, 0.5, 0.52, 0.54])), [0.5, 0.54, 1.0])


def test_loudness_follows_velocity() -> None:
    take = take_of(0)
    assert loudness_correlation(take.sound, take.notes) > 0.9
    quiet_first = take.notes.copy()
    quiet_first["velocity"] = 160 - quiet_first["velocity"]
    assert loudness_correlation(take.sound, quiet_first) < -0.9
    assert np.isnan(loudness_correlation(take.sound, take.notes[:2]))
    low, high = take.notes.copy(), take.notes.copy()
    low["pitch"], high["pitch"], high["velocity"] = 50, 85, 150 - low["velocity"]
    both = np.concatenate([low, high])
    assert loudness_correlation(sound_of(both), both) > 0.8  # each by its own partials


def test_templates_learn_what_keys_sound_like() -> None:
    templates = fit_templates([take_of(seed) for seed in range(4)])
    held_out = take_of(9)
    figures, sounds = evaluate_take(held_out, {BASELINE: templates.render, "silence": lambda events, seconds: 0 * held_out.sound})
    assert set(figures) == {TRUE_SOUND, CEILING, STREAMED_CEILING, BASELINE, "silence"} == set(sounds)
    order = [figures[name].multi_resolution for name in (TRUE_SOUND, CEILING, BASELINE, "silence")]
    assert order == sorted(order) and order[0] == 0
    assert figures[BASELINE].convergence < 0.6
    assert figures[BASELINE].onsets > 0.8 and figures[BASELINE].loudness > 0.8
    assert (share_of_the_way(figures, BASELINE), share_of_the_way(figures, CEILING)) == (0, 1)


def test_means_leave_out_what_a_take_has_not() -> None:
    rows = [{"a": SoundFigures(1, 1, 1, 1, 1, np.nan)}, {"a": SoundFigures(3, 3, 3, 3, 0, 0.5)}]
    assert mean_figures(rows) == {"a": SoundFigures(2, 2, 2, 2, 0.5, 0.5)}


def test_the_command_prints_a_table_and_writes_what_there_is_to_hear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split, seeds in (("train", (0, 1)), ("validation", (2,))):
        (tmp_path / split).mkdir()
        for seed in seeds:
            save_take(tmp_path / split / f"{seed}.npz", replace(take_of(seed), name=str(seed)))
    folders = ["--data", str(tmp_path), "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    arguments = ["performance-net", *folders, "--seconds", "1"]
    assert run(app, "perf-eval", arguments) == 0
    printed = capsys.readouterr().out
    assert "sound of 1 validation takes" in printed and TRUE_SOUND in printed and "SC+log" in printed and "…" not in printed
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert "spectrograms.png" in written and "templates.wav" in written and "true_sound.wav" in written
    fitted = next((tmp_path / "cache").iterdir())
    before = fitted.stat().st_mtime_ns
    assert run(app, "perf-eval", [*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["takes"] == 1 and told["figures"][CEILING]["way"] == 1 and told["figures"][TRUE_SOUND]["onsets"] > 0.9
    assert fitted.stat().st_mtime_ns == before
    assert run(app, "perf-eval", ["performance-net", "--data", str(tmp_path / "cache"), "--cache", str(tmp_path / "cache")]) == 1
    assert "make some with perf-eval sound-data" in capsys.readouterr().err
