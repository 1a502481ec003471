"""Aligning a score and a performance of one's own, and writing what was found as a match file."""

import os
from pathlib import Path

import numpy as np
import pytest
import symusic

from engine.base.command_line import run
from engine.base.errors import PerfLiveError
from engine.base.partitura_loader import load_partitura
from engine.score.files import read_score
from training.alignment.command import app
from training.alignment.files import align_files
from training.alignment.match_file import write_match
from training.alignment.matching import PitchWarping, match_notes
from training.alignment.quality import AlignmentQuality, alignment_quality
from training.datasets.aligned import Alignment, read_alignments, read_match
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE, Performance

STEPS = "CDEFGAB"
REPEAT = '<barline location="right"><repeat direction="backward"/></barline>'


def xml_note(pitch: str, duration: int, chord: bool = False) -> str:
    return (
        f"<note>{'<chord/>' if chord else ''}<pitch><step>{pitch[0]}</step><octave>{pitch[1]}</octave></pitch>"
        f"<duration>{duration}</duration><voice>1</voice><staff>1</staff></note>"
    )


def write_score(path: Path, measures: list[str], beats: int = 4, beat_type: int = 4) -> Path:
    """Write MusicXML with eighths as divisions; a measure without anything but notes is given as those."""
    time = f"<time><beats>{beats}</beats><beat-type>{beat_type}</beat-type></time>"
    attributes = f"<attributes><divisions>2</divisions>{time}</attributes>"
    body = "".join(
        f'<measure number="{number}">{attributes if number == 1 else ""}{measure}</measure>'
        for number, measure in enumerate(measures, start=1)
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><score-partwise version="3.1"><part-list><score-part id="P1"><part-name>P</part-name>'
        f'</score-part></part-list><part id="P1">{body}</part></score-partwise>'
    )
    return path


def scale(measures: int) -> list[str]:
    """Four quarters a measure, up and down the white keys, never the same pitch twice in a row."""
    degrees = [abs((place * 3) % 14 - 7) for place in range(4 * measures)]
    notes = [xml_note(f"{STEPS[degree % 7]}{4 + degree // 7}", 2) for degree in degrees]
    return ["".join(notes[4 * index : 4 * index + 4]) for index in range(measures)]


def perform(score_path: Path, repeats: str = "play", seconds_a_quarter: float = 0.5) -> Performance:
    notes = read_score(score_path, repeats).notes
    played = np.zeros(len(notes), NOTE_DTYPE)
    played["onset_sec"] = 1 + notes["onset_quarter"] * seconds_a_quarter
    played["duration_sec"] = 0.9 * seconds_a_quarter * notes["duration_quarter"]
    played["pitch"] = notes["pitch"]
    played["velocity"] = 40 + np.arange(len(notes)) % 60
    pedals = np.array([(1.0, 64, 127), (1.4, 64, 0), (1.5, 66, 127), (1.6, 67, 30)], PEDAL_DTYPE)
    return Performance("take.mid", "piece", played, pedals)


def without(performance: Performance, rows: list[int]) -> Performance:
    return Performance(performance.name, performance.piece, np.delete(performance.notes, rows), performance.pedals)


def write_midi(path: Path, performance: Performance) -> Path:
    score = symusic.Score(9600, ttype="second")
    track = symusic.Track("piano", 0, False, ttype="second")
    for onset, duration, pitch, velocity in performance.notes.tolist():
        track.notes.append(symusic.Note(onset, duration, pitch, velocity, ttype="second"))
    score.tracks.append(track)
    score.to("tick").dump_midi(str(path))
    return path


@pytest.fixture
def piece(tmp_path):
    return write_score(tmp_path / "piece.musicxml", scale(8))


@pytest.fixture
def perf_align(capfd):
    def call(*arguments):
        capfd.readouterr()
        status = run(app, "perf-align", [str(argument) for argument in arguments])
        return status, *capfd.readouterr()

    return call


def test_the_warping_finds_parangonars_paths():
    load_partitura()
    from parangonar.dp.dtw import DTWSL

    rng = np.random.default_rng(0)
    for _ in range(50):
        pitches = rng.integers(60, 65, rng.integers(1, 25))
        sets = [set(rng.integers(60, 65, 2).tolist()) for _ in range(rng.integers(1, 25))]
        cost, path = PitchWarping()(pitches, sets)
        expected_cost, expected_path = DTWSL()(pitches, sets)
        assert cost == expected_cost
        np.testing.assert_array_equal(path, expected_path)


def test_missing_wrong_and_additional_notes_are_told_from_the_others(piece):
    score, played = read_score(piece), perform(piece)
    played.notes["pitch"][5] += 1
    played = without(played, [9, 20])
    extra = np.array([(3.3, 0.1, 30, 9)], NOTE_DTYPE)
    played = Performance("take", "piece", np.sort(np.append(played.notes, extra), order="onset_sec"), played.pedals)
    pairs = match_notes(score, played)
    assert sorted(set(range(32)) - set(pairs[:, 0].tolist())) == [5, 9, 20]
    expected = 1 + score.notes["onset_quarter"][pairs[:, 0]] / 2
    np.testing.assert_allclose(played.notes["onset_sec"][pairs[:, 1]], expected)
    quality = alignment_quality(score, played, pairs)
    assert (quality.score_notes, quality.performed_notes, quality.matched) == (32, 31, 29)
    assert (quality.same_pitch, quality.in_order) == (1, 1)
    assert quality.verdict.startswith("usable")


def test_the_match_file_is_read_again_as_it_was_performed(piece, tmp_path):
    score, played = read_score(piece), without(perform(piece), [3])
    played.notes["pitch"][6] = 20
    write_match(tmp_path / "out.match", score, played, match_notes(score, played))
    match, pedals, inserted = read_match(tmp_path / "out.match")
    assert match["id"].tolist() == score.notes["id"].tolist()
    np.testing.assert_allclose(match["onset_beat"], score.notes["onset_quarter"])
    assert np.flatnonzero(np.isnan(match["onset_sec"])).tolist() == [3, 7]
    assert inserted == 1
    np.testing.assert_allclose(pedals["time_sec"], [1.0, 1.4, 1.6])
    assert pedals[["number", "value"]].tolist() == [(64, 127), (64, 0), (67, 30)]
    ((again,), left_out) = read_alignments([Alignment("take", "piece", tmp_path / "out.match", piece)])
    assert left_out == []
    heard = np.isfinite(again.performed["onset_sec"])
    expected = np.delete(played.notes, 6)
    np.testing.assert_allclose(again.performed["onset_sec"][heard], expected["onset_sec"], atol=5e-5)
    np.testing.assert_allclose(again.performed["duration_sec"][heard], expected["duration_sec"], atol=1e-4)
    assert again.performed["velocity"][heard].tolist() == expected["velocity"].tolist()


@pytest.mark.parametrize("repeats", ["play", "skip"])
def test_repeats_are_heard(tmp_path, repeats):
    path = write_score(tmp_path / "piece.musicxml", [scale(4)[0], scale(4)[1] + REPEAT, *scale(4)[2:]])
    reading, pairs, quality = align_files(path, perform(path, repeats))
    assert len(reading.notes) == len(pairs) == (24 if repeats == "play" else 16)
    assert quality.verdict == "good"


def test_places_are_those_of_the_bars(tmp_path):
    """An upbeat of an eighth in 6/8, then a dotted quarter, a chord of dotted quarters."""
    chord = xml_note("C4", 3) + xml_note("E4", 3, chord=True)
    path = write_score(tmp_path / "piece.musicxml", [xml_note("G4", 1), xml_note("A4", 3) + chord], 6, 8)
    score, played = read_score(path), perform(path)
    write_match(tmp_path / "out.match", score, played, match_notes(score, played))
    lines = [line.split("-note")[0] for line in (tmp_path / "out.match").read_text().splitlines() if line.startswith("snote")]
    places = [line.split("],")[1].split(",[")[0] for line in lines]
    assert places == [
        "4,0:6,0,1/8,-1.0000,0.0000",
        "4,1:1,0,3/8,0.0000,3.0000",
        "4,1:4,0,3/8,3.0000,6.0000",
        "4,1:4,0,3/8,3.0000,6.0000",
    ]


def test_weak_measures_are_named_and_judged(piece):
    score, played = read_score(piece), without(perform(piece), [4, 5, 6, 8, 9, 10, 28, 29, 30])
    quality = alignment_quality(score, played, match_notes(score, played))
    assert quality.weak_measures == ("bars 2 to 3 (2 of 8 notes)", "bar 8 (1 of 4 notes)")
    assert "poor" in str(quality)
    assert "under 50% found in bars 2 to 3 (2 of 8 notes), bar 8" in str(quality)


@pytest.mark.parametrize(
    ("performed", "matched", "in_order", "verdict"),
    [(100, 99, 1.0, "good"), (130, 99, 1.0, "usable"), (100, 90, 1.0, "usable"), (100, 99, 0.7, "poor"), (100, 40, 1.0, "no alignment")],
)
def test_the_verdict(performed, matched, in_order, verdict):
    assert AlignmentQuality(100, performed, matched, 1.0, in_order, ()).verdict.startswith(verdict)


def test_going_back_is_out_of_order(piece):
    score, played = read_score(piece), perform(piece)
    played.notes["onset_sec"][16:] -= 20
    quality = alignment_quality(score, played, np.stack([np.arange(32)] * 2, axis=1))
    assert quality.in_order == 30 / 31


def test_the_command_writes_a_file_and_says_how_well_it_went(piece, tmp_path, perf_align):
    take = write_midi(tmp_path / "a, take.mid", perform(piece))
    status, output, _ = perf_align(piece, take, "-o", tmp_path / "out.match")
    assert status == 0
    assert output.splitlines()[0].startswith("32 of 32 score notes found (100.0%), 0 not performed")
    assert output.splitlines()[-1] == "good"
    match, _, _ = read_match(tmp_path / "out.match")
    np.testing.assert_allclose(match["onset_sec"], perform(piece).notes["onset_sec"], atol=1e-3)


def test_a_midi_score_is_aligned_too(piece, tmp_path, perf_align):
    score = write_midi(tmp_path / "score.mid", perform(piece))
    take = write_midi(tmp_path / "take.mid", perform(piece, seconds_a_quarter=0.7))
    assert perf_align(score, take, "-o", tmp_path / "out.match")[0] == 0
    ((again,), _) = read_alignments([Alignment("take", "piece", tmp_path / "out.match", score)])
    assert np.isfinite(again.performed["onset_sec"]).all()


def test_bad_input_is_refused_in_one_line_and_leaves_no_file(piece, tmp_path, perf_align):
    take = write_midi(tmp_path / "take.mid", perform(piece))
    other = perform(piece)
    other.notes["pitch"] = 100 + np.arange(32) % 7
    strange = write_midi(tmp_path / "strange.mid", other)
    silence = write_midi(tmp_path / "silence.mid", Performance("", "", np.zeros(0, NOTE_DTYPE), other.pedals))
    (tmp_path / "garbage.mid").write_bytes(b"nothing")
    out = tmp_path / "out.match"
    for status, message, arguments in (
        (2, "ends in .match", (piece, take, "-o", tmp_path / "out.txt")),
        (1, "create it first", (piece, take, "-o", tmp_path / "none" / "out.match")),
        (1, "cannot read", (tmp_path / "none.musicxml", take, "-o", out)),
        (1, "as a score", (tmp_path / "piece.doc", take, "-o", out)),
        (1, "MIDI", (piece, tmp_path / "none.mid", "-o", out)),
        (1, "MIDI", (piece, tmp_path / "garbage.mid", "-o", out)),
        (1, "no notes", (piece, silence, "-o", out)),
        (1, "at least 50%", (piece, strange, "-o", out)),
        (2, "'-o'", (piece, take)),
    ):
        ended, _, error = perf_align(*arguments)
        assert (ended, error.count("\n")) == (status, 1), error
        assert message in error
        assert not [name for name in os.listdir(tmp_path) if name.endswith(".match") or name.startswith(".")]


def test_too_long_a_pair_is_refused(piece, monkeypatch):
    monkeypatch.setattr("training.alignment.matching.MOST_CELLS", 1000)
    with pytest.raises(PerfLiveError, match="too long .* one by one"):
        match_notes(read_score(piece), perform(piece))


def test_partitura_agrees_on_what_the_file_says(piece, tmp_path):
    score, played = read_score(piece), perform(piece)
    write_match(tmp_path / "out.match", score, played, match_notes(score, played))
    performance, alignment, part = load_partitura().load_match(str(tmp_path / "out.match"), create_score=True)
    assert len(performance.note_array()) == 32
    assert {line["label"] for line in alignment} == {"match"}
    array = part.note_array()
    np.testing.assert_allclose(array["onset_quarter"], score.notes["onset_quarter"])
    assert array["pitch"].tolist() == score.notes["pitch"].tolist()
