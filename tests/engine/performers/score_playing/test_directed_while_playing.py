"""Directions that are given while a score is played: from then on it is as if they had been given at the beginning."""

import numpy as np
import pytest
from score_playing import melody, play
from synthetic_dexter import write_models
from synthetic_score_performer import LATENTS, STYLE
from synthetic_score_performer import write_models as write_score_performer

from engine.base.errors import UsageError
from engine.performers.dexter.performer import load_performer as load_dexter
from engine.performers.score_performer.performer import STYLE_SPACE_FILE
from engine.performers.score_performer.performer import load_performer as load_score_performer
from engine.performers.score_playing.shaping.directions import Bars, Said, parse_spoken
from engine.runtime.steering.directing import MOST, direct_command
from engine.runtime.steering.requests import NOBODY
from engine.systems.dexter import DexterRequest
from engine.systems.score_performer import StyleRequest
from models.score_performer.style_space import StyleSpace

PIECE = melody(bars=12)
BARS = np.floor(PIECE.score.notes["onset_quarter"] / 4).astype(int) + 1


@pytest.fixture(scope="module", params=["dexter", "score-performer"])
def performer(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    if request.param == "dexter":
        return load_dexter(write_models(folder), None)
    write_score_performer(folder)
    qualities = ("loudness", "pace", "length", "delay")
    moves = {quality: np.eye(STYLE)[number] for number, quality in enumerate(qualities)}
    space = StyleSpace(LATENTS, np.zeros(STYLE), np.eye(STYLE), moves, dict(zip(qualities, qualities, strict=True)))
    space.save(folder / STYLE_SPACE_FILE)
    return load_score_performer(folder, None)


def begun(performer, *direct):
    request = DexterRequest(direct=direct) if performer.name == "dexter" else StyleRequest(direct=direct)
    return performer.perform(PIECE, request, {"temperature": 0}, 3, False)


def played(stream, *told):
    """Play, and say something at times in seconds; return velocities and onsets in seconds."""
    command = direct_command(stream)
    play(stream, [(time_s, lambda now_ns, line=line: command.carry_out(line.split(), NOBODY)) for time_s, line in told])
    stream.close()
    return stream.performed["velocity"].copy(), stream.performed["onset_ns"] / 1e9


def test_what_is_directed_before_it_begins_is_as_if_it_was_asked_for(performer):
    stream = begun(performer)
    direct_command(stream).carry_out(["3-4", "forte"], NOBODY)
    (velocities, onsets), (asked, asked_onsets) = played(stream), played(begun(performer, "forte:bars=3-4"))
    np.testing.assert_array_equal(velocities, asked)
    np.testing.assert_allclose(onsets, asked_onsets, atol=2e-9)
    plain, _ = played(begun(performer))
    assert (velocities != plain)[(BARS >= 3) & (BARS <= 4)].any()


def test_it_takes_effect_from_then_on_and_can_be_taken_back(performer):
    plain, onsets = played(begun(performer))
    half = np.flatnonzero(BARS == 7)[0]
    when = onsets[half] - onsets[0]
    loud, _ = played(begun(performer), (when, "1-12 louder"))
    back, _ = played(begun(performer), (when, "1-12 louder"), (when, "7 off"))
    np.testing.assert_array_equal(loud[:half], plain[:half])
    np.testing.assert_array_equal(back, plain)
    assert loud[BARS > 8].mean() > plain[BARS > 8].mean() + 1


def test_a_stream_that_is_put_back_has_the_directions_that_it_had(performer):
    stream = begun(performer, "forte:bars=3-4")
    before, command = stream.snapshot(), direct_command(stream)
    command.carry_out(["off"], NOBODY)
    assert stream.interpretation.directions == ()
    stream.restore(before)
    assert stream.interpretation.directions == (Said("forte", Bars(3, 4), 1.0),)
    command.carry_out(["5", "piano"], NOBODY)
    stream.reset()
    assert stream.interpretation.directions == (Said("forte", Bars(3, 4), 1.0),)
    stream.close()


def test_what_is_said_is_answered(performer):
    stream = begun(performer)

    def tell(line):
        return direct_command(stream).carry_out(line.split(), NOBODY)

    assert tell("3-4 molto cresc.") == "bars 3 to 4: crescendo 1.5"
    assert tell("3-4 crescendo") == "bars 3 to 4: crescendo"
    assert tell("4-5 staccato") == "bars 4 to 5: staccato"
    assert [str(each) for each in stream.interpretation.directions] == ["crescendo", "staccato"]
    assert tell("5 off") == "bar 5: no directions"
    for line, said in (
        ("3-99 forte", "its bars are 1 to 12"),
        ("x forte", "expected the numbers"),
        ("3 fortee", "did you mean 'forte'"),
        ("3", "give a direction"),
        ("3 forte 9", "from -3 to 3"),
    ):
        with pytest.raises(UsageError, match=said):
            tell(line)
    assert [str(each) for each in stream.interpretation.directions] == ["crescendo"]
    stream.direct([Said("forte", Bars(1, 1), 0.01 * number) for number in range(MOST)])
    assert tell("1 forte")
    stream.direct([Said("forte", Bars(1 + number % 12, 12), 0.01 * number) for number in range(MOST)])
    with pytest.raises(UsageError, match="take some back"):
        tell("1 piano")
    assert tell("off") == "no directions" and stream.interpretation.directions == ()
    stream.close()


@pytest.mark.parametrize(
    ("words", "name", "amount"),
    [("softer", "piano", 1), ("poco rit.", "ritardando", 0.5), ("accel 0.8", "accelerando", 0.8), ("Legato", "legato", 1)],
)
def test_musicians_words_are_understood(words, name, amount):
    assert parse_spoken(words.split(), Bars(2, 3)) == Said(name, Bars(2, 3), amount)
