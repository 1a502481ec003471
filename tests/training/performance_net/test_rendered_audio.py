"""Takes rendered with the real FluidSynth: where their sound is, which pieces they are of, and that nothing is rendered twice."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import symusic

from engine.base.errors import PerfLiveError, UsageError
from engine.sound.fluidsynth import FluidSynthesizer
from models.performance_net.representation import NOTE_BEGIN, NOTE_END, SAMPLE_RATE, SoundEvent
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE
from training.datasets.sound_takes import excerpt, load_takes, to_integers
from training.performance_net.rendered_audio import RenderingSettings, build_rendered, plan_takes, render_sound


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    root = tmp_path / "corpus"
    rows = []
    for folder, takes in {"Bach/Fugue": ("one", "two"), "Bach/Gigue": ("one",), "Liszt/Etude": ("one",)}.items():
        for take in takes:
            score = symusic.Score(480).to("second")
            track = symusic.Track("piano", 0, False, ttype="second")
            for number in range(20):
                track.notes.append(symusic.Note(number * 0.25, 0.2, 60 + number, 80, ttype="second"))
            score.tracks.append(track)
            path = root / folder / f"{take}.mid"
            path.parent.mkdir(parents=True, exist_ok=True)
            score.to("tick").dump_midi(str(path))
            rows.append({"folder": folder, "midi_performance": f"{folder}/{take}.mid"})
    with (root / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["folder", "midi_performance"])
        writer.writeheader()
        writer.writerows(rows)
    (root / "splits.json").write_text(json.dumps({"train": ["Bach/Fugue", "Bach/Gigue"], "validation": ["Liszt/Etude"]}))
    return root


def test_what_is_planned_is_of_the_split_and_of_the_seed(corpus: Path) -> None:
    settings = RenderingSettings("train", 2.0, takes_a_piece=3, studies=2)
    plans = plan_takes(corpus, settings)
    assert {plan.piece for plan in plans} == {"Bach/Fugue", "Bach/Gigue", "study/0", "study/1"}
    assert len({plan.name for plan in plans}) == 3 * 2 + 2
    fugues = [plan for plan in plans if plan.piece == "Bach/Fugue"]
    assert {plan.midi.stem for plan in fugues if plan.midi} == {"one", "two"} and len({plan.share for plan in fugues}) == 3
    assert plans == plan_takes(corpus, settings)
    assert plans != plan_takes(corpus, RenderingSettings("train", 2.0, takes_a_piece=3, studies=2, seed=1))
    assert {plan.piece for plan in plan_takes(corpus, RenderingSettings("validation"))} == {"Liszt/Etude"}
    some = plan_takes(corpus, RenderingSettings("train", 2.0, takes_a_piece=3, pieces=1))
    assert len(some) == 3 and some == [plan for plan in plans if plan.piece == some[0].piece]


@pytest.mark.sound
def test_takes_are_rendered_once_and_read_back(corpus: Path, tmp_path: Path) -> None:
    settings = RenderingSettings("train", 2.0, studies=1)
    folder = tmp_path / "rendered"
    assert build_rendered(corpus, folder, settings) == 3
    takes = load_takes(folder)
    assert [take.piece for take in takes] == ["Bach/Fugue", "Bach/Gigue", "study/0"]
    for take in takes:
        assert take.audio.shape == (2 * SAMPLE_RATE,) and take.audio.dtype == np.int16
        assert np.abs(take.sound).max() > 0.01 and len(take.events) == 2 * len(take.notes) > 4
        first = take.notes["onset_sec"].min()
        assert np.abs(take.sound[: int(max(first - 0.01, 0) * SAMPLE_RATE)]).max(initial=0) < 1e-3
    one = folder / "Bach.Fugue.0.npz"
    written = one.stat().st_mtime_ns
    (folder / "Bach.Gigue.0.npz").unlink()
    build_rendered(corpus, folder, settings)
    assert one.stat().st_mtime_ns == written
    again, before = load_takes(folder)[1].sound, takes[1].sound  # the same, though another was rendered before: but for how voices begin
    assert np.linalg.norm(again - before) < 0.01 * np.linalg.norm(before)
    with pytest.raises(UsageError, match="was rendered with other settings"):
        build_rendered(corpus, folder, RenderingSettings("train", 3.0, studies=1))


@pytest.mark.sound
def test_sound_is_where_its_note_is_and_dry() -> None:
    synthesizer = FluidSynthesizer(sample_rate=SAMPLE_RATE, reverb=0)
    sound = render_sound([SoundEvent(0.5, NOTE_BEGIN, 84, 100), SoundEvent(1.0, NOTE_END, 84, 0)], 4.0, synthesizer)
    synthesizer.close()
    begin = int(np.flatnonzero(np.abs(sound) > 1e-4)[0])
    assert sound.shape == (4 * SAMPLE_RATE,) and sound.dtype == np.float32
    assert abs(begin - SAMPLE_RATE // 2) < 500
    assert np.abs(sound[3 * SAMPLE_RATE :]).max() < 1e-5 < 1e-2 < np.abs(sound).max()


def test_an_excerpt_keeps_the_pedal_that_is_down() -> None:
    notes = np.array([(0, 9, 60, 1), (2, 1, 61, 2), (3.9, 3, 62, 3), (4, 1, 63, 4)], NOTE_DTYPE)
    pedals = np.array([(0, 64, 20), (1, 64, 100), (1.5, 67, 3), (3, 64, 0), (5, 64, 9)], PEDAL_DTYPE)
    chosen, moves = excerpt(notes, pedals, 2, 2)
    assert chosen["pitch"].tolist() == [61, 62] and chosen["onset_sec"].tolist() == [0, 1.9]
    assert moves.tolist() == [(0, 64, 100), (0, 67, 3), (1, 64, 0)]


def test_what_is_louder_than_full_scale_is_kept() -> None:
    assert to_integers(np.array([0.5, 1.5, -1.9, 7, -7])).tolist() == [8192, 24576, -31130, 32767, -32768]


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(PerfLiveError, match="no rendered takes here; make some with perf-eval sound-data"):
        load_takes(tmp_path)
    (tmp_path / "a.npz").write_bytes(b"nothing")
    with pytest.raises(PerfLiveError, match="a.npz: cannot be read as a rendered take"):
        load_takes(tmp_path)
