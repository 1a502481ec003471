"""Signs that repeat measures, signs of octaves and swing as an equation, by the MusicXML 4.0 and MEI 5 references; counted by hand."""

import pytest

from engine.score.files import read_score

DOCUMENT = """<score-partwise version="4.0"><part-list><score-part id="P1"><part-name>Flute</part-name></score-part></part-list>
<part id="P1">{}</part></score-partwise>"""
REST = '<note><rest measure="yes"/><duration>4</duration></note>'
START, STOP = '<measure-repeat type="start">{}</measure-repeat>', '<measure-repeat type="stop"/>'
BEATS = '<beat-repeat type="start" slashes="1"><slash-type>quarter</slash-type></beat-repeat>'
SHIFT = '<direction><direction-type><octave-shift type="{}" size="22"/></direction-type></direction>'
TRIPLET = "<metronome-tuplet type='start'><actual-notes>3</actual-notes><normal-notes>2</normal-notes></metronome-tuplet>"


def note(step, octave=4, quarters=4):
    return f"<note><pitch><step>{step}</step><octave>{octave}</octave></pitch><duration>{quarters}</duration></note>"


def style(sign):
    return f"<attributes><measure-style>{sign}</measure-style></attributes>"


def written(tmp_path, *measures):
    numbered = "".join(f'<measure number="{number}">{music}</measure>' for number, music in enumerate(measures, 1))
    path = tmp_path / "score.musicxml"
    path.write_text(DOCUMENT.format(numbered.replace(">", "><attributes><divisions>1</divisions></attributes>", 1)))
    return read_score(path)


@pytest.mark.parametrize(
    ("measures", "notes"),
    [
        ((note("C", 4, 1) + note("D", 4, 3), style(START.format(1)) + REST, style(STOP) + note("E")), "0C 1D 4C 5D 8E"),
        ((note("C"), note("D"), style(START.format(2)) + REST, REST, style(STOP) + note("E")), "0C 4D 8C 12D 16E"),
        ((SHIFT.format("down") + note("C", 7), SHIFT.format("stop") + note("D")), "0C7 4D"),
        (("<attributes><staff-details><capo>2</capo></staff-details></attributes>" + note("C"),), "0C"),
    ],
    ids=["a measure", "two measures", "three octaves", "capo"],
)
def test_signs_stand_for_the_notes_that_they_repeat_or_move(tmp_path, capfd, measures, notes):
    keys = {"C": 60, "D": 62, "E": 64, "C7": 96}
    expected = [(float(each.rstrip("CDE7")), keys[each.lstrip("0123456789")]) for each in notes.split()]
    score = written(tmp_path, *measures)
    assert sorted(score.notes[["onset_quarter", "pitch"]].tolist()) == expected
    assert capfd.readouterr().err == ""


def test_repeated_beats_are_said_to_be_left_out(tmp_path, capfd):
    written(tmp_path, note("C", 4, 1) + style(BEATS) + "<forward><duration>3</duration></forward>", note("E"))
    assert "measure 1: repeated beats" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("second", "share"),
    [
        (f"<metronome-type>quarter</metronome-type>{TRIPLET}|<metronome-type>eighth</metronome-type>{TRIPLET}", 2 / 3),
        ("<metronome-type>eighth</metronome-type><metronome-dot/>|<metronome-type>16th</metronome-type>", 3 / 4),
    ],
)
def test_an_equation_of_two_notes_is_swing(tmp_path, second, share):
    sides = ["<metronome-type>eighth</metronome-type>"] * 2 + second.split("|")
    notes = [f"<metronome-note>{side}</metronome-note>" for side in sides]
    notes.insert(2, "<metronome-relation>equals</metronome-relation>")
    mark = f"<direction><direction-type><metronome>{''.join(notes)}</metronome></direction-type></direction>"
    (swing,) = written(tmp_path, mark + note("C")).swing
    assert (swing.onset_quarter, swing.unit, round(swing.share, 6)) == (0, 0.5, round(share, 6))
