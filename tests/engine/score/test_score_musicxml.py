"""MusicXML as partitura can take it: timewise scores, and what it leaves out: arpeggio signs, dynamics in words."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from score_fixtures import attributes, direction, musicxml, note

from engine.base.errors import PerfLiveError
from engine.score.files import read_score

ARPEGGIATE = "<arpeggiate/>"
DOWN = '<arpeggiate direction="down"/>'


@pytest.fixture
def read(tmp_path):
    def read_text(text, name="score.musicxml", repeats="play"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_score(path, repeats)

    return read_text


def to_timewise(partwise):
    """Return the same score measure by measure, as MusicXML's own stylesheet would."""
    header, body = partwise.split("</part-list>")
    parts = re.findall(r'<part id="(\w+)">(.*?)</part>', body)
    measures = {}
    for identifier, content in parts:
        for opening, inside in re.findall(r"(<measure [^>]*>)(.*?)</measure>", content):
            measures.setdefault(opening, []).append(f'<part id="{identifier}">{inside}</part>')
    inside = "".join(f"{opening}{''.join(pieces)}</measure>" for opening, pieces in measures.items())
    return f"{header}</part-list>{inside}</score-timewise>".replace("score-partwise", "score-timewise")


TWO_PARTS = musicxml(
    [attributes(2) + note("C", 4, identifier="a") + note("D", 4, identifier="b"), note("E", 8, identifier="c")],
    [attributes(2) + note("C", 8, octave=3, identifier="d"), note("G", 8, octave=3, identifier="e")],
)


def test_a_timewise_score_is_read_as_the_same_score_partwise(read):
    timewise = to_timewise(TWO_PARTS)
    assert timewise.count("<part ") == 4 and "score-partwise" not in timewise
    one, other = read(TWO_PARTS), read(timewise, "other.xml")
    for table in ("notes", "measures", "time_signatures", "markings"):
        np.testing.assert_array_equal(getattr(one, table), getattr(other, table))


def test_a_timewise_score_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "score.mxl", "w") as archive:
        archive.writestr("META-INF/container.xml", '<container><rootfiles><rootfile full-path="in/a.xml"/></rootfiles></container>')
        archive.writestr("in/a.xml", to_timewise(TWO_PARTS))
    assert len(read_score(tmp_path / "score.mxl").notes) == 5


@pytest.mark.parametrize("container", ["<container/>", '<container><rootfile full-path="none.xml"/></container>', "<con"])
def test_an_archive_without_a_score_is_refused_in_one_line(tmp_path, container):
    with zipfile.ZipFile(tmp_path / "score.mxl", "w") as archive:
        archive.writestr("META-INF/container.xml", container)
    with pytest.raises(PerfLiveError, match="no score in it") as caught:
        read_score(tmp_path / "score.mxl")
    assert "\n" not in str(caught.value)


def test_entities_are_not_followed(read, tmp_path):
    (tmp_path / "secret").write_text("C")
    text = TWO_PARTS.replace("?>", f'?><!DOCTYPE x [<!ENTITY secret SYSTEM "{tmp_path}/secret">]>', 1)
    with pytest.raises(PerfLiveError):
        read(text.replace("<step>C</step>", "<step>&secret;</step>"))


def test_arpeggio_signs_reach_their_notes_in_every_repeat_and_part(read):
    chord = note("C", 4, notations=ARPEGGIATE) + note("E", 4, before="<chord/>", notations=ARPEGGIATE)
    rest = "<note><rest/><duration>4</duration><voice>1</voice></note>"
    last = note("G", 4) + '<barline><repeat direction="backward"/></barline>'
    second = attributes(3) + rest + rest + note("C", 4, octave=3, notations=DOWN) + '<barline><repeat direction="backward"/></barline>'
    score = read(musicxml([attributes(3) + rest + chord + last], [second]))
    signs = {
        (float(row["onset_quarter"]), int(row["pitch"])): int(sign)
        for row, sign in zip(score.notes, score.markings["arpeggio"], strict=True)
    }
    assert signs == {(1, 60): 1, (1, 64): 1, (2, 67): 0, (2, 48): -1, (4, 60): 1, (4, 64): 1, (5, 67): 0, (5, 48): -1}


def written(text):
    return direction(f"<dynamics><other-dynamics>{text}</other-dynamics></dynamics>")


def test_dynamics_in_words_are_dynamics(read):
    content = attributes() + written("f con fuoco") + note("C", 4) + written("cresc.  -  -  -") + note("D", 4) + note("E", 4)
    content += written("sempre ff") + note("F", 4)
    second = written("[sf]") + note("G", 4) + written("più p") + note("A", 4) + written("poco dim.") + note("B", 4)
    score = read(musicxml([content, second + written("ffp") + note("C", 4)]))
    marks = score.markings
    assert marks["dynamic"].tolist() == [6, 6, 6, 7, 7, 3, 3, 3]
    assert marks["hairpin"].tolist() == [0, 1, 1, 0, 0, 0, -1, 0]
    assert marks["sudden_accent"].tolist() == [False, False, False, False, True, False, False, True]
    assert marks["hairpin_position"].tolist() == [0, 0, 0.5, 0, 0, 0, 0, 0]
    assert [word.text for word in score.words] == ["con fuoco", "sempre", "più"]


def test_a_word_for_a_level_is_that_level(read):
    words = [direction(f"<words>{word}</words>") + note("C", 4) for word in ("piano", "sempre più forte", "sotto voce", "pp")]
    assert read(musicxml([attributes() + "".join(words)])).markings["dynamic"].tolist() == [3, 6, 6, 2]


def test_notes_stand_where_the_durations_of_the_file_put_them() -> None:
    from fractions import Fraction

    from lxml import etree

    from engine.score.notation.musicxml.written_times import written_times

    def note(duration: int, inside: str = "<pitch/>") -> str:
        return f"<note>{inside}<duration>{duration}</duration></note>"

    attributes = "<attributes><divisions>2</divisions></attributes>"
    first = attributes + note(3) + note(3, "<chord/><pitch/>") + "<backup><duration>1</duration></backup>" + note(2)
    whole_rest = note(8, '<rest measure="yes"/>')
    root = etree.fromstring(
        f'<score-partwise><part id="P"><measure>{first}<note><grace/></note></measure><measure>{whole_rest}</measure></part>'
        f'<part id="Q"><measure>{attributes}{whole_rest}</measure></part></score-partwise>'
    )
    times, lengths, _ = written_times(root)
    quarters = {name: (float(onset), float(duration)) for name, (onset, duration) in times.items()}
    assert quarters == {
        "P.note0": (0.0, 1.5), "P.note1": (0.0, 1.5), "P.note2": (1.0, 1.0), "P.note3": (2.0, 0.0), "P.note4": (0.0, 4.0),
        "Q.note0": (0.0, 4.0),
    }  # fmt: skip
    assert lengths == [Fraction(2), Fraction(0)]


def times_of(score):
    return [
        (float(onset), float(length), int(pitch)) for onset, length, pitch in score.notes[["onset_quarter", "duration_quarter", "pitch"]]
    ]


def backup(duration):
    return f"<backup><duration>{duration}</duration></backup>"


def test_a_forward_at_the_end_fills_its_bar(read):
    first = attributes(3) + note("C", 4) + "<forward><duration>8</duration></forward>"
    played = "".join(note("D", 2, voice=2) for _ in range(2))
    score = read(musicxml([first, played, note("E", 8)]))
    assert times_of(score) == [(0.0, 1.0, 60), (3.0, 0.5, 62), (3.5, 0.5, 62), (4.0, 2.0, 64)]


def test_a_note_of_less_than_nothing_lasts_nothing_and_those_after_it_stay_in_their_places(read):
    upper = note("C", 4) + note("D", -2) + note("E", 2) + note("F", 4)
    score = read(musicxml([attributes(2) + upper + backup(8) + note("C", 8, octave=3, voice=2, staff=1), note("G", 8)]))
    assert times_of(score) == [(0.0, 2.0, 48), (0.0, 1.0, 60), (0.5, 0.5, 64), (1.0, 0.0, 62), (1.0, 1.0, 65), (2.0, 2.0, 67)]


def test_a_tie_goes_from_one_voice_to_another(read):
    """The second half's C is tied to the first half's, which is of the other voice and written after it."""
    first = note("E", 8) + note("C", 8, tie="stop") + backup(16) + note("C", 8, voice=2, tie="start") + note("G", 8, octave=3, voice=2)
    score = read(musicxml([attributes() + first]))
    assert times_of(score) == [(0.0, 4.0, 60), (0.0, 2.0, 64), (2.0, 2.0, 55)]


def test_grace_notes_are_tied_to_notes_that_are_tied_on(read):
    """The half note is not struck again after the grace note, nor is the next bar's quarter."""
    tied_on = note("C", 8).replace("</duration>", '</duration><tie type="stop"/><tie type="start"/>')
    score = read(musicxml([attributes(2) + note("C", 0, tie="start") + tied_on, note("C", 4, tie="stop") + note("D", 4)]))
    assert score.notes[["onset_quarter", "pitch", "is_grace"]].tolist() == [(0.0, 60, True), (3.0, 62, False)]


BACKWARD = '<barline location="right"><repeat direction="backward"/></barline>'


@pytest.mark.parametrize(
    ("movements", "sounding"),
    [
        (["c d|", "e f|"], "cdcdefef"),  # a repeat goes back to its movement's beginning
        (["c d|", "e fF gD", "a b"], "cdcdefgefab"),  # so does a da capo; after the Fine the next movement follows
        (["c d|", "e fF| gD", "a b|"], "cdcdefefgefabab"),
        (["c dF| eD", "f gF| aD"], "cdcdecdfgfgafg"),
    ],
)
def test_repeats_and_jumps_stay_in_their_movement(tmp_path: Path, movements: list[str], sounding: str) -> None:
    signs = {"|": BACKWARD, "F": '<sound fine="yes"/>', "D": '<sound dacapo="yes"/>'}
    measures = ""
    for movement in movements:
        for number, (step, *marks) in enumerate(movement.split(), 1):
            note = f"<note><pitch><step>{step.upper()}</step><octave>4</octave></pitch><duration>1</duration><type>quarter</type></note>"
            attributes = (
                "" if measures else "<attributes><divisions>1</divisions><time><beats>1</beats><beat-type>4</beat-type></time></attributes>"
            )
            measures += f'<measure number="{number}">{attributes}{note}{"".join(signs[mark] for mark in marks)}</measure>'
    listed = '<part-list><score-part id="P1"><part-name>P</part-name></score-part></part-list>'
    path = tmp_path / "movements.musicxml"
    path.write_text(f'<score-partwise version="4.0">{listed}<part id="P1">{measures}</part></score-partwise>')
    assert [60 + "c d ef g a b".index(step) for step in sounding] == read_score(path).notes["pitch"].tolist()
