"""General MIDI programs: which one an instrument's name stands for, and how its instrument is played (General MIDI System Level 1)."""

import re
import unicodedata
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from engine.midi.events import CONTROL_CHANGE, PITCH_BEND, PROGRAM_CHANGE, channel_of


class Lengths(Enum):
    """What says how long a note of an instrument is held."""

    TOUCH = "a pianist's touch, which the sustain pedal joins"
    SUSTAINED = "its player, who joins notes without a pedal"
    WRITTEN = "the score: the tone dies away by itself"


class Instrument(NamedTuple):
    """How a kind of instrument is played. ``swells``: a tone that is held can become louder and softer."""

    has_pedal: bool
    has_velocity: bool
    lengths: Lengths
    swells: bool


PIANO = Instrument(True, True, Lengths.TOUCH, False)
CLAVICHORD = Instrument(False, True, Lengths.SUSTAINED, False)  # keys with touch and without a pedal
HARPSICHORD = Instrument(False, False, Lengths.SUSTAINED, False)
ORGAN = Instrument(False, False, Lengths.SUSTAINED, True)  # with a swell pedal
SUSTAINED = Instrument(False, True, Lengths.SUSTAINED, True)  # bowed, blown, sung
STRUCK = Instrument(False, True, Lengths.WRITTEN, False)  # struck or plucked, and left to ring

# Programs from 0 by kind; all others hold their tone. A celesta has a damper pedal as a piano has. A bagpipe has one loudness.
_PIANO_PROGRAMS, _CLAVICHORD_PROGRAMS, _HARPSICHORD_PROGRAMS, _ORGAN_PROGRAMS = (*range(6), 8), (7,), (6, 109), range(16, 21)
_PERCUSSION_PROGRAMS = (*range(9, 16), 47, 55, *range(112, 128))
_PLUCKED_PROGRAMS = (*range(24, 40), 45, 46, *range(104, 109))
_INSTRUMENTS: Mapping[int, Instrument] = (
    dict.fromkeys(_PIANO_PROGRAMS, PIANO)
    | dict.fromkeys(_CLAVICHORD_PROGRAMS, CLAVICHORD)
    | dict.fromkeys(_HARPSICHORD_PROGRAMS, HARPSICHORD)
    | dict.fromkeys(_ORGAN_PROGRAMS, ORGAN)
    | dict.fromkeys((*_PERCUSSION_PROGRAMS, *_PLUCKED_PROGRAMS), STRUCK)
)
_CHROMATIC_PERCUSSION, _GUITARS, _STRINGS, _SOUND_EFFECTS = 1, 3, 5, 15  # General MIDI's groups of eight, from 0
_FAMILIES = {46: _GUITARS, 47: _CHROMATIC_PERCUSSION, **dict.fromkeys(range(48, 52), _STRINGS), 55: _SOUND_EFFECTS}
PIANOS = range(8)  # General MIDI's group: harpsichord and clavinet too, which two hands play as they do a piano
BANK_SELECT = (0, 32)  # controllers that choose the bank of the next program change
CHANNEL_MODE = 120  # controllers from there on are mode messages

# Beginnings of words in English, Italian, German and French, and usual abbreviations, without accents. The first row that a name
# matches counts.
_NAMES: tuple[tuple[str, int], ...] = (
    (r"bass clarinet|bassklarinette|clarinette basse|clarinetto basso|basset ?horn|bassetthorn|chalumeau", 71),
    (r"english horn|cor anglais|corno inglese|englischhorn", 69),
    (r"viola da gamba|viole de gambe|viol\b|gamba", 42),
    (r"contrabassoon|kontrafagott|controfagotto|contrebasson|bassoon|basson|fagot|bsn|fag\b|fg\b", 70),
    (r"bass guitar|bassgitarre|guitare basse|electric bass|e bass|(pluck )?bass electric|fretless", 33),
    (r"acoustic bass|upright|pluck bass", 32),
    (r"contrabass|kontrabass|contrabbass|contrebasse|contrabajo|double bass|violone|cbass|string bass|db\b|cb\b", 43),
    (r"pan ?flute|panflote|pan pipe|flute de pan", 75),
    (r"recorder|\w*blockflote|flauto dolce|flute a bec", 74),
    (r"(soprano?|s) ?sax", 64),
    (r"(tenor|t) ?sax|sax(o[fp]h?on)? tenor", 66),
    (r"(baritone?|bari|b) ?sax", 67),
    (r"((alto?|a) ?)?sax", 65),
    (r"tenor ?horn|bariton(e)? ?(horn|tc|bc|t c|b c|in b)|euph|\w*tuba|tba\b|bombardon|sousaphon|ophicleid", 58),
    (r"(b|e|bb|eb|bbb|b flat|e flat) bass(es)?\b(?! (clar|trom|sax|gui))", 58),  # of a brass band
    (r"(alto |tenor |bass )?(trombon|\w*posaune)|tromb\b|trb\b|tbn\b|sackbut", 57),
    (r"trumpet|tromba\b|trombe\b|tromp|cornet|kornett|flugelhorn|flicorn|bugle|tpt\b|trp\b", 56),
    (r"(french )?horn|corni?\b|corno|cors?\b|waldhorn|hr?n\b", 60),
    (r"obo[ei]|hautbois|ob\b", 68),
    (r"clarinet|klarinette|clars?\b|klar\b|cl\b", 71),
    (r"picc|ottavino", 72),
    (r"(alto |alt)?(flute|flaut|flote|querflote)|traverso|flt\b|fl\b", 73),
    (r"(tin |penny )?whistle", 78),
    (r"ocarina|okarina", 79),
    (r"violoncel|cell|vc\b|vlc\b", 42),
    (r"violin|violn|geige|violon\b|violons|fiddle|vln\b|vl\b|vn\b", 40),
    (r"viola|viole|bratsche|va\b|vla\b", 41),
    (r"strings|streicher|cordes|archi\b|string (section|ensemble)", 48),
    (r"timp|pauken|timbales", 47),
    (r"harpsichord|basso continuo|continuo|cemba|clavecin|clavicemb", 6),
    (r"clavinet|clavichord", 7),
    (r"harmonium|reed organ", 20),
    (r"electric organ|hammond|drawbar", 16),
    (r"(church |pipe )?organ|orgel|orgue|positi[fv]|portativ", 19),
    (r"accordion|akkordeon|fisarmonica|concertina|konzertina", 21),
    (r"harmonica|mundharmonika", 22),
    (r"bandoneon", 23),
    (r"harp|harfe|arp[ae]\b|hp\b", 46),
    (r"electric guitar|guitar electric|e gtr|e gitarre|guitare electrique", 27),
    (r"steel guitar|mandolin", 25),
    (r"(acoustic |classical )?(guitar|guitr|gitarre|chitarra)|liuto|lute\b|laute\b|luth\b|theorbo|ukulele|cavaquinho|zither|gtr\b", 24),
    (r"banjo", 105),
    (r"sitar", 104),
    (r"shamisen", 106),
    (r"koto\b", 107),
    (r"kalimba", 108),
    (r"bagpipe|dudelsack|cornemuse", 109),
    (r"synth(esizer)? bass|bass synth", 38),
    (r"synth(esizer)? pad|pad\b", 89),
    (r"synth", 81),
    (r"steel drum|steelpan", 114),
    (r"celest", 8),
    (r"glockenspiel|crotales", 9),
    (r"vibraphon", 11),
    (r"marimba|mallets", 12),
    (r"xylophon", 13),
    (r"dulcimer|hackbrett|cimbalom", 15),
    (r"tubular|chimes|rohrenglocken|handbell", 14),
    (r"electric piano|piano electric|e piano|rhodes|wurlitzer", 4),
    (r"piano|klavier|pianoforte|fortepiano|clavier|pno\b", 0),
    (r"choir|chorus|chor\b|choeur|coro\b|voice|vocal|voix|stimme|singstimme|gesang|canto|chant|voce", 52),
    (r"(mezzo ?)?sopra?|(contr)?alt(o|os|i)?\b|tenor|baryton|bariton|bass([eio]|es)?\b", 52),
    (r"counter ?tenor|dessus\b|hautes? contre|taille\b", 52),
)


CHOIR = 52
_VOICES_BY_LETTER = r"[satb]( ?[1-4]| i{1,3})?"  # S., A1, T II: how many choral scores have it


def program_of(name: str) -> int | None:
    """Return the program, 0 to 127, that an instrument's name stands for; None for an unknown one."""
    words = plain_words(name.replace("♭", "b"))
    if re.fullmatch(_VOICES_BY_LETTER, words):
        return CHOIR
    return next((program for names, program in _NAMES if re.search(rf"\b(?:{names})", words)), None)


def plain_words(name: str) -> str:
    """Return a name in lower case, without accents and whatever else is neither letter nor digit."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return " ".join(re.findall(r"[a-z0-9]+", "".join(letter for letter in plain if not unicodedata.combining(letter))))


def instrument_of(program: int) -> Instrument:
    """Return how the instrument of a program, 0 to 127, is played."""
    return _INSTRUMENTS.get(program, SUSTAINED)


def family_of(program: int) -> int:
    """Return a number that programs, 0 to 127, of one family have in common: General MIDI's groups of eight by what is heard of them.

    Its group of strings goes on with those of the ensembles, whose voices are apart, and has a harp, which is plucked, and timpani.
    """
    return _FAMILIES.get(program, program // 8)


def chooses_program(message: bytes) -> bool:
    """Return whether a channel message is a program change or chooses its bank."""
    kind = message[0] & 0xF0
    return kind == PROGRAM_CHANGE or (kind == CONTROL_CHANGE and message[1] in BANK_SELECT)


def changes_notes(message: bytes) -> bool:
    """Return whether a channel message changes how notes sound that follow: program, bank, pitch bend or channel mode."""
    kind = message[0] & 0xF0
    return chooses_program(message) or kind == PITCH_BEND or (kind == CONTROL_CHANGE and message[1] >= CHANNEL_MODE)


class Programs:
    """The program of each channel, as far as program changes told; a channel without one is as it is ``named``, else a piano."""

    def __init__(self, named: Mapping[int, int] | None = None) -> None:
        """``named`` are the programs of channels' names."""
        self._programs: dict[int, int] = dict(named or {})

    def observe(self, message: bytes) -> None:
        """Take note of one message; only program changes count."""
        if message[0] & 0xF0 == PROGRAM_CHANGE:
            self._programs[channel_of(message)] = message[1]

    def instrument(self, channel: int) -> Instrument:
        """Return how the channel's instrument is played."""
        return instrument_of(self._programs.get(channel, 0))

    def has_pedal(self, channel: int) -> bool:
        """Return whether the channel's instrument is played with a sustain pedal."""
        return self.instrument(channel).has_pedal
