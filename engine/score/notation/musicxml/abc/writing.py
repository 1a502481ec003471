"""Tunes of ABC as a MusicXML document."""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Any

from engine.base.errors import PerfLiveError
from engine.score.notation.musicxml.abc.fields import Key, Tempo, tunes
from engine.score.notation.musicxml.abc.music import Tune
from engine.score.notation.musicxml.abc.voices import Change, Event, Measure, Pitch, Voice
from engine.score.notation.musicxml.pitches import STEPS

MOST_DIVISIONS = 1_000_000
_TYPES = {
    Fraction(8): "breve", Fraction(4): "whole", Fraction(2): "half", Fraction(1): "quarter", Fraction(1, 2): "eighth",
    Fraction(1, 4): "16th", Fraction(1, 8): "32nd", Fraction(1, 16): "64th", Fraction(1, 32): "128th",
}  # fmt: skip
_CHORD = re.compile(r"([A-G])([#b]?)([^/\s]*)(?:/([A-G])([#b]?))?")
_KINDS = {
    "": "major", "m": "minor", "min": "minor", "7": "dominant", "m7": "minor-seventh", "maj7": "major-seventh", "dim": "diminished",
    "aug": "augmented", "+": "augmented", "sus4": "suspended-fourth", "sus": "suspended-fourth", "6": "major-sixth", "m6": "minor-sixth",
}  # fmt: skip
_DYNAMICS = {"pppp", "ppp", "pp", "p", "mp", "mf", "f", "ff", "fff", "ffff", "sfz", "sf", "fp"}
_WEDGES = {
    "crescendo(": "crescendo", "<(": "crescendo", "diminuendo(": "diminuendo", ">(": "diminuendo",
    "crescendo)": "stop", "<)": "stop", "diminuendo)": "stop", ">)": "stop",
}  # fmt: skip
_ARTICULATIONS = {
    "staccato": "staccato", "accent": "accent", ">": "accent", "emphasis": "accent", "tenuto": "tenuto", "marcato": "strong-accent",
    "wedge": "staccatissimo", "^": "strong-accent", "breath": "breath-mark",
}  # fmt: skip
_ORNAMENTS = {
    "trill": "trill-mark", "lowermordent": "mordent", "mordent": "mordent", "uppermordent": "inverted-mordent",
    "pralltriller": "inverted-mordent", "turn": "turn", "invertedturn": "inverted-turn",
}  # fmt: skip
_JUMPS = {  # printed words, and the attribute of <sound>
    "D.C.": ("D.C.", "dacapo"), "dacapo": ("D.C.", "dacapo"), "D.C.alfine": ("D.C. al Fine", "dacapo"),
    "D.C.alcoda": ("D.C. al Coda", "dacapo"), "D.S.": ("D.S.", "dalsegno"), "D.S.alfine": ("D.S. al Fine", "dalsegno"),
    "D.S.alcoda": ("D.S. al Coda", "dalsegno"), "fine": ("Fine", "fine"), "tocoda": ("To Coda", "tocoda"), "segno": ("", "segno"),
    "coda": ("", "coda"),
}  # fmt: skip


def musicxml_of(document: str) -> tuple[bytes, list[str]]:
    """Return the tunes of a document of ABC as one of MusicXML, and what is left out. Raises PerfLiveError where it has no notes."""
    read = [Tune(lines) for lines in tunes(document)]
    if not any(tune.voices for tune in read):
        raise PerfLiveError("it has no notes; give a tune that has an X: line, a K: line and music")
    return _written_out(read), [said for tune in read for said in tune.left_out]


def _written_out(read: Sequence[Tune]) -> bytes:
    """Return a document whose parts are the voices, by their places; each tune begins its measures with 1, as movements do."""
    from lxml import etree

    root = etree.Element("score-partwise", {"version": "4.0"})
    _head(root, read)
    voices = [tune.voices for tune in read]
    parts = max((len(own) for own in voices), default=0)
    part_list = _add(root, "part-list")
    for number in range(parts):
        voice = next(own[number] for own in voices if len(own) > number)
        listed = _add(part_list, "score-part", id=f"P{number + 1}")
        _add(listed, "part-name", voice.name)
        if voice.program is not None:
            _add(listed, "score-instrument", id=f"P{number + 1}-I1").append(_made(root, "instrument-name", voice.name))
            instrument = _add(listed, "midi-instrument", id=f"P{number + 1}-I1")
            _add(instrument, "midi-program", str(min(voice.program, 127) + 1))
    for number in range(parts):
        part = _add(root, "part", id=f"P{number + 1}")
        for own in voices:
            _Part(part, own, own[number] if number < len(own) else None).write()
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))


def _head(root: Any, read: Sequence[Tune]) -> None:
    texts = read[0].texts
    if "T" in texts:
        _add(_add(root, "work"), "work-title", texts["T"])
    if "C" in texts:
        _add(_add(root, "identification"), "creator", texts["C"], type="composer")


class _Part:
    """Writes the measures of one voice of a tune; without one, rests as long as the others' measures."""

    def __init__(self, part: Any, voices: Sequence[Voice], voice: Voice | None) -> None:
        self._part, self._voice = part, voice
        lengths = [item.length for own in voices for measure in own.measures for layer in measure.layers for item in _events(layer)]
        self._divisions = min(lcm(*(length.denominator for length in lengths)), MOST_DIVISIONS)
        counts = [len(own.measures) - (len(own.measures) > 1 and own.measures[-1].is_empty) for own in voices]
        self._count = max(counts, default=0)
        self._bars = [_longest(own.measures[number] for own in voices if number < len(own.measures)) for number in range(self._count)]
        self._volta = ""
        self._begun = 0  # times that the repeat that has begun is played

    def write(self) -> None:
        for number in range(self._count):
            measure = _add(self._part, "measure", number=str(number + 1))
            if number == 0:
                _add(_add(measure, "attributes"), "divisions", str(self._divisions))
            own = self._voice.measures[number] if self._voice is not None and number < len(self._voice.measures) else Measure()
            self._signs(measure, own, "left")
            for place, layer in enumerate(own.layers, 1):
                if place > 1:
                    before = sum((event.length for event in _events(own.layers[place - 2]) if not event.is_grace), Fraction(0))
                    _add(_add(measure, "backup"), "duration", self._duration(before))
                for item in layer:
                    if isinstance(item, Event):
                        self._event(measure, item, place)
                    else:
                        _change(measure, item)
            if own.is_empty:
                rest = _add(measure, "note")
                _add(rest, "rest", measure="yes")
                _add(rest, "duration", self._duration(self._bars[number]))
            for kind, text in own.last_signs:
                _direction(measure, kind, text)
            self._signs(measure, own, "right", number + 1 == self._count)

    def _duration(self, quarters: Fraction) -> str:
        return str(round(quarters * self._divisions))

    def _signs(self, measure: Any, own: Measure, location: str, is_last: bool = False) -> None:
        """Add repeats and voltas."""
        barline = _made(measure, "barline", location=location)
        if location == "left" and own.volta:
            self._volta = re.sub(r"(\d+)-(\d+)", lambda span: ",".join(map(str, range(int(span[1]), int(span[2]) + 1)[:99])), own.volta)
            _add(barline, "ending", number=self._volta, type="start")
        if location == "left" and own.begins:
            self._begun = own.begins
            _add(barline, "repeat", direction="forward")
        if location == "right" and self._volta and (own.volta_ends or is_last):
            _add(barline, "ending", number=self._volta, type="stop" if own.ends else "discontinue")
            self._volta = ""
        if location == "right" and own.ends:
            times = max(own.ends, self._begun)
            _add(barline, "repeat", direction="backward", **({"times": str(times)} if times > 2 else {}))
            self._begun = 0
        if len(barline):
            measure.append(barline)

    def _event(self, measure: Any, event: Event, layer: int) -> None:
        for kind, text in event.signs:
            _direction(measure, kind, text)
        for place in range(max(len(event.pitches), 1)):
            note = _add(measure, "note")
            if event.is_grace:
                _add(note, "grace")
            if place:
                _add(note, "chord")
            if event.pitches:
                _pitch(note, event.pitches[place], event.transposition)
            else:
                _add(note, "rest")
            if not event.is_grace:
                _add(note, "duration", self._duration(event.length))
            ties = [kind for kind, places in (("stop", event.held), ("start", event.tied)) if place in places]
            for kind in ties:
                _add(note, "tie", type=kind)
            _add(note, "voice", str(layer))
            _type(note, event)
            notations = _notations(note, event, place)
            for kind in ties:
                _add(notations, "tied", type=kind)
            if len(notations):
                note.append(notations)
            for verse, (text, goes_on) in event.syllables.items() if not place else ():
                lyric = _add(note, "lyric", number=str(verse))
                _add(lyric, "syllabic", "begin" if goes_on else "single")
                _add(lyric, "text", text)


def _made(parent: Any, name: str, content: str = "", /, **attributes: str) -> Any:
    made = parent.makeelement(name, attributes)
    made.text = (content if content.isprintable() else "".join(filter(str.isprintable, content))) or None
    return made


def _add(parent: Any, name: str, content: str = "", /, **attributes: str) -> Any:
    made = _made(parent, name, content, **attributes)
    parent.append(made)
    return made


def _events(layer: Sequence[Any]) -> Iterator[Event]:
    return (item for item in layer if isinstance(item, Event))


def _longest(measures: Iterator[Measure]) -> Fraction:
    lengths = [
        sum((event.length for event in _events(layer) if not event.is_grace), Fraction(0))
        for measure in measures
        for layer in measure.layers
    ]
    return max(lengths, default=Fraction(0))


def _change(measure: Any, change: Change) -> None:
    if isinstance(change, Tempo):
        direction = _add(measure, "direction")
        if change.words:
            _add(_add(direction, "direction-type"), "words", change.words)
        if change.beat is not None and change.per_minute is not None:
            typed = _written(4 * change.beat)
            if typed is not None:
                mark = _add(_add(direction, "direction-type"), "metronome")
                _add(mark, "beat-unit", typed[0])
                for _ in range(typed[1]):
                    _add(mark, "beat-unit-dot")
                _add(mark, "per-minute", f"{change.per_minute:g}")
            elif not change.words:
                _add(_add(direction, "direction-type"), "words", " ")
            _add(direction, "sound", tempo=f"{float(4 * change.beat) * change.per_minute:g}")
        return
    attributes = _add(measure, "attributes")
    if isinstance(change, Key):
        _add(_add(attributes, "key"), "fifths", str(change.fifths))
    else:
        time = _add(attributes, "time")
        _add(time, "beats", change.beats)
        _add(time, "beat-type", str(change.beat_type))


def _direction(measure: Any, kind: str, text: str) -> None:
    """Add what stands before a note and is no part of it."""
    chord = _CHORD.fullmatch(text) if kind == "chord" else None
    if chord:
        _harmony(measure, chord)
        return
    inner: Any = None
    if kind == "part":
        inner = _made(measure, "rehearsal", text)
    elif kind in ("words", "chord"):
        inner = _made(measure, "words", text)
    elif text in _DYNAMICS:
        inner = _made(measure, "dynamics")
        _add(inner, text)
    elif text in _WEDGES:
        inner = _made(measure, "wedge", type=_WEDGES[text])
    elif text in _JUMPS:
        words = _JUMPS[text][0]
        inner = _made(measure, "words", words) if words else _made(measure, text)
    if inner is None:
        return
    direction = _add(measure, "direction")
    _add(direction, "direction-type").append(inner)
    if kind == "mark" and text in _JUMPS:
        attribute = _JUMPS[text][1]
        _add(direction, "sound").set(attribute, "yes" if attribute in ("dacapo", "fine") else "1")


def _harmony(measure: Any, chord: re.Match[str]) -> None:
    harmony = _add(measure, "harmony")
    for name, step, sign in (("root", chord[1], chord[2]), ("bass", chord[4], chord[5])):
        if step:
            tone = _add(harmony, name)
            _add(tone, f"{name}-step", step)
            if sign:
                _add(tone, f"{name}-alter", "1" if sign == "#" else "-1")
        if name == "root":
            _add(harmony, "kind", _KINDS.get(chord[3], "other"), text=chord[3])


def _pitch(note: Any, pitch: Pitch, transposition: int) -> None:
    """Add a pitch as it sounds: verovio reads no <transpose> after the first measure."""
    step, octave, alter = pitch
    if transposition % 12:
        octave, tone = divmod(12 * octave + STEPS[step.lower()] + transposition, 12)
        step, sharp = next((name.upper(), tone - own) for name, own in reversed(STEPS.items()) if own <= tone)
        alter += sharp
    else:
        octave += transposition // 12
    element = _add(note, "pitch")
    _add(element, "step", step)
    if alter:
        _add(element, "alter", f"{alter:g}")
    _add(element, "octave", str(octave))


def _type(note: Any, event: Event) -> None:
    """Add the note value, and what a tuplet makes of it."""
    typed = _written(event.length / event.ratio)
    if typed is not None:
        _add(note, "type", typed[0])
        for _ in range(typed[1]):
            _add(note, "dot")
    if event.ratio != 1:
        change = _add(note, "time-modification")
        _add(change, "actual-notes", str(event.ratio.denominator))
        _add(change, "normal-notes", str(event.ratio.numerator))


@lru_cache(maxsize=1000)
def _written(quarters: Fraction) -> tuple[str, int] | None:
    """Return the note value of a length and how many dots it has, None where one note has no such length."""
    return next(((_TYPES[plain], dots) for dots in range(4) if (plain := quarters / (2 - Fraction(1, 2**dots))) in _TYPES), None)


def _notations(note: Any, event: Event, place: int) -> Any:
    notations = _made(note, "notations")
    if place:
        return notations
    for kind, count in (("stop", event.slurs_ended), ("start", event.slurs_begun)):
        for number in range(min(count, 6)):
            _add(notations, "slur", type=kind, number=str(number + 1))
    for names, around in ((_ORNAMENTS, "ornaments"), (_ARTICULATIONS, "articulations")):
        marks = [names[text] for kind, text in event.signs if kind == "mark" and text in names]
        if marks:
            element = _add(notations, around)
            for mark in marks:
                _add(element, mark)
    if ("mark", "fermata") in event.signs:
        _add(notations, "fermata")
    if ("mark", "arpeggio") in event.signs:
        _add(notations, "arpeggiate")
    return notations
