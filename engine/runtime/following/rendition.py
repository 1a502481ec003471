"""A whole performance of a score, played through beforehand: what an accompanist means to play, and how the soloist is expected to."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.midi.events import SUSTAIN_PEDAL, Event, channel_of, is_channel_message, is_control_change, is_note_off, is_note_on
from engine.performers.score_playing.stream import ScoreStream
from engine.score.piece import Piece

# A note of the score as it is played: where it is, when it begins and ends in the rendition, and what plays it.
PLANNED_DTYPE = np.dtype(
    [
        ("onset_quarter", "f8"),
        ("onset_sec", "f8"),
        ("end_sec", "f8"),
        ("velocity", "i4"),
        ("pitch", "i4"),
        ("channel", "i4"),
        ("track", "i4"),
        ("note", "i4"),  # of the printed score
    ]
)


class Message(NamedTuple):
    """What is sent beside the notes of the accompaniment: pedals, programs, drums."""

    time_sec: float
    message: bytes
    track: int


class Bending(NamedTuple):
    """How much the soloist's loudness, over his last ``strokes``, counts for the accompaniment's: ``by_difference`` from how loud he is in
    the rendition, and ``by_level`` how loud he is beside the accompaniment.
    """

    by_difference: float
    by_level: float
    strokes: float


# In 13 works of the validation split, with one hand of humans as the soloist, the other was so nearest to the human's; over as many strokes
# the one told most of the other in hands of the train split.
OF_A_PERFORMER = Bending(0.4, 0.2, 2.0)


@dataclass(frozen=True)
class Rendition:
    """``notes`` (PLANNED_DTYPE) by onset, of all parts. ``quarters`` and ``seconds`` are the tempo curve. Times begin with the music."""

    notes: np.ndarray
    messages: tuple[Message, ...]
    quarters: np.ndarray
    seconds: np.ndarray
    bending: Bending = OF_A_PERFORMER

    def time_at(self, quarters: np.ndarray) -> np.ndarray:
        """Return the seconds of positions; the last tempo reaches beyond the end."""
        beyond = np.maximum(quarters - self.quarters[-1], 0.0)
        return np.interp(quarters, self.quarters, self.seconds) + beyond * self._last_period

    @property
    def _last_period(self) -> float:
        if len(self.quarters) < 2:
            return 0.5
        return float((self.seconds[-1] - self.seconds[-2]) / (self.quarters[-1] - self.quarters[-2]))


def render_through(piece: Piece, stream: ScoreStream) -> Rendition:
    """Play a performance that is yet to be started to its end, without waiting for anything, and close it."""
    sent: list[Event] = []
    stream.start(0)
    while not stream.ended and (due_ns := stream.next_due_ns()) is not None:
        sent += stream.advance(due_ns)
    stream.close()
    performed, played = stream.performed, piece.played
    passed = sorted(dict(reversed(stream.passed)).items())
    quarters, times_ns = np.array([quarter for quarter, _ in passed]), np.array([time_ns for _, time_ns in passed], dtype=np.float64)
    origin_ns = times_ns[0] if len(times_ns) else 0.0
    notes = np.zeros(len(performed), PLANNED_DTYPE)
    notes["onset_quarter"], notes["pitch"] = played.score.notes["onset_quarter"], played.score.notes["pitch"]
    notes["onset_sec"], notes["end_sec"] = ((performed[name] - origin_ns) / 1e9 for name in ("onset_ns", "end_ns"))
    notes["velocity"], notes["note"] = performed["velocity"], played.source
    notes["channel"], notes["track"] = piece.channels[played.source], piece.tracks[played.source]
    messages = _beside(sent, performed, notes, origin_ns)
    notes = notes[performed["velocity"] > 0]
    return Rendition(notes[np.argsort(notes["onset_sec"], kind="stable")], messages, quarters, (times_ns - origin_ns) / 1e9)


def _beside(sent: list[Event], performed: np.ndarray, notes: np.ndarray, origin_ns: float) -> tuple[Message, ...]:
    """Return what was sent that is no note of the score."""
    own = set(zip(performed["onset_ns"].tolist(), notes["channel"].tolist(), notes["pitch"].tolist(), strict=True))
    own |= set(zip(performed["end_ns"].tolist(), notes["channel"].tolist(), notes["pitch"].tolist(), strict=True))
    channels = set(notes["channel"].tolist())

    def is_own(event: Event) -> bool:
        message = event.message
        if not is_channel_message(message) or channel_of(message) not in channels:
            return False
        if is_note_off(message):
            return True  # those of drums and of what is left alone are on channels without notes, or end with them
        return is_note_on(message) and (event.time_ns, channel_of(message), message[1]) in own

    return tuple(Message((event.time_ns - origin_ns) / 1e9, event.message, event.track) for event in sent if not is_own(event))


def is_pedal(message: bytes) -> bool:
    """Return whether a message moves the sustain pedal."""
    return is_control_change(message) and message[1] == SUSTAIN_PEDAL
