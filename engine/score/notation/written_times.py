"""Where the durations of a MusicXML document put its notes, and which of them its ties hold on."""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from engine.score.notation.musicxml import note_key
from engine.score.notation.verovio_layers import STEPS


class WrittenTimes(NamedTuple):
    """``notes`` are (onset in the measure, duration) in quarters by the ids of ``note_key``, ``lengths`` how long measures are.

    ``ties`` have the id of the note that holds another on, by the other's id.
    """

    notes: dict[str, tuple[Fraction, Fraction]]
    lengths: list[Fraction]
    ties: dict[str, str]


NOTHING_WRITTEN = WrittenTimes({}, [], {})


def written_times(root: Any) -> WrittenTimes:
    """Return what the durations of the file say.

    Rests of whole measures make none longer: programs write them as long as the metre in upbeats too. A measure of nothing else lasts 0.
    Nothing is returned where a part has durations and no divisions.
    """
    times: dict[str, tuple[Fraction, Fraction]] = {}
    lengths: list[Fraction] = []
    for part in root.findall("part"):
        divisions, index = Fraction(0), 0
        for number, measure in enumerate(part.findall("measure")):
            now = before = length = Fraction(0)
            for element in measure.iterchildren("attributes", "backup", "forward", "note"):
                divisions = Fraction(element.findtext("divisions") or divisions)
                duration = Fraction(element.findtext("duration") or 0)
                if duration and not divisions:
                    return NOTHING_WRITTEN
                duration /= divisions or 1
                if element.tag == "note":
                    if element.find("grace") is not None:
                        duration = Fraction(0)
                    onset = before if element.find("chord") is not None else now
                    times[note_key(part.get("id", "P1"), index)] = (onset, max(duration, Fraction(0)))
                    end = max(onset + duration, Fraction(0))  # programs write a note of less than nothing and go on from there
                    before, now, index = onset, end if element.find("chord") is None else max(now, end), index + 1
                else:
                    now = max(now + {"backup": -duration, "forward": duration}.get(element.tag, Fraction(0)), Fraction(0))
                if element.tag in ("note", "forward") and element.find("rest[@measure='yes']") is None:
                    length = max(length, now)
            lengths += [Fraction(0)] * (number + 1 - len(lengths))
            lengths[number] = max(lengths[number], length)
    return WrittenTimes(times, lengths, _ties(root, times, lengths))


def _ties(root: Any, times: dict[str, tuple[Fraction, Fraction]], lengths: Sequence[Fraction]) -> dict[str, str]:
    """Return ties between notes of a pitch of which one begins where the other ends, in whatever voices they are."""
    ties: dict[str, str] = {}
    for part in root.findall("part"):
        index, start = 0, Fraction(0)
        begun: defaultdict[tuple[int, Fraction], list[str]] = defaultdict(list)
        ended: defaultdict[tuple[int, Fraction], list[str]] = defaultdict(list)
        for measure, length in zip(part.findall("measure"), lengths, strict=False):
            for note in measure.findall("note"):
                key = note_key(part.get("id", "P1"), index)
                onset, duration = times[key]
                signs, pitch = {sign.get("type") for sign in note.findall("tie")}, note.find("pitch")
                if pitch is not None and "start" in signs:
                    begun[_semitones(pitch), start + onset + duration].append(key)
                if pitch is not None and "stop" in signs:
                    ended[_semitones(pitch), start + onset].append(key)
                index += 1
            start += length
        for place, keys in ended.items():
            ties |= {first: second for first, second in zip(begun[place], keys, strict=False) if first != second}
    return ties


def _semitones(pitch: Any) -> int:
    step, octave, alter = (pitch.findtext(name) or "" for name in ("step", "octave", "alter"))
    return STEPS.get(step.strip().lower(), 0) + 12 * int(octave or 4) + int(alter or 0)
