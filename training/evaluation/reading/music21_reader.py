"""The sounding notes of a score as music21 reads it, which shares no code with the engine's readers.

MEI and Humdrum it takes through converter21, whose Humdrum reader was modelled on verovio's: there they are no strangers.
"""

import re
from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from math import copysign, floor
from pathlib import Path
from typing import Any

from training.evaluation.reading.agreement import Note
from training.evaluation.reading.spelt_out import humdrum_spelt_out, mei_spelt_out

_DA_CAPO = re.compile(r"\bda capo\b|\bd\. ?c\.", re.IGNORECASE)


def read_with_music21(path: Path) -> list[Note]:
    """Return the notes after repeats, tied ones as one, at sounding pitch; without cue notes, chord symbols and percussion."""
    notes: list[Note] = []
    end = 0.0
    score, repeats = _parsed(path)
    for own in _movements(score):
        sounding, length = _sounding(own, repeats)
        notes += [(onset + end, pitch, is_grace) for onset, pitch, is_grace in sounding]
        end += length
    return notes


def _parsed(path: Path) -> tuple[Any, bool]:
    """Return the score, and whether its signs of repetition are to be followed: Humdrum's lists stand for them."""
    import converter21
    from music21 import converter
    from music21.mei import MeiToM21Converter

    converter21.register()
    if path.suffix == ".krn":
        text, has_lists = humdrum_spelt_out(path.read_text("utf-8-sig", errors="replace"))
        return converter.parse(text, format="humdrum", forceSource=True), not has_lists
    if path.suffix != ".mei":
        return converter.parse(str(path), forceSource=True), True
    text = mei_spelt_out(path.read_bytes())
    try:
        score: Any = converter.parse(text, format="mei", forceSource=True)
    except converter21.mei.MeiAttributeError:  # older than MEI 4, which music21's own reader takes
        score = MeiToM21Converter(text).run()
    if "trans.semi" not in text and "trans.diat" not in text:
        _take_as_written(score)
    return score, True


def _take_as_written(score: Any) -> None:
    """Let instruments not transpose, in place: music21 has it from their names, where MEI says it of each staff that does."""
    from music21 import instrument

    for own in score.recurse().getElementsByClass(instrument.Instrument):
        own.transposition = None


def _movements(score: Any) -> list[Any]:
    """Return the scores of an opus, or a score, cut where its measures are numbered from the beginning again."""
    from music21 import stream

    if hasattr(score, "scores"):
        return list(score.scores)
    score = score.toSoundingPitch()
    parts = list(score.parts)
    numbers = [measure.number for measure in parts[0].getElementsByClass(stream.Measure)] if parts else []
    starts = [place for place, (before, own) in enumerate(pairwise(numbers), 1) if own in (0, 1) and before > 1]
    if not starts:
        return [score]
    movements = [stream.Score() for _ in range(len(starts) + 1)]
    for part in parts:
        for movement, (start, end) in zip(movements, pairwise([0, *starts, len(numbers)]), strict=True):
            movement.insert(0, part.measures(start, end, indicesNotNumbers=True))
    return movements


def _sounding(score: Any, repeats: bool) -> tuple[list[Note], float]:
    """Return the notes that sound, and how many quarters all last."""
    from music21 import stream

    score = score.toSoundingPitch()
    parts = list(score.parts) or [score]
    measures = [list(part.getElementsByClass(stream.Measure)) for part in parts]
    has_fine = _has_fine(score)
    for places in zip(*measures, strict=False):
        _as_long(places)
        _read_jumps(places, has_fine)
        _share_signs(places)
    length = 0.0
    notes: list[Note] = []
    for part, own in zip(parts, measures, strict=True):
        _put_in_line(part, own)
        _begin_repeats(own)
        played = part.expandRepeats() if own and repeats else part
        length = max(length, float(played.highestTime))
        notes += _part_notes(played)
    return notes, length


def _as_long(places: Sequence[Any]) -> None:
    """Make the measures of all parts at one place equally long, in place: where they are not, music21 lets parts fall apart at repeats."""
    from music21 import note

    lengths = [max((each.offset + each.quarterLength for each in measure.flatten().notesAndRests), default=0.0) for measure in places]
    with_notes = [length for measure, length in zip(places, lengths, strict=True) if measure.flatten().notes]
    longest = max(with_notes or lengths)
    for measure, length in zip(places, lengths, strict=True):
        if length > longest:  # a rest of a whole bar where the bar is shorter
            measure.remove(list(measure.recurse().notesAndRests), recurse=True)
            measure.insert(0, note.Rest(quarterLength=longest))
        elif length < longest:
            measure.insert(length, note.Rest(quarterLength=longest - length))


def _put_in_line(part: Any, measures: Sequence[Any]) -> None:
    """Let each measure begin where the one before it ends, in place: those of a staff that is empty for a while begin at once."""
    now = 0.0
    for measure in measures:
        part.setElementOffset(measure, now)
        now += max((each.offset + each.quarterLength for each in measure.flatten().notesAndRests), default=0.0)


def _has_fine(score: Any) -> bool:
    from music21 import expressions, repeat

    words = [each.getRepeatExpression() for each in score.recurse().getElementsByClass(expressions.TextExpression)]
    return any(isinstance(sign, repeat.Fine) for sign in [*words, *score.recurse().getElementsByClass(repeat.RepeatExpression)])


def _read_jumps(places: Sequence[Any], has_fine: bool) -> None:
    """Let words such as Fine and D.C. be the signs that they are, in place: of MEI they are left as words.

    Among other words, as in "Menuetto da capo", music21 does not know a da capo; where there is a Fine, it goes to the Fine.
    """
    from music21 import expressions, repeat

    for measure in places:
        for words in list(measure.getElementsByClass(expressions.TextExpression)):
            sign = words.getRepeatExpression()
            if sign is None and _DA_CAPO.search(words.content or ""):
                sign = repeat.DaCapoAlFine() if has_fine else repeat.DaCapo()
            if sign is not None:
                measure.insert(measure.highestTime, sign)


def _share_signs(places: Sequence[Any]) -> None:
    """Give jumps that stand in one part to all, in place: music21 reads each part for itself."""
    from music21 import repeat

    signs = {type(sign): sign for measure in places for sign in measure.getElementsByClass(repeat.RepeatExpression)}
    for measure in places:
        own = {type(sign) for sign in measure.getElementsByClass(repeat.RepeatExpression)}
        for kind, sign in signs.items():
            if kind not in own:
                measure.insert(sign.offset, deepcopy(sign))


def _begin_repeats(measures: list[Any]) -> None:
    """Begin a repeat after one that ends where the next sign ends one again, in place: music21 goes back to the beginning of the piece."""
    from music21 import bar

    ended: int | None = None  # the measure after the last sign that ends a repeat
    for number, measure in enumerate(measures):
        left, right = (_direction(line) for line in (measure.leftBarline, measure.rightBarline))
        if left == "start":
            ended = None
        if right == "end":
            while ended is not None and ended < number and _in_volta(measures[ended]):
                ended += 1  # the last volta has no sign
            if ended is not None and ended <= number and not _in_volta(measure):
                measures[ended].leftBarline = bar.Repeat(direction="start")
            ended = number + 1
        elif right == "start":
            ended = None


def _in_volta(measure: Any) -> bool:
    return any("RepeatBracket" in spanner.classes for spanner in measure.getSpannerSites())


def _direction(line: Any) -> str:
    return str(getattr(line, "direction", ""))


def _part_notes(part: Any) -> list[Note]:
    """Return the notes that are struck: those that are tied to a note of their pitch are not, which ends there or is the last of its pitch.

    music21's own ``stripTies`` strikes the tied notes of a chord again where others of the chord are not tied, across voices and gaps.
    """
    from music21 import chord, harmony, note

    notes: list[Note] = []
    ended: set[tuple[int, float]] = set()  # keys, and where their notes end
    open_keys: set[int] = set()  # whose last note is tied to another
    for element in sorted(part.flatten().notes, key=lambda each: each.offset):
        if isinstance(element, harmony.Harmony) or getattr(element.style, "noteSize", None) == "cue":
            continue
        onset, is_grace = float(element.offset), bool(element.duration.isGrace)
        for own in element.notes if isinstance(element, chord.Chord) else [element]:
            if not isinstance(own, note.Note):
                continue
            key, tie = _key(own.pitch), getattr(own.tie or element.tie, "type", None)
            is_held = key in open_keys or (key, round(onset, 3)) in ended
            if not is_held or tie not in ("stop", "continue"):
                notes.append((onset, key, is_grace))
            (open_keys.add if tie in ("start", "continue") else open_keys.discard)(key)
            if not is_grace:
                ended.add((key, round(onset + float(element.duration.quarterLength), 3)))
    return notes


def _key(pitch: Any) -> int:
    """Return the MIDI key; a quarter tone counts as the half step that it goes towards, as the engine has it."""
    return round(pitch.ps - pitch.alter) + int(copysign(floor(abs(pitch.alter) + 0.5), pitch.alter))
