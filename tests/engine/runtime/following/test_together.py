"""What is told of a soloist and the accompaniment: where each is, how sure that is, and who is ahead."""

import pytest
from duos import accompany, lullaby, sung, written_rendition

from engine.midi.events import Event, is_note_on, note_on
from engine.runtime.following.stream import DuoStream

PIECE = lullaby()
VOICE = PIECE.tracks == 0
MS = 1_000_000


def duo(**choices):
    stream = DuoStream(PIECE, written_rendition(PIECE), choices or {"Voice": VOICE}, (), {})
    stream.start(0)
    return stream


def strokes(count):
    return [event for event in sung(PIECE, VOICE) if is_note_on(event.message)][:count]


def test_before_a_note_nothing_is_told_but_the_part():
    assert duo().together() == ("Voice", None, 0.0, None, False)
    assert duo(Voice=VOICE, Piano=~VOICE).together().part is None


@pytest.mark.parametrize("early_ms", [-40, 0, 60])
def test_a_soloist_who_comes_earlier_than_before_is_ahead(early_ms):
    played = strokes(12)
    last = played[-1]._replace(time_ns=played[-1].time_ns - early_ms * MS)
    stream = duo()
    accompany(stream, [*played[:-1], last], until_ns=last.time_ns)
    together = stream.together()
    assert together.ahead_ns == pytest.approx(early_ms * MS, abs=2 * MS)
    assert together.place.quarter == pytest.approx(sorted(PIECE.score.notes["onset_quarter"][VOICE])[11], abs=1e-6)
    assert together.confidence > 0.9 and not together.lost


def test_who_plays_another_piece_is_lost_and_nothing_is_sure():
    stream = duo()
    accompany(stream, [Event(index * 200 * MS, note_on(0, 109 + index % 2, 60)) for index in range(30)], until_ns=10_000 * MS)
    assert stream.together().lost and stream.together().confidence < 0.2


def test_what_is_told_is_kept_in_a_snapshot():
    stream, played = duo(), strokes(12)
    accompany(stream, played[:8], until_ns=played[7].time_ns)
    kept, told = stream.snapshot(), stream.together()
    accompany(stream, played[8:], until_ns=played[-1].time_ns)
    assert stream.together() != told
    stream.restore(kept)
    assert stream.together() == told
