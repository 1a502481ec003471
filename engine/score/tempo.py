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
    texts = [word.text for word in score.words if word.onset_quarter <= AT_THE_BEGINNING_QUARTERS]
    return _beats_a_minute(" ".join(texts)) * _beat_quarters(score) ** (1 - BEAT_EXPONENT)


def tempo_at(score: Score, onset_quarter: np.ndarray) -> np.ndarray:
    """Return quarters a minute (N,) at positions: as notated, or the default tempo throughout."""
    if not len(score.tempos):
        return np.full(len(onset_quarter), default_tempo(score))
    index = np.searchsorted(score.tempos["onset_quarter"], onset_quarter + 1e-6, side="right") - 1
    return score.tempos["quarters_per_minute"][np.maximum(index, 0)]


def _beats_a_minute(text: str) -> float:
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z]+", plain)
    tempo = next((beats for names, beats in TEMPO_WORDS if not set(names.split()).isdisjoint(words)), DEFAULT_BEATS_A_MINUTE)
    said = f" {' '.join(words)} "
    for phrase, factor in MODIFIERS:
        if f" {phrase} " in said:
            tempo *= factor
    return tempo


def _beat_quarters(score: Score) -> float:
    if not len(score.time_signatures):
        return 1.0
    _, beats, beat_type = score.time_signatures[0].item()
    return 4 / beat_type * (3 if beats > 3 and beats % 3 == 0 else 1)
