"""``perf-eval expressiveness`` and ``perf-eval dexter`` on a corpus of one small piece."""

import csv
import json
from dataclasses import replace

import mido
import numpy as np
import pytest
from match_files import MUSICXML, VERSION_5

from engine.base.command_line import run
from engine.base.errors import PerfLiveError
from engine.score.piece import piece_of
from engine.score.realisation.ornaments import ROLL, ROLL_POWER
from models.performance.descriptors import DESCRIPTORS
from models.performance.pedal import Pedal
from training.evaluation.command import app
from training.evaluation.expressiveness.kept_renderings import keep_renderings
from training.evaluation.expressiveness.live_renderer import FLAT_VELOCITY, load_live_renderer
from training.evaluation.expressiveness.pieces import as_written, load_held_out_pieces
from training.evaluation.expressiveness.renderers import load_renderer

PIECE = "Bach/Fugue"


@pytest.fixture
def asap(tmp_path):
    """Three performances that differ in the first velocity, and a MIDI score of the same notes."""
    root = tmp_path / "asap"
    folder = root / PIECE
    folder.mkdir(parents=True)
    (folder / "xml_score.musicxml").write_text(MUSICXML)
    write_midi_score(folder / "midi_score.mid", [60, 62, 60, 62])
    rows = []
    for name, velocity in (("one", 60), ("two", 70), ("three", 80)):
        (folder / f"{name}.match").write_text(VERSION_5.replace("1920,64)", f"1920,{velocity})"))
        files = {"match_file": f"{PIECE}/{name}.match", "xml_score": f"{PIECE}/xml_score.musicxml"}
        rows.append({"folder": PIECE, **files, "robust_note_alignment": "1.0"})
    with (root / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (root / "splits.json").write_text(json.dumps({"train": [], "validation": [PIECE]}))
    return root


def write_midi_score(path, pitches):
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("time_signature", numerator=2, denominator=4)]))
    for number, pitch in enumerate(pitches):
        file.tracks[0].append(mido.Message("note_on", note=pitch, velocity=40 + 10 * number, time=0))
        file.tracks[0].append(mido.Message("note_off", note=pitch, time=480))
    file.save(path)


@pytest.fixture
def models(tmp_path, monkeypatch):

    from synthetic_dexter import write_models

    return write_models(tmp_path / "models")


def call(arguments, asap, tmp_path):
    return run(app, "perf-eval", [*arguments, "--data", str(asap), "--cache", str(tmp_path / "cache")])


def test_pieces_have_their_humans_and_both_presentations(asap, tmp_path):
    (piece,) = load_held_out_pieces(asap, "validation", tmp_path / "cache")
    assert piece.name == PIECE and len(piece.humans) == 3
    assert [human.velocity[0] for human in piece.humans] == [60, 70, 80]
    assert list(piece.presentations) == ["MusicXML", "MIDI"]
    np.testing.assert_array_equal(piece.presentations["MIDI"].rows, np.arange(4))
    np.testing.assert_allclose(piece.beats.onset_quarter, np.arange(4))


def test_a_midi_score_of_other_notes_is_left_out(asap, tmp_path):
    write_midi_score(asap / PIECE / "midi_score.mid", [60, 63, 61, 62])
    assert list(load_held_out_pieces(asap, "validation", tmp_path / "cache")[0].presentations) == ["MusicXML"]
    (asap / PIECE / "midi_score.mid").write_bytes(b"nothing")
    assert list(load_held_out_pieces(asap, "validation", tmp_path / "cache")[0].presentations) == ["MusicXML"]


def test_pieces_that_are_not_there(asap, tmp_path):
    with pytest.raises(PerfLiveError, match="'Chopin' in its name; they are: Bach/Fugue$"):
        load_held_out_pieces(asap, "validation", tmp_path / "cache", "Chopin")
    with pytest.raises(PerfLiveError, match="they are: none$"):
        load_held_out_pieces(asap, "train", tmp_path / "cache")


def test_expressiveness_of_a_performer(asap, models, tmp_path, capsys):
    arguments = ["expressiveness", "--performer", "dexter", "--model", str(models), "--seeds", "2", "--programs", "2", "--json"]
    assert call(arguments, asap, tmp_path) == 0
    figures = json.loads(capsys.readouterr().out)
    assert {f"program {number}, mean" for number in (1, 2)} < set(figures["overall"])
    for label in [label for label in figures["overall"] if label.startswith("program")]:
        assert figures["overall"].pop(label)["amount"]["velocity_deviation"] >= 0
    kinds = {"MusicXML": ("as written", "mean", "sampled"), "MIDI": ("as written", "constant velocity", "mean", "sampled")}
    assert list(figures["overall"]) == ["humans", *(f"{score}, {kind}" for score, several in kinds.items() for kind in several)]
    assert figures["overall"]["MIDI, constant velocity"]["amount"]["velocity_deviation"] == 0
    assert figures["overall"]["MusicXML, sampled"]["apart_ratio"]["velocity"] > 0
    assert figures["pieces"][PIECE]["MIDI, as written"]["amount"]["velocity_deviation"] == pytest.approx(np.std([40, 50, 60, 70]))


def test_descriptors_of_a_performer(asap, models, tmp_path, capsys):
    assert call(["dexter", "--model", str(models)], asap, tmp_path) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in DESCRIPTORS) and "right way" in shown


def test_an_unknown_performer_is_a_wrong_call(asap, tmp_path, capsys):
    assert call(["expressiveness", "--performer", "liszt"], asap, tmp_path) == 2
    assert capsys.readouterr().err == "perf-eval: --performer 'liszt': allowed: dexter, score-performer\n"


def test_a_rendering_is_the_same_for_the_same_seed(asap, models, tmp_path):
    (piece,) = load_held_out_pieces(asap, "validation", tmp_path / "cache")
    render = load_renderer("dexter", models)
    first, again, other = (render(piece_of(piece.score), seed, {}) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.onset_sec, again.onset_sec)
    assert not np.allclose(first.onset_sec, other.onset_sec)
    mean, louder = (render(piece_of(piece.score), None, controls) for controls in ({}, {"melodiousness": 1.0}))
    assert not np.allclose(mean.velocity, louder.velocity)


def test_a_rendering_rolls_chords_as_the_engine_does(asap, models, tmp_path):
    (piece,) = load_held_out_pieces(asap, "validation", tmp_path / "cache")
    notes, markings = piece.score.notes.copy(), piece.score.markings.copy()
    notes["onset_quarter"][:2] = 0
    plain, signed = (replace(piece.score, notes=notes, markings=marks.copy()) for marks in (markings, markings))
    signed.markings["arpeggio"][:2] = 1
    render = load_renderer("dexter", models)
    without, rolled = (render(piece_of(score), None, {}) for score in (plain, signed))
    spread = ROLL * without.duration_sec[:2].mean() ** ROLL_POWER
    assert rolled.onset_sec[1] - rolled.onset_sec[0] == pytest.approx(spread, rel=0.01)
    np.testing.assert_allclose(np.diff(rolled.onset_sec[2:]), np.diff(without.onset_sec[2:]), atol=1e-6)


def test_the_published_sampling_is_another(asap, models, tmp_path):
    (piece,) = load_held_out_pieces(asap, "validation", tmp_path / "cache")
    ours, published = (load_renderer(name, models) for name in ("dexter", "dexter-thousand-steps"))
    played = piece_of(piece.score)
    assert not np.allclose(ours(played, 1, {}).velocity, published(played, 1, {}).velocity)
    np.testing.assert_allclose(ours(played, None, {}).velocity, published(played, None, {}).velocity)  # the mean is not sampled


def test_what_a_daw_plays_of_a_score_is_performed_on_its_time(asap, models, tmp_path):
    """Every note, moved by a quarter of a second at most, with a touch of its own; velocities of the score are not heard."""
    (piece,) = load_held_out_pieces(asap, "validation", tmp_path / "cache")
    render, written = load_live_renderer("dexter", models, 2.0), as_written(piece.score)
    first, again, other = (render(piece_of(piece.score), seed, {}) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.onset_sec, again.onset_sec)
    assert not np.allclose(first.onset_sec, other.onset_sec)
    mean = render(piece_of(piece.score), None, {})
    assert 0 < np.abs(mean.onset_sec - written.onset_sec).max() < 0.25
    assert (mean.velocity > 0).all() and np.ptp(mean.velocity) > 0 and (mean.duration_sec > 0).all()
    plain = render(piece_of(piece.score), None, {"expression": 0})
    np.testing.assert_allclose(plain.onset_sec, written.onset_sec, atol=1e-6)
    np.testing.assert_allclose(plain.duration_sec, written.duration_sec, atol=1e-6)
    assert set(plain.velocity) == {FLAT_VELOCITY} and not plain.pedal.value.any()
    assert render(piece_of(piece.score), None, {"expression_velocity": 0}).pedal.value.any()


def test_notes_of_one_key_keep_their_rows_whatever_part_they_are_of(asap, models, tmp_path):
    (piece,) = load_held_out_pieces(asap, "validation", tmp_path / "cache")
    notes = piece.score.notes.copy()
    notes["pitch"], notes["part"] = 60, [0, 1, 0, 20]
    notes["onset_quarter"], notes["duration_quarter"] = [0, 0.25, 1, 2], [0, 3, 0.5, 1]
    written = as_written(replace(piece.score, notes=notes))
    performed = load_live_renderer("dexter", models, 2.0)(piece_of(replace(piece.score, notes=notes)), None, {"expression": 0})
    np.testing.assert_allclose(performed.onset_sec, written.onset_sec, atol=1e-6)
    np.testing.assert_allclose(performed.duration_sec, np.maximum(written.duration_sec, 0.05), atol=1e-6)


def test_expressiveness_with_look_ahead(asap, models, tmp_path, capsys):
    arguments = ["expressiveness", "--performer", "dexter", "--model", str(models), "--seeds", "0", "--json"]
    figures = []
    for more in ([], ["--lookahead", "2"]):
        assert call([*arguments, *more], asap, tmp_path) == 0
        figures.append(json.loads(capsys.readouterr().out)["overall"])
    assert figures[0]["MIDI, as written"] == figures[1]["MIDI, as written"] and figures[0]["MIDI, mean"] != figures[1]["MIDI, mean"]


WANTED = "give more than 0 seconds, and --performer dexter or score-performer"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lookahead", "2"], f"--lookahead 2: {WANTED}"),
        (["--performer", "dexter", "--lookahead", "-1"], f"--lookahead -1: {WANTED}"),
        (["--performer", "liszt", "--lookahead", "2"], "--performer 'liszt': allowed: dexter, score-performer"),
    ],
)
def test_look_ahead_without_a_performer_that_does_is_a_wrong_call(asap, tmp_path, capsys, arguments, said):
    assert call(["expressiveness", *arguments], asap, tmp_path) == 2
    assert capsys.readouterr().err == f"perf-eval: {said}\n"


def test_renderings_are_kept_until_anything_that_decides_them_changes(asap, models, tmp_path):
    (piece,) = load_held_out_pieces(asap, "validation", tmp_path / "cache")
    folder, rendered = tmp_path / "renderings", []

    def render(score, seed, controls):
        rendered.append((seed, controls))
        return as_written(score.score)._replace(pedal=Pedal(np.array([0.5]), np.array([100])))

    kept = keep_renderings(render, "dexter", models, folder)
    first, again = (kept(piece_of(piece.score), 1, {}) for _ in range(2))
    assert len(rendered) == 1 and len(list(folder.iterdir())) == 1
    for name in ("onset_sec", "duration_sec", "velocity"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (again.pedal.time_sec, again.pedal.value) == (0.5, 100)
    kept(piece_of(piece.score), 1, {"temperature": 1.0})  # what a sample has anyhow
    assert len(rendered) == 1
    notes = piece.score.notes.copy()
    notes["pitch"] += 1
    kept(piece_of(piece.score), 2, {})
    kept(piece_of(piece.score), None, {})
    kept(piece_of(piece.score), 1, {"temperature": 0.5})
    kept(piece_of(replace(piece.score, notes=notes)), 1, {})
    keep_renderings(render, "score-performer", models, folder)(piece_of(piece.score), 1, {})
    (models / "more.onnx").write_bytes(b"other weights")
    keep_renderings(render, "dexter", models, folder)(piece_of(piece.score), 1, {})
    assert len(rendered) == 7
