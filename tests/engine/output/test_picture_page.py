"""Pages of pictures: where systems begin, what of a score's markings is drawn, and which parts have colours."""

from dataclasses import replace

import numpy as np
import pytest
from test_score_picture import make_score

from engine.midi.file import KeptEvent, MidiTimeline, Track
from engine.output.marks_picture import Span, dynamic_marks, find_marks, gradual_spans, slur_spans
from engine.output.picture_page import spans
from engine.output.score_sinks import named_parts
from engine.score.piece import Piece
from engine.score.tables import Word


@pytest.mark.parametrize(
    ("end", "breaks", "expected"),
    [
        (50.0, [], [(0, 50)]),
        (110.0, [], [(0, 110)]),
        (200.0, [], [(0, 100), (100, 200)]),
        (200.0, range(0, 200, 12), [(0, 96), (96, 200)]),
        (300.0, [0, 60, 190], [(0, 100), (100, 190), (190, 300)]),
        (0.0, [], [(0, 0.001)]),
    ],
)
def test_systems_are_equally_long_and_break_at_bars(end: float, breaks: list[float], expected: list[tuple[float, float]]) -> None:
    assert spans(end, 96.0, np.array(list(breaks), dtype=float)) == expected


def test_hairpins_are_as_long_as_they_are_printed() -> None:
    score = make_score(16)
    score.markings["hairpin"][4:8] = 1  # from 4 to 8; then from 8 to 12 the other way
    score.markings["hairpin_position"][4:8] = [0, 0.25, 0.5, 0.75]
    score.markings["hairpin"][8:12] = -1
    score.markings["hairpin_position"][8:12] = [0, 0.25, 0.5, 0.75]
    assert gradual_spans(score, "hairpin") == [Span(4, 8, 1), Span(8, 12, -1)]
    score.markings["hairpin_position"][8:12] = [0, 0.5, 0, 0.5]  # two short ones
    assert gradual_spans(score, "hairpin") == [Span(4, 8, 1), Span(8, 10, -1), Span(10, 12, -1)]


def test_slurs_fermatas_words_and_dynamics_are_found() -> None:
    score = make_score(16)
    score.markings["slur_start"][[0, 4]] = True
    score.markings["slur_end"][[3, 9]] = True
    score.markings["slurred"][:9] = True
    score.markings["fermata"][15] = True
    score.markings["tempo_change"][12:16] = -1
    score.markings["tempo_change_position"][12:16] = [0, 0.25, 0.5, 0.75]
    assert slur_spans(score) == [(0, 3), (4, 9)]
    assert dynamic_marks(score) == [(0, "ppp"), (8, "pp")]
    marks = find_marks(score)
    assert marks.fermatas == [15] and marks.tempos == [Span(12, 16, -1)] and marks.words == [(12, "rit.")]
    said = find_marks(make_said(score))
    assert said.words == [(0, "Lento"), (12, "ritardando")]


def make_said(score):
    words = (Word(0.0, "Lento", "tempo"), Word(12.0, "ritardando", "tempo-change"), Word(4.0, "\u266d", "other"))
    return replace(score, words=words)


def piece(channels: list[int], tracks: list[int]) -> Piece:
    names = (b"", b"Violin", b"Viola", b"Cello")
    timeline = MidiTimeline(tracks=tuple(Track((KeptEvent(0, 0, bytes((0xFF, 3, len(name))) + name),) if name else ()) for name in names))
    return Piece(make_score(len(channels)), np.array(channels), np.array(tracks), (), timeline)


def test_parts_are_instruments_or_tracks_of_one_and_have_their_names() -> None:
    of_notes, names = named_parts(piece([0, 3, 0, 3], [1, 0, 1, 0]))
    assert of_notes.tolist() == [0, 1, 0, 1] and names == ["Violin", "channel 4"]
    of_notes, names = named_parts(piece([0, 0, 0], [3, 1, 2]))
    assert of_notes.tolist() == [2, 0, 1] and names == ["Violin", "Viola", "Cello"]
    assert named_parts(piece([0, 0], [1, 2])) is None, "two hands are one piano"
