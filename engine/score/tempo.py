"""The tempo of a score: what it notates, or what its tempo word usually means when it has no metronome mark."""

import re
import unicodedata

import numpy as np

from engine.score.tables import Score

# Beats a minute in x/4, by the words of the language that composers use and of others; the first line of which a word is found counts.
TEMPO_WORDS: tuple[tuple[str, float], ...] = (
    ("larghetto adagietto", 58),
    ("andantino", 76),
    ("allegretto", 104),
    ("prestissimo", 188),
    ("larghissimo grave largo breit", 44),
    ("adagio lento langsam lent", 50),
    ("andante gehend", 66),
    ("allegro schnell lebhaft vite anime bewegt", 126),
    ("vivace vivacissimo vivo vif rasch", 144),
    ("presto", 168),
    ("moderato massig modere comodo maestoso", 92),
)
# What is said besides, and how it changes the tempo; phrases of a few words.
MODIFIERS: tuple[tuple[str, float], ...] = (
    ("non troppo", 0.92),
    ("non tanto", 0.92),
    ("allegro moderato", 0.9),
    ("allegro maestoso", 0.92),
    ("sostenuto", 0.92),
    ("con moto", 1.1),
    ("con brio", 1.1),
    ("con fuoco", 1.15),
    ("allegro vivace", 1.1),
    ("allegro molto", 1.15),
    ("molto allegro", 1.15),
    ("allegro assai", 1.15),
    ("adagio molto", 0.85),
    ("molto adagio", 0.85),
    ("sehr langsam", 0.85),
)
DEFAULT_BEATS_A_MINUTE = 96.0  # of a score that says nothing
BEAT_EXPONENT = 0.5  # a beat of twice the length is taken at 1 / sqrt(2) of the beats a minute
AT_THE_BEGINNING_QUARTERS = 2.0  # words further on are about what comes later


def default_tempo(score: Score) -> float:
    """Return the quarters a minute that the tempo word at the beginning stands for, with regard to the metre's beat.

    The beat is a dotted note in 6/8, 9/8, 12/8 and the like, else the denominator's. Longer beats are slower and shorter ones faster, but
    not as much as the notes' lengths: Andante in 6/8 is slower by the bar than in 3/4, and Allegro in 2/2 not twice Allegro in 2/4.
    """
    beats_a_minute = _beats_a_minute(_first_words(score), DEFAULT_BEATS_A_MINUTE) or DEFAULT_BEATS_A_MINUTE
    return beats_a_minute * beat_quarters(score, 0.0) ** (1 - BEAT_EXPONENT)


def moderate_tempo(score: Score) -> float:
    """Return the quarters a minute of a moderate beat in the metre at the beginning, whatever words say."""
    return DEFAULT_BEATS_A_MINUTE * beat_quarters(score, 0.0) ** (1 - BEAT_EXPONENT)


def word_tempo(score: Score, text: str, onset_quarter: float) -> float | None:
    """Return the quarters a minute that words stand for at a position; None where none of them is a tempo word."""
    beats_a_minute = _beats_a_minute(text, None)
    return beats_a_minute and beats_a_minute * beat_quarters(score, onset_quarter) ** (1 - BEAT_EXPONENT)


def says_a_word(score: Score) -> bool:
    """Return whether a tempo word stands at the beginning."""
    return word_tempo(score, _first_words(score), 0.0) is not None


def _first_words(score: Score) -> str:
    return " ".join(word.text for word in score.words if word.onset_quarter <= AT_THE_BEGINNING_QUARTERS)


def tempo_at(score: Score, onset_quarter: np.ndarray) -> np.ndarray:
    """Return quarters a minute (N,) at positions: as notated, or the default tempo throughout."""
    if not len(score.tempos):
        return np.full(len(onset_quarter), default_tempo(score))
    index = np.searchsorted(score.tempos["onset_quarter"], onset_quarter + 1e-6, side="right") - 1
    return score.tempos["quarters_per_minute"][np.maximum(index, 0)]


def _beats_a_minute(text: str, default: float | None) -> float | None:
    """Return the beats a minute, in x/4, that words stand for; with ``default`` where none of them is a tempo word."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z]+", plain)
    tempo = next((beats for names, beats in TEMPO_WORDS if not set(names.split()).isdisjoint(words)), default)
    said = f" {' '.join(words)} "
    for phrase, factor in MODIFIERS:
        if tempo and f" {phrase} " in said:
            tempo *= factor
    return tempo


def beat_quarters(score: Score, onset_quarter: float) -> float:
    """Return the quarters of a beat of the metre at a position: a dotted note in 6/8 and the like, else the denominator's."""
    signatures = score.time_signatures
    if not len(signatures):
        return 1.0
    index = int(np.searchsorted(signatures["onset_quarter"], onset_quarter + 1e-6, side="right")) - 1
    _, beats, beat_type = signatures[max(index, 0)].item()
    return 4 / beat_type * (3 if beats > 3 and beats % 3 == 0 else 1)
