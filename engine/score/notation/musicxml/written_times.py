"""Where the durations of a MusicXML document put its notes, and which of them its ties hold on."""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple

from engine.score.notation.musicxml.documents import note_key
from engine.score.notation.musicxml.pitches import STEPS

Number = int | Fraction


class WrittenTimes(NamedTuple):
    """``notes`` are (onset in the measure, duration) in quarters by the ids of ``note_key``, ``lengths`` how long measures are.

    ``ties`` have the id of the note that holds another on, by the other's id.
    """

    notes: dict[str, tuple[Fraction, Fraction]]
    lengths: list[Fraction]
    ties: dict[str, str]

    @property
    def are_complete(self) -> bool:
        """Whether they say how long every measure lasts."""
        return bool(self.lengths) and all(self.lengths)


NOTHING_WRITTEN = WrittenTimes({}, [], {})


class _Tied(NamedTuple):
    """A note with signs of ties: the types of these, the index of its measure, its id and its pitch in semitones."""

    signs: set[str | None]
    measure: int
    key: str
    pitch: int


def written_times(root: Any) -> WrittenTimes:
    """Return what the durations of the file say.

    Rests of whole measures make none longer: programs write them as long as the metre in upbeats too. A measure of nothing else lasts 0.
    Nothing is returned where a part has durations and no divisions.
    """
    times: dict[str, tuple[Fraction, Fraction]] = {}
    lengths: list[Fraction] = []
    tied: list[list[_Tied]] = []  # by part
    parsed, in_quarters = cache(_number), cache(lambda length, divisions: Fraction(length) / (divisions or 1))
    for part in root.findall("part"):
        divisions: Number = 0  # in which ``now``, ``before`` and ``length`` are
        index, identifier = 0, part.get("id", "P1")
        tied.append([])
        for number, measure in enumerate(part.findall("measure")):
            now: Number = 0
            before, length = now, now
            for element in measure.iterchildren("attributes", "backup", "forward", "note"):
                tag = element.tag
                told = {child.tag: child.text for child in reversed(element)}  # of children of one name the first
                if tag == "attributes":
                    changed = parsed(told.get("divisions") or divisions)
                    if changed != divisions:
                        now, before, length = (each and each * Fraction(changed) / divisions for each in (now, before, length))
                    divisions = changed
                duration = parsed(told.get("duration") or 0)
                if duration and not divisions:
                    return NOTHING_WRITTEN
                if tag == "note":
                    if "grace" in told:
                        duration = 0
                    in_chord = "chord" in told
                    onset = before if in_chord else now
                    key = note_key(identifier, index)
                    times[key] = (in_quarters(onset, divisions), in_quarters(max(duration, 0), divisions))
                    end = max(onset + duration, 0)  # programs write a note of less than nothing and go on from there
                    before, now, index = onset, max(now, end) if in_chord else end, index + 1
                    if "tie" in told and "pitch" in told:
                        signs = {sign.get("type") for sign in element.iterfind("tie")}
                        tied[-1] += [_Tied(signs, number, key, _semitones(element.find("pitch")))]
                elif tag != "attributes":
                    now = max(now + (duration if tag == "forward" else -duration), 0)
                if now > length and tag in ("note", "forward") and ("rest" not in told or element.find("rest[@measure='yes']") is None):
                    length = now
            lengths += [Fraction(0)] * (number + 1 - len(lengths))
            lengths[number] = max(lengths[number], in_quarters(length, divisions))
    return WrittenTimes(times, lengths, _ties(tied, times, lengths))


def _number(text: Any) -> Number:
    """Return an int where a text is one: fractions take long."""
    number = Fraction(text)
    return number.numerator if number.denominator == 1 else number


def _ties(tied: list[list[_Tied]], times: dict[str, tuple[Fraction, Fraction]], lengths: Sequence[Fraction]) -> dict[str, str]:
    """Return ties between notes of a pitch of which one begins where the other ends, in whatever voices they are."""
    ties: dict[str, str] = {}
    starts = list(accumulate(lengths, initial=Fraction(0)))
    for notes in tied:
        begun: defaultdict[tuple[int, Fraction], list[str]] = defaultdict(list)
        ended: defaultdict[tuple[int, Fraction], list[str]] = defaultdict(list)
        for signs, measure, key, pitch in notes:
            onset, duration = times[key]
            if "start" in signs:
                begun[pitch, starts[measure] + onset + duration].append(key)
            if "stop" in signs:
                ended[pitch, starts[measure] + onset].append(key)
        for place, keys in ended.items():
            ties |= {first: second for first, second in zip(begun[place], keys, strict=False) if first != second}
    return ties


def _semitones(pitch: Any) -> int:
    step, octave, alter = (pitch.findtext(name) or "" for name in ("step", "octave", "alter"))
    return STEPS.get(step.strip().lower(), 0) + 12 * int(octave or 4) + int(alter or 0)
