"""The velocities at which a notation program would play a score."""

import numpy as np
import pytest
from score_fixtures import attributes, direction, musicxml, note

from engine.score.dynamics import with_playback_velocities
from engine.score.files import read_score
from engine.score.tables import MARKING_DTYPE, SCORE_NOTE_DTYPE, Score

P, MF, F, FF, MOST = 49, 80, 96, 112, 126
CRESCENDO, DIMINUENDO, STOP = (direction(f'<wedge type="{kind}"/>') for kind in ("crescendo", "diminuendo", "stop"))


def dynamics(name, staff=0):
    at = f"<staff>{staff}</staff>" if staff else ""
    return direction(f"<dynamics><{name}/></dynamics>", at)


def words(text):
    return direction(f"<words>{text}</words>")


def quarters(count):
    return "".join(note("C", 4) for _ in range(count))


@pytest.fixture
def velocities(tmp_path):
    def read(*parts, repeats="play"):
        path = tmp_path / "score.musicxml"
        path.write_text(musicxml(*parts), encoding="utf-8")
        return with_playback_velocities(read_score(path, repeats)).notes["velocity"].tolist()

    return read


def test_a_mark_holds_until_the_next_and_before_the_first_it_is_mf(velocities):
    assert velocities([attributes() + note("C", 4) + dynamics("p") + quarters(2) + dynamics("ff") + note("C", 4)]) == [MF, P, P, FF]


def test_a_crescendo_leads_to_the_mark_that_follows(velocities):
    second = quarters(1) + STOP + dynamics("f") + quarters(3)
    assert velocities([attributes() + dynamics("p") + quarters(1) + CRESCENDO + quarters(3), second]) == pytest.approx(
        [P, P, 61, 72, 84, F, F, F], abs=1
    )


def test_what_a_crescendo_in_words_has_reached_stays(velocities):
    first = attributes() + dynamics("p") + words("cresc.") + quarters(4)
    rising = velocities([first, *[quarters(4)] * 11])
    assert rising[0] == P
    assert all(earlier <= later for earlier, later in zip(rising, rising[1:], strict=False))
    assert set(rising[32:]) == {64}  # a step above


def test_a_swell_without_a_mark_returns_to_where_it_began(velocities):
    swell = CRESCENDO + quarters(4) + STOP, DIMINUENDO + quarters(4) + STOP
    found = velocities([attributes() + dynamics("f") + swell[0], swell[1], quarters(2)])
    assert found[0] == F
    assert found[4] == (F + FF) / 2
    assert found[8:] == [F, F]


def test_a_subito_piano_does_not_turn_the_crescendo_before_it(velocities):
    found = velocities([attributes() + dynamics("mf") + CRESCENDO + quarters(4), STOP + dynamics("p") + quarters(4)])
    assert found[3] > MF
    assert found[4:] == [P] * 4


def test_a_very_short_diminuendo_sign_is_an_accent(velocities):
    marked = dynamics("f") + DIMINUENDO + note("C", 2) + STOP + note("C", 2) + quarters(3)
    assert velocities([attributes() + marked]) == [FF, F, F, F, F]


def test_accents_and_sforzati_stand_out(velocities):
    accents = [note("C", 4, notations=f"<articulations><{name}/></articulations>") for name in ("accent", "strong-accent")]
    marked = dynamics("f") + "".join(accents) + dynamics("sf") + quarters(2)
    assert velocities([attributes() + marked]) == [FF, (FF + MOST) / 2, FF, F]


def test_the_first_note_of_forte_piano_is_forte(velocities):
    assert velocities([attributes() + dynamics("p") + quarters(1) + dynamics("fp") + quarters(3)]) == [P, F, P, P]


def test_a_mark_is_for_both_staves_unless_each_has_its_own(velocities):
    def both(upper, lower):
        return dynamics(*upper) + (dynamics(*lower) if lower else "") + note("C", 4, octave=5) + BACK + note("C", 4, octave=3, staff=2)

    BACK = "<backup><duration>4</duration></backup>"
    found = velocities([attributes(1) + both(("f", 1), ("p", 2)), both(("ff", 1), None)])
    assert found == [P, F, FF, FF]


def test_a_left_hand_without_marks_follows_the_right(velocities):
    assert velocities([attributes() + dynamics("p") + quarters(4)], [attributes() + quarters(4)]) == [P] * 8


def test_repeats_are_as_loud_as_the_first_time(velocities):
    repeat = '<barline location="right"><repeat direction="backward"/></barline>'
    assert velocities([attributes(2) + dynamics("p") + quarters(1) + dynamics("f") + quarters(1) + repeat]) == [P, F, P, F]


def test_a_score_without_marks_has_one_velocity(velocities):
    assert set(velocities([attributes() + quarters(4)])) == {MF}


def test_a_midi_score_keeps_its_own():
    notes = np.zeros(2, SCORE_NOTE_DTYPE)
    notes["velocity"] = 30, 40
    none = np.zeros(0)
    score = Score(notes, none, none, none, np.zeros(2, MARKING_DTYPE), has_markings=False)
    assert with_playback_velocities(score).notes["velocity"].tolist() == [30, 40]
