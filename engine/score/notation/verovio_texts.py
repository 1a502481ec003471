"""What is written beside the notes of what verovio hears: syllables, chord symbols, rehearsal marks, titles."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from engine.score.notation.verovio_layers import PrintedNote, name_of
from engine.score.notation.verovio_measures import PrintedMeasure, VerovioScore, quarters_of
from engine.score.notation.verovio_scores import Places, part_of
from engine.score.tables import Annotation

SIGNS = str.maketrans({"♭": "b", "♯": "#", "♮": "", "\ue260": "b", "\ue262": "#"})  # of chord symbols, as players type them
WITHIN_WORD = ("i", "m")


def annotations(heard: VerovioScore, places: Places, parts: Mapping[str, tuple[int, int, str]]) -> tuple[Annotation, ...]:
    """Return all texts where they are played. Each time a measure comes, its next verse is sung, as far as there is one."""
    found = _head(heard)
    times: dict[int, int] = {}
    signs = [list(_signs(measure)) for measure in heard.measures]
    sung = [next(measure.element.iter("{*}verse"), None) is not None for measure in heard.measures]
    for number, start in places:
        measure = heard.measures[number]
        times[number] = times.get(number, 0) + 1
        for note in measure.notes if sung[number] else ():
            syllable = _syllable(note, times[number])
            if syllable:
                found.append(Annotation(float(start + note.onset), syllable, "lyric", part_of(note, heard, parts)[0]))
        found += [Annotation(float(start) + offset, text, kind) for offset, text, kind in signs[number]]
    return tuple(dict.fromkeys(sorted(found, key=lambda each: each.onset_quarter)))


def _syllable(note: PrintedNote, time: int) -> str:
    """Return what is sung to a note, with a space where a word ends (MIDI RP-017); none of a note that only repeats the printed one."""
    if note.identifier != note.printed:
        return ""
    chord = note.element.getparent()
    within = name_of(chord) == "chord" and next(chord.iter("{*}note")) is note.element
    verses = [*note.element.iterfind("{*}verse"), *(chord.iterfind("{*}verse") if within else ())]
    numbered = {int(verse.get("n", "1")) if verse.get("n", "1").isdigit() else 1: verse for verse in verses}
    if not numbered:
        return ""
    verse = numbered[max((number for number in numbered if number <= time), default=min(numbered))]
    syllables = [syllable for syllable in verse.iter("{*}syl") if _text(syllable)]
    if not syllables:
        return ""
    last = syllables[-1]
    goes_on = last.get("wordpos") in WITHIN_WORD or (last.get("wordpos") is None and last.get("con") == "d")
    return " ".join(_text(syllable) for syllable in syllables) + ("" if goes_on else " ")


def _signs(measure: PrintedMeasure) -> Iterator[tuple[float, str, str]]:
    """Yield (quarters from the measure's beginning, text, kind) of chord symbols and rehearsal marks."""
    places = {note.identifier: note.onset for note in measure.notes}
    for element in measure.element.iter("{*}harm", "{*}reh"):
        chord = name_of(element) == "harm"
        text = _text(element).translate(SIGNS) if chord else _text(element)
        if text and (not chord or element.find("{*}fb") is None):
            at = places.get(element.get("startid", "")[1:], Fraction(0))
            offset = quarters_of(element.get("tstamp"), measure.metre) if element.get("tstamp") else float(at)
            yield offset, text, "chord" if chord else "rehearsal"


def _head(heard: VerovioScore) -> list[Annotation]:
    """Return the title and whose it is, as far as the document says."""
    head = heard.measures[0].element.getroottree().find("{*}meiHead")
    if head is None:
        return []
    kinds: dict[str, list[Any]] = {
        "title": [*head.iterfind("{*}fileDesc/{*}titleStmt/{*}title"), *head.iterfind("{*}workList/{*}work/{*}title")],
        "composer": [*head.iterfind(".//{*}persName[@role='composer']"), *head.iter("{*}composer")],
        "lyricist": [*head.iterfind(".//{*}persName[@role='lyricist']"), *head.iter("{*}lyricist")],
        "copyright": list(head.iter("{*}availability")),
    }
    texts = {kind: next((text for element in elements if (text := _text(element))), "") for kind, elements in kinds.items()}
    return [Annotation(0.0, text, kind) for kind, text in texts.items() if text]


def _text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())
