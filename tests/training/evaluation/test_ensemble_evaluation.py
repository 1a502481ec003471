"""Figures of chords and ensembles: what is read, and values that can be counted by hand."""

import numpy as np
import pytest
from command_line import command
from miniature_corpus import write_corpus

from engine.midi.events import Event, note_off, note_on
from engine.midi.file import KeptEvent, MidiTimeline, Track, write_midi_file
from engine.score.track_texts import TRACK_NAME, meta
from training.evaluation.command import app
from training.evaluation.ensemble.asynchrony import measure, together
from training.evaluation.ensemble.match_chords import read_chords
from training.evaluation.ensemble.voicing_command import measure as measure_chords

MATCH = """info(matchFileVersion,5.0).
snote(n1-1,[C,n],4,1:1,0,1/4,0.0,1.0,[v1,staff1])-note(n0,[C,n],4,100,200,200,40).
snote(n2-1,[E,b],4,1:1,0,1/4,0.0,1.0,[v1])-note(n1,[E,b],4,104,200,200,66).
snote(n3-1,[F,##],5,1:1,0,1/4,0.0,1.0,[grace])-note(n2,[F,##],5,104,200,200,99).
snote(n4-1,[A,n],4,1:2,0,1/4,1.0,2.0,[])-deletion.
insertion-note(n3,[A,n],4,104,200,200,99).
snote(n5-1,[B,b],2,1:3,0,1/4,2.0,3.0,[])-note(n4,[B,b],2,300,400,400,50).
snote(n6-1,[B,b],2,1:3,0,1/4,2.0,3.0,[])-note(n5,[B,b],2,300,400,400,51).
"""
NEWER = """info(matchFileVersion,1.0.0).
snote(n1-1,[F,x],4,1:1,0,1/8,-0.5000,0.0000,[v1,staff1])-note(n0,67,1924,1992,79,0,0).
snote(n2-1,[B,n],3,1:1,0,1/8,-0.5000,0.0000,[v1])-note(n1,59,1924,1992,60,0,0).
"""


def test_chords_are_read_from_match_files_of_both_kinds(tmp_path) -> None:
    for text, expected in ((MATCH, [[60, 40], [63, 66]]), (NEWER, [[59, 60], [67, 79]])):
        (tmp_path / "a.match").write_text(text)
        (chord,) = read_chords(tmp_path / "a.match")
        assert chord.tolist() == expected


def test_chords_are_counted_by_size_loudness_and_place() -> None:
    two, three, eight = [[50, 30], [60, 40]], [[40, 60], [50, 70], [60, 75]], [[1 + key, 80 - key] for key in range(8)]
    chords = [np.array(chord) for chord in (two, three, eight)]
    by_size, by_top, by_place = measure_chords(chords).values()
    assert by_size == {"2": [10], "3": [15], "6 or more": [7]}
    assert by_top == {"30 to 44": [10], "75 to 89": [15, 7]}
    assert by_place["3, bass"] == [15] and by_place["3, inner"] == [5] and by_place["3, highest"] == [0]
    assert by_place["6 or more, inner"] == [1, 2, 3, 4, 5, 6]


def test_onsets_that_belong_together() -> None:
    first = np.array([0.0, 0.5, 1.0, 2.0, 3.0])
    second = np.array([0.02, 1.03, 1.06, 1.95, 3.3])
    assert together(first, second).tolist() == [[0, 0], [3, 3]]  # 1.03 is nearer to 1.06 than twice its way to 1.0
    assert len(together(first, np.zeros(0))) == 0


def test_asynchrony_of_two_players() -> None:
    late = 0.001 * np.tile([10, 30, 10, -10], 10)
    beats = np.arange(40.0)
    (pair,) = measure([beats + late, beats])
    assert pair.onsets == 40
    assert pair.mean_s == pytest.approx(0.010)
    assert pair.deviation_s == pytest.approx(0.020 / np.sqrt(2))
    assert pair.correlations == pytest.approx((0, -1, 1), abs=0.06)  # of 0, 20, 0, -20 ms again and again
    assert measure([beats[:5], beats[:5]]) == []


def test_the_commands_read_their_data(tmp_path, capfd) -> None:
    perf_eval = command(app, "perf-eval", capfd)
    ended = perf_eval("voicing", "--data", write_corpus(tmp_path / "asap"))
    assert ended.status == 0 and "6 performances, 960 chords" in ended.output
    for number in range(2):
        take = tmp_path / "strings" / "annotations" / "TRIO" / "T-ED-VN0-NR" / str(number)
        take.mkdir(parents=True)
        for player, late in (("VN1", 0.01), ("VA", 0.0), ("VC", 0.0)):
            np.savetxt(take / f"{player}-T-ED-VN0-NR-{number}.txt", np.arange(20) + late)
        (take / "VN2-T-ED-VN0-NR-1.txt").touch()
    ended = perf_eval("asynchrony", "--data", tmp_path / "strings")
    assert ended.status == 0 and "trio ED, normal" in ended.output and "6.7" in ended.output  # of 10, 10 and 0 ms
    assert "not a Virtuoso Strings folder" in perf_eval("asynchrony", "--data", tmp_path).error
    assert "nothing to measure" in perf_eval("asynchrony").error
    assert "allowed: dexter, score-performer" in perf_eval("final-chord", "x.mid", "--performer", "velocity").error


def arrangement(path, names, velocities):
    """Write a MIDI file of one note a track."""
    tracks = tuple(Track((KeptEvent(0, 0, meta(TRACK_NAME, name.encode())),)) for name in names)
    events = [Event(0, note_on(number, 60, velocity), number) for number, velocity in enumerate(velocities)]
    ends = [Event(10**9, note_off(number, 60), number) for number in range(len(names))]
    write_midi_file(path, [*events, *ends], MidiTimeline([], tracks, 1, 480))


def test_how_far_arrangers_have_their_tracks_below_the_melody(tmp_path, capfd) -> None:
    perf_eval = command(app, "perf-eval", capfd)
    arrangement(tmp_path / "001.mid", ("MELODY", "BRIDGE", "PIANO"), (100, 90, 80))
    arrangement(tmp_path / "002.mid", ("MELODY", "PIANO"), (100, 85))
    ended = perf_eval("balance", "--data", tmp_path)
    cells = [line.replace("│", " ").split() for line in ended.output.splitlines()]
    assert ["BRIDGE", "1", "10.0", "10.0", "10.0"] in cells and ["PIANO", "2", "17.5", "16.2", "18.8"] in cells
    assert "give the POP909 folder" in perf_eval("balance", "--data", tmp_path / "none").error
    assert "nothing to measure" in perf_eval("balance").error


def test_the_gain_of_pieces_is_told_beside_the_bound_of_the_voicing_s(tmp_path, capfd) -> None:
    corpus = write_corpus(tmp_path / "asap")
    score = next(corpus.rglob("midi_score.mid"))
    ended = command(app, "perf-eval", capfd)("voicing-gain", "--data", corpus, "--score", score)
    assert ended.status == 0 and "above 1.5" in ended.output and f"{score.name}: gain" in ended.output
