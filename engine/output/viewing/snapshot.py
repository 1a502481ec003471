"""What a viewer is shown. All of it is frozen, and ``as_json`` writes it with the names of the fields.

Times are nanoseconds of the engine's monotonic clock (``time.monotonic_ns``), channels count from 0.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INTERVAL_S = 1 / 30  # between two snapshots
KEPT = 300  # snapshots: a viewer that is away for ten seconds misses nothing


class _Shown:
    """Something that is shown."""

    def as_json(self) -> str:
        """Return it as JSON on one line."""
        return json.dumps(self, default=vars, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class Note(_Shown):
    """The beginning of a note, or its end: then ``velocity`` is 0. ``late_ns``: of a note that went out, how long after it was due."""

    time_ns: int  # when it came or went out
    channel: int
    key: int  # MIDI's, 60 is middle C
    velocity: int
    late_ns: int = 0


@dataclass(frozen=True)
class Counts(_Shown):
    """What was counted since the run began; notes since the channel was opened."""

    notes_in: int = 0
    notes_out: int = 0
    events_in: int = 0
    events_out: int = 0
    late: int = 0  # events that went out more than 10 ms after they were due
    most_late_ns: int = 0
    degraded: int = 0  # events that were performed without the model, as time was up
    windows: int = 0  # that a performer which looks ahead has played
    windows_short: int = 0  # of them, those that had fewer steps, or were bridged
    failures: int = 0  # times that the performer was left out
    passed: int = 0  # notes that went out as they came meanwhile
    standstills: int = 0  # times that the process did not run for 20 ms or more
    longest_standstill_ns: int = 0
    underruns: int = 0  # of the sound card


@dataclass(frozen=True)
class Port(_Shown):
    """A MIDI port. ``there``: whether its other end is; of a virtual one always, while the server is."""

    name: str
    direction: str  # "in" or "out"
    there: bool


@dataclass(frozen=True)
class ScorePlace(_Shown):
    """Where a score is. ``beat`` counts from 1 in units of the time signature, with the share of the beat that has passed."""

    bar: int
    beat: float
    quarter: float  # since the beginning of the score
    quarters_per_minute: float  # the performance's tempo at this place; 0 before it has begun
    plays: bool  # and is not paused


@dataclass(frozen=True)
class Duo(_Shown):
    """A soloist and the accompaniment. ``part`` is the soloist's, None until it is found out."""

    part: str | None
    place: ScorePlace | None  # where the soloist was heard last; the snapshot's own place is the accompaniment's
    confidence: float  # 0 to 1, of that place
    ahead_ns: int | None  # of the soloist, at the last onset, before the accompaniment; negative: behind it
    lost: bool  # what is played is not found in the score


@dataclass(frozen=True)
class Beat(_Shown):
    """The beat that another program sends, by MIDI clock or Ableton Link."""

    quarters_per_minute: float  # 0 while it is not known
    quarter: float | None  # since the beginning of the song, where the sender says so


@dataclass(frozen=True)
class Snapshot(_Shown):
    """What has happened since the viewer's last look, and how everything stands.

    ``description`` is the number of the ``Description`` that holds now. ``complete`` is False where the viewer, or the channel, has been
    away so long that notes or lines are missing from this snapshot.
    """

    sequence: int  # counts the snapshots of a channel from 1; a viewer that looks seldom gets several as one, under the last number
    time_ns: int
    description: int
    complete: bool
    notes_in: tuple[Note, ...]  # in order of time
    notes_out: tuple[Note, ...]
    said: tuple[str, ...]  # lines for whoever watches: a port is gone, a performer has failed
    pedal_in: int  # of the sustain pedal that is pressed deepest, 0 to 127
    pedal_out: int
    counts: Counts
    controls: Mapping[str, float]  # values, by name
    ports: tuple[Port, ...]
    muted: bool
    recording: str | None  # the file that is being recorded
    replaying: str | None  # the take that is being played back
    place: ScorePlace | None  # of a score
    beats_per_minute: float | None  # of a score that has a tempo to be set: the mean around this place, once it is known
    beat: Beat | None  # None: nobody sends one
    duo: Duo | None  # of a score that accompanies somebody


@dataclass(frozen=True)
class ShownControl(_Shown):
    """A control that can be set (``set NAME VALUE``): a number in a range, or one of ``choices``, whose values are 0, 1, 2 ...

    ``words`` name single numbers in the range or beside it. A partner's mode is the control ``mode``.
    """

    name: str
    minimum: float
    maximum: float
    default: float
    unit: str
    help: str
    choices: tuple[str, ...]
    words: Mapping[str, float]
    controllers: tuple[int, ...]  # the numbers of the MIDI controllers that move it


@dataclass(frozen=True)
class ShownCommand(_Shown):
    """Something that the run can be told. ``usage`` is its name and arguments, those in brackets may be left out."""

    usage: str
    help: str


@dataclass(frozen=True)
class Bar(_Shown):
    """A bar of a score as it is played, repeats included."""

    number: int
    begin_quarter: float
    length_quarters: float


@dataclass(frozen=True)
class ShownBeat(_Shown):
    """A beat of a score as it was to be expected before it began; ``velocity`` is that of its first notes, where it was known."""

    quarter: float
    quarters_per_minute: float
    velocity: float | None


@dataclass(frozen=True)
class ShownDirection(_Shown):
    """A direction that holds, in words, and its first and last bar; None for all."""

    words: str
    first: int | None
    last: int | None


@dataclass(frozen=True)
class ScoreFile(_Shown):
    """The file of a score that can be engraved; ``repeats``: "play" where they are played, "skip" where all is played once."""

    path: str
    repeats: str


@dataclass(frozen=True)
class Description(_Shown):
    """What seldom changes: with another performer, or when a controller is learnt. It has another ``number`` then."""

    number: int
    performer: str
    plays: str  # "notes", "scores" or "improvises"
    seed: int
    lookahead_ns: int  # how long after it came everything goes out
    source: str  # where it is played from: ports, a file
    outputs: tuple[str, ...]
    controls: tuple[ShownControl, ...]
    commands: tuple[ShownCommand, ...]
    bars: tuple[Bar, ...]  # of a score
    score: ScoreFile | None
    directions: tuple[ShownDirection, ...]  # that hold for the score's bars
    known_directions: tuple[str, ...]  # that it can be given
    plan: tuple[ShownBeat, ...]  # of a score, where it was known before it began


def as_dict(shown: Any) -> Any:
    """Return what is shown as dictionaries, lists, texts and numbers."""
    return json.loads(shown.as_json())
