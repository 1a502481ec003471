"""What ABC's music code says: notes, rests and chords of each voice in measures.

By sections 4, 6 and 7 of the ABC music standard 2.1. What it does not know is said, and left out.
"""

import re
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache

from engine.score.notation.musicxml.abc.fields import ALTERS, Line, key_of, metre_of, settings_of, tempo_of, transposition_of, unit_of
from engine.score.notation.musicxml.abc.lyrics import sing
from engine.score.notation.musicxml.abc.voices import Change, Event, Measure, Pitch, Voice

MOST_RESTS = 1000  # measures of one sign
_LENGTH = r"(?:\d{1,4}(?:/+\d{0,4})?|/+\d{0,4})?"
_NOTE = re.compile(rf"(\^\^|\^/|\^|__|_/|_|=)?([A-Ga-g])([',]*)({_LENGTH})")
_TOKEN = re.compile(
    rf"""(?P<inline>\[(?P<letter>[A-Za-z]):(?P<said>[^\]]*)\])
    |(?P<bar>(?:\.?\|[|\]:]*|:+\|[|\]:]*|::+|\[\|[|\]:]*)(?:\[?(?P<after>\d[\d,.-]*))?|\[(?P<volta>\d[\d,.-]*))
    |(?P<note>(?:\^\^|\^/|\^|__|_/|_|=)?[A-Ga-g][',]*{_LENGTH}-?)
    |(?P<chord>\[[^\]|:]*\]{_LENGTH}-?)
    |(?P<rest>[zx]{_LENGTH})|(?P<bars>[ZX](?P<count>\d{{0,4}}))
    |(?P<grace>\{{[^}}]*\}})|(?P<tuplet>\((?P<p>\d)(?::(?P<q>\d{{0,2}}))?(?::(?P<r>\d{{0,2}}))?)
    |(?P<open>\.?\()|(?P<close>\))|(?P<broken>>+|<+)
    |(?P<text>"[^"]*")|(?P<mark>!(?P<name>[^!\s|]+)!|\+(?P<old>[a-zA-Z0-9.<>()]+)\+)
    |(?P<short>[.~HLMOPSTuv])|(?P<layer>&)|(?P<nothing>[\s`*;?@$#!\\]|y\d*)|(?P<tie>-)""",
    re.VERBOSE,
)
_SHORT = {
    "~": "roll", "H": "fermata", "L": "accent", "M": "lowermordent", "O": "coda", "P": "uppermordent", "S": "segno", "T": "trill",
    ".": "staccato", "u": "upbow", "v": "downbow",
}  # fmt: skip
_AT_THE_END = ("D.C.", "D.S.", "dacapo", "fine", "Fine", "tocoda")  # of a measure: jumps
_IN_TIME_OF = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}


class Tune:
    """A tune that is read from its lines; ``left_out`` says what is not."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.texts: dict[str, str] = {}
        self.left_out: list[str] = []
        self._settings: dict[str, str] = {}  # of voices by their names
        self._program: int | None = None
        self._all = Voice()  # what the header says for all voices
        self._by_name: dict[str, Voice] = {}
        self._now: Voice | None = None
        in_body = False
        for line in lines:
            if not line.field:
                in_body = True
                self._music(line)
            elif line.field in "TCZ" and line.field not in self.texts:
                self.texts[line.field] = line.text
            else:
                self._field(line.field, line.text, in_body)
                in_body = in_body or line.field == "K"

    @property
    def voices(self) -> list[Voice]:
        """Those that have notes or rests."""
        return [voice for voice in self._by_name.values() if not all(measure.is_empty for measure in voice.measures)]

    def _voice(self, name: str | None = None) -> Voice:
        """Return the voice that is read; one that is named begins or goes on."""
        if name is None:
            return self._now or self._voice(next(iter(self._settings), "1"))
        if name not in self._by_name:
            said = self._settings.get(name, "")
            settings = settings_of(said)
            shift = transposition_of(said)
            shift = self._all.transposition if shift is None else shift
            voice = Voice(
                settings.get("name", ""), self._program, shift, self._all.key, self._all.metre, self._all.unit, reach=self._all.reach
            )
            voice.measures[0].layers[0] += [change for change in self._all.measures[0].layers[0]]
            self._by_name[name] = voice
        self._now = self._by_name[name]
        return self._now

    def _field(self, letter: str, text: str, in_body: bool) -> None:
        if letter == "V":
            name, _, said = text.partition(" ")
            self._settings.setdefault(name, said)
            if in_body:
                self._voice(name)
            return
        if letter == "w" and self._now is not None:
            self._now.verse += 1
            sing([event for line in self._now.lines for event in line], text, self._now.verse)
            return
        voice = self._voice() if in_body else self._all
        item: Change | None = None
        if letter == "M":
            voice.metre = item = metre_of(text)
        elif letter == "L":
            voice.unit = unit_of(text) or voice.unit
        elif letter == "Q":
            item = tempo_of(text, voice.letter / 4)
        elif letter == "K":
            item = key_of(text)
            voice.key = item if item is not None else voice.key
            shift = transposition_of(text)
            voice.transposition = voice.transposition if shift is None else shift
        elif letter == "P" and in_body:
            voice.signs.append(("part", text))
        elif letter in "%I" and (reach := re.match(r"propagate-accidentals\s*=?\s*(not|octave|pitch)\b", text)):
            voice.reach = reach[1]
        elif letter in "%I" and (program := re.match(r"MIDI\s*=?\s*program\s+(?:\d+\s+)?(\d{1,3})", text)):
            self._program = int(program[1])
            voice.program = self._program
        if item is not None:
            voice.measures[-1].layers[-1].append(item)

    def _music(self, line: Line) -> None:
        voice = self._voice()
        if voice.verse or not voice.lines:
            voice.lines, voice.verse = [], 0
        voice.lines.append([])
        place = 0
        while place < len(line.text):
            found = _TOKEN.match(line.text, place)
            if found is None:
                self.left_out.append(f"line {line.number}: {line.text[place]!r}")
                place += 1
                continue
            place = found.end()
            kind = next(name for name in _KINDS if found[name])
            if kind == "inline":
                self._field(found["letter"], found["said"].strip(), True)
                voice = self._voice()
                voice.lines = voice.lines or [[]]
            else:
                _KINDS[kind](voice, found)


def _bar(voice: Voice, found: re.Match[str]) -> None:
    """End a measure and begin another; signs of one that has no notes yet are those of the one before."""
    text = re.sub(r"\[?\d.*|\.", "", found["bar"])
    volta = found["after"] or found["volta"] or ""
    measure = voice.measures[-1]
    signs = text.strip("|[]")
    ends = len(text) - len(text.lstrip(":")) if text else 0
    begins = len(text) - len(text.rstrip(":")) if text else 0
    if set(text) == {":"}:
        ends = begins = len(signs) // 2 or 1
    if not measure.is_empty:
        measure.last_signs = [sign for sign in voice.signs if sign[1].startswith(_AT_THE_END)]
        voice.signs = [sign for sign in voice.signs if sign not in measure.last_signs]
        voice.measures.append(Measure())
    last = voice.measures[-2] if len(voice.measures) > 1 else None
    if last is not None and ends:
        last.ends = ends + 1
    if last is not None and voice.in_volta and (ends or begins or volta or text in ("||", "|]", "[|", "|||")):
        last.volta_ends, voice.in_volta = True, False
    now = voice.measures[-1]
    now.begins = begins + 1 if begins else now.begins
    if volta:
        now.volta, voice.in_volta = volta.strip(".,-"), True
    if text:
        voice.altered = {}
        voice.lines[-1].append(None)


def _note(voice: Voice, found: re.Match[str]) -> None:
    note = next(_NOTE.finditer(found["note"]))
    event = Event(voice.letter * _times(note[4]), [_pitch(voice, note)])
    _place(voice, event, {0} if found["note"].endswith("-") else set())


def _chord(voice: Voice, found: re.Match[str]) -> None:
    """A chord is as long as its first note; what is written behind it multiplies all."""
    inside, _, after = found["chord"][1:].rpartition("]")
    notes = list(_NOTE.finditer(inside))
    if not notes:
        return
    tied = {place for place, note in enumerate(notes) if inside[note.end() : note.end() + 1] == "-"}
    pitches = [_pitch(voice, note) for note in notes]
    event = Event(voice.letter * _times(notes[0][4]) * _times(after.rstrip("-")), pitches)
    _place(voice, event, set(range(len(notes))) if after.endswith("-") else tied)


def _rest(voice: Voice, found: re.Match[str]) -> None:
    _place(voice, Event(voice.letter * _times(found["rest"][1:])), set())


def _rests_of_bars(voice: Voice, found: re.Match[str]) -> None:
    length = 4 * (voice.metre.whole if voice.metre else Fraction(1))
    for place in range(min(int(found["count"] or 1), MOST_RESTS)):
        if place and not voice.measures[-1].is_empty:
            voice.measures.append(Measure())
        _place(voice, Event(length), set())


def _grace(voice: Voice, found: re.Match[str]) -> None:
    for note in _NOTE.finditer(found["grace"]):
        voice.measures[-1].layers[-1].append(
            Event(Fraction(1, 2) * _times(note[4]), [_pitch(voice, note)], is_grace=True, transposition=voice.transposition)
        )


def _tuplet(voice: Voice, found: re.Match[str]) -> None:
    count = int(found["p"])
    compound = voice.metre is not None and voice.metre.beats.isdigit() and int(voice.metre.beats) in (6, 9, 12)
    base = int(found["q"] or 0) or _IN_TIME_OF.get(count, 3 if compound else 2)
    if count:
        voice.tuplet = [Fraction(base, count)] * (int(found["r"] or 0) or count)


def _broken(voice: Voice, found: re.Match[str]) -> None:
    """Of two notes one is longer by what the other loses: half of it, three quarters, seven eighths."""
    last = next((item for item in reversed(voice.measures[-1].layers[-1]) if isinstance(item, Event) and not item.is_grace), None)
    lost = Fraction(1, 2 ** len(found["broken"]))
    if last is not None:
        first, voice.broken = (2 - lost, lost) if found["broken"][0] == ">" else (lost, 2 - lost)
        last.length *= first


def _text(voice: Voice, found: re.Match[str]) -> None:
    text = found["text"][1:-1].strip()
    if text:
        voice.signs.append(("words", text[1:].strip()) if text[0] in "^_<>@" else ("chord", text))


def _mark(voice: Voice, found: re.Match[str]) -> None:
    voice.signs.append(("mark", found["name"] or found["old"] or _SHORT[found["short"]]))


def _open(voice: Voice, _: re.Match[str]) -> None:
    voice.slurs += 1


def _close(voice: Voice, _: re.Match[str]) -> None:
    last = next((item for item in reversed(voice.measures[-1].layers[-1]) if isinstance(item, Event)), None)
    if last is not None:
        last.slurs_ended += 1


def _tie(voice: Voice, _: re.Match[str]) -> None:
    """A tie with a blank before it."""
    last = next((item for item in reversed(voice.measures[-1].layers[-1]) if isinstance(item, Event)), None)
    if last is not None:
        last.tied = set(range(len(last.pitches)))
        voice.held = {(step, octave): alter for step, octave, alter in last.pitches}


def _layer(voice: Voice, _: re.Match[str]) -> None:
    voice.measures[-1].layers.append([])


def _nothing(voice: Voice, _: re.Match[str]) -> None:
    """Blanks, and what says how a line is drawn."""


_KINDS = {
    "inline": _nothing, "bar": _bar, "note": _note, "chord": _chord, "rest": _rest, "bars": _rests_of_bars, "grace": _grace,
    "tuplet": _tuplet, "open": _open, "close": _close, "broken": _broken, "text": _text, "mark": _mark, "short": _mark, "layer": _layer,
    "tie": _tie, "nothing": _nothing,
}  # fmt: skip


@lru_cache(maxsize=1000)
def _times(text: str) -> Fraction:
    """Return what a length behind a letter multiplies: 3, 3/2, /, //, /4."""
    above, slashes, below = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()  # type: ignore[union-attr]
    divisor = int(below) if below else 2 ** len(slashes)
    return Fraction(int(above or 1), divisor or 1)


def _pitch(voice: Voice, note: re.Match[str]) -> Pitch:
    """Return the pitch; accidentals hold until the bar line, a tied note has that of the one before."""
    sign, letter, marks, _ = note.groups()
    step = letter.upper()
    octave = (5 if letter.islower() else 4) + marks.count("'") - marks.count(",")
    usual = voice.held.get((step, octave), dict(voice.key.alters).get(step, 0.0))
    place = (step, octave if voice.reach == "octave" else 0)
    alter = ALTERS.get(sign, 0.5 if sign[0] == "^" else -0.5) if sign else voice.altered.get(place, usual)
    if sign and voice.reach != "not":
        voice.altered[place] = alter
    return step, octave, alter


def _place(voice: Voice, event: Event, tied: set[int]) -> None:
    event.transposition = voice.transposition
    event.ratio = voice.tuplet.pop(0) if voice.tuplet else Fraction(1)
    if voice.broken != 1 or event.ratio != 1:
        event.length *= voice.broken * event.ratio
    event.signs, voice.signs = voice.signs, []
    event.slurs_begun, voice.slurs = voice.slurs, 0
    voice.broken = Fraction(1)
    names = [(step, octave) for step, octave, _ in event.pitches]
    event.held = {place for place, name in enumerate(names) if name in voice.held}
    event.tied = tied
    voice.held = {names[place]: event.pitches[place][2] for place in tied}
    voice.measures[-1].layers[-1].append(event)
    if event.pitches:
        voice.lines = voice.lines or [[]]
        voice.lines[-1].append(event)
