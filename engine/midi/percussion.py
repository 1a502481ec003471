"""General MIDI percussion: which key of channel 10 an instrument's name, or a place on a drum kit's staff, stands for.

Keys are those of the General MIDI Percussion Key Map (General MIDI System Level 1). Places are those of N. Weinberg, Guide to Standardized
Drumset Notation (Percussive Arts Society, 1998), as notation programs have them.
"""

import re
from pathlib import Path

from engine.base.errors import UsageError
from engine.midi.general_midi import plain_words
from engine.midi.routing import parse_keys

SNARE, SIDE_STICK = 38, 37
CROSSES = ("x", "+", "slash")  # heads of notes on the rim

# Beginnings of words in English, Italian, German and French, without accents. The first row that a name matches counts.
_NAMES: tuple[tuple[str, int], ...] = (
    (r"(pedal|foot) (hi ?hat|hh)|(hi ?hat|hh) (pedal|foot)", 44),
    (r"open (hi ?hat|hh)|(hi ?hat|hh) open", 46),
    (r"hi ?hat|charleston|hh\b", 42),
    (r"side ?stick|rim ?(shot|click)|cross ?stick", 37),
    (r"hand ?clap|claps?\b|klatschen", 39),
    (r"electric snare", 40),
    (r"snare|side drum|kleine trommel|kl tr|caisse claire|tamburo|rullante|field drum|tenor drum|ruhrtrommel|snar\b|sd\b", 38),
    (r"bass drum 2|acoustic bass drum", 35),
    (r"(bass|kick|large|gran|grosse) ?(drum|trommel)|kick|gr tr|grosse caisse|gran ?cassa|cassa|bdrum|bd\b", 36),
    (r"low floor tom", 41),
    (r"(high )?floor tom|stand ?tom", 43),
    (r"low mid tom", 47),
    (r"low tom", 45),
    (r"hi(gh)? mid tom|mid(dle)? tom", 48),
    (r"tom ?toms?|toms?\b|hi(gh)? tom", 50),
    (r"chinese|china", 52),
    (r"ride bell", 53),
    (r"ride", 51),
    (r"splash", 55),
    (r"crash 2", 57),
    (r"tambourine|tambourin|schellentrommel|tamburello|tambour de basque|tamb\b", 54),
    (r"(agogo|alpine)", 67),
    (r"cow ?bell|kuhglocke|herdenglocke|cencerro", 56),
    (r"vibra ?slap|quijada", 58),
    (r"suspended|crash|cymbal|becken|cymbale|piatt|cymb?\b", 49),
    (r"tam ?tam|gong", 52),
    (r"(hi(gh)?|small) bongo", 60),
    (r"bongo", 61),
    (r"muted? (hi(gh)? )?conga", 62),
    (r"(low conga|tumba)", 64),
    (r"conga", 63),
    (r"low timbale", 66),
    (r"timbale", 65),
    (r"cabasa|afuche|shekere", 69),
    (r"maraca|shaker|egg\b", 70),
    (r"whistle|pfeife|fischietto|sifflet", 72),
    (r"guiro|gurke|rasp", 73),
    (r"clave|holzstab", 75),
    (r"low (wood ?block|temple ?block)", 77),
    (r"wood ?block|temple ?block|holzblock|tempelblock|wooden|bloc", 76),
    (r"castanet|kastagnette|nacchere|castagnette", 85),
    (r"cuica", 79),
    (r"mute triangle", 80),
    (r"triangle|triangel|triangolo|tri\b|trgl\b", 81),
    (r"sleigh|jingle|schellen|sonagli|grelots", 83),
    (r"bell tree|wind chime|mark tree", 84),
    (r"surdo", 87),
    (r"whip|slap ?stick|peitsche|frusta|fouet", 39),
)
# Steps above the lowest line of five, E4 in a treble clef, 0. Those between are the nearest below.
_PLACES = {-1: 44, 0: 35, 1: 36, 2: 41, 3: 43, 4: 45, 5: SNARE, 6: 47, 7: 50, 8: 51, 9: 42, 10: 49, 11: 57}


def key_of(name: str) -> int | None:
    """Return the key, 27 to 87, that an instrument's name stands for; None for an unknown one, such as a whole kit."""
    words = plain_words(name)
    return next((key for names, key in _NAMES if re.search(rf"\b(?:{names})", words)), None)


def key_at(place: int, head: str = "", lines: int = 5) -> int:
    """Return the key of a note on a staff of ``lines``: ``place`` in steps above the lowest line, with a ``head`` of this shape."""
    if lines < 5:  # of an instrument that nobody named
        return SNARE
    key = _PLACES[min(max(place, min(_PLACES)), max(_PLACES))]
    return SIDE_STICK if key == SNARE and head in CROSSES else key


def read_kit(path: Path) -> tuple[tuple[int, int], ...]:
    """Return pairs of keys, a kit's own and General MIDI's, of a YAML file that says which drum, by its name or its key, each key is.

    Keys are numbers, or names such as C1. Raises UsageError, which names the file and the entry.
    """
    from engine.base.configuration import read_yaml  # pydantic takes a tenth of a second to import

    pairs = []
    for own, drum in read_yaml(path).items():
        key, meant = _key_named(own), _key_named(drum)
        meant = key_of(str(drum)) if meant is None else meant
        if key is None or meant is None:
            raise UsageError(f"{str(path)!r}: got '{own}: {drum}', expected a key and its drum, as in 'C1: kick' or '24: 36'")
        pairs.append((key, meant))
    return tuple(pairs)


def _key_named(given: object) -> int | None:
    """Return the key of a number from 0 to 127, or of a name with middle C as C4; None for anything else."""
    if isinstance(given, int):
        return given if 0 <= given <= 127 and not isinstance(given, bool) else None
    try:
        keys = parse_keys(str(given), "--kit")
    except UsageError:
        return None
    return min(keys) if len(keys) == 1 else None
