"""What listeners say of a human, of ours and of the score as written, with how sure one can be of it."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from training.evaluation.listening.answers import Results

DRAWS, INSIDE = 2000, 95  # of the bootstrap; per cent of its draws that are in an interval


class Estimate(NamedTuple):
    """A mean, and between which INSIDE per cent of its draws lie."""

    mean: float
    low: float
    high: float


class Taken(NamedTuple):
    """How often a source was taken for the human: ``times`` of all, its share, the interval of that (Clopper and Pearson, 1934), and how
    likely one as far from chance is by chance (binomial test, two-sided).
    """

    times: int
    share: float
    low: float
    high: float
    by_chance: float


class Figures(NamedTuple):
    """``ratings`` and ``differences`` by question and source, or pair of sources; ``taken`` by source.

    ``agreement`` by question is Krippendorff's alpha, None of a single listener; ``confidence`` that of right and of wrong guesses.
    """

    listeners: int
    excerpts: int
    chance: float
    ratings: dict[str, dict[str, Estimate]]
    differences: dict[str, dict[str, Estimate]]
    taken: dict[str, Taken]
    agreement: dict[str, float | None]
    confidence: dict[str, float | None]


def analyse(results: Results, human: str) -> Figures:
    """Return the figures; ``human`` is the source that is one."""
    listeners, excerpts = results.person.shape
    sources, chance = results.sources, 1 / len(results.sources)
    pairs = list(combinations(range(len(sources)), 2))
    ratings, differences = {}, {}
    for question, values in results.ratings.items():
        ratings[question] = dict(zip(sources, estimate(values), strict=True))
        found = estimate(np.stack([values[:, :, one] - values[:, :, other] for one, other in pairs], axis=2))
        differences[question] = {f"{sources[one]} - {sources[other]}": each for (one, other), each in zip(pairs, found, strict=True)}
    right = results.person == sources.index(human)
    return Figures(
        listeners,
        excerpts,
        chance,
        ratings,
        differences,
        {source: taken(int((results.person == index).sum()), listeners * excerpts, chance) for index, source in enumerate(sources)},
        {question: agreement(values) for question, values in results.ratings.items()},
        {name: float(results.confidence[which].mean()) if which.any() else None for name, which in (("right", right), ("wrong", ~right))},
    )


def estimate(values: np.ndarray) -> list[Estimate]:
    """Return the means over listeners and excerpts of ``values`` (L, E, columns).

    Intervals are by bootstrap over both at once (percentiles): listeners and excerpts are drawn, each answer counts as often as both were.
    """
    random = np.random.default_rng(0)
    weights = [random.multinomial(size, np.full(size, 1 / size), DRAWS) / size for size in values.shape[:2]]
    draws = np.einsum("dl,de,lec->dc", *weights, values, optimize=True)
    low, high = np.percentile(draws, [(100 - INSIDE) / 2, (100 + INSIDE) / 2], axis=0)
    rows = zip(values.mean(axis=(0, 1)).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(*row) for row in rows]


def taken(times: int, trials: int, chance: float) -> Taken:
    test = binomtest(times, trials, chance)
    interval = test.proportion_ci(INSIDE / 100, method="exact")
    return Taken(times, times / trials, float(interval.low), float(interval.high), float(test.pvalue))


def agreement(values: np.ndarray) -> float | None:
    """Return Krippendorff's alpha of ratings (L, E, S), interval metric, where all have rated all: 1 agree, 0 as if at random.

    The mean squared difference within a clip beside that of any two ratings (Krippendorff, "Computing Krippendorff's
    Alpha-Reliability", 2011). None of a single listener, and where all ratings are the same.
    """
    spread = values.var(ddof=1) if values.size > 1 else 0.0
    if len(values) < 2 or not spread:
        return None
    return float(1 - values.var(axis=0, ddof=1).mean() / spread)
