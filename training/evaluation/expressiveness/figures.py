"""``perf-eval expressiveness``: performances of held-out scores beside humans' and beside the score as written, by piece and overall."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product

import numpy as np

from engine.score.piece import Piece
from models.performance.representation import Performed
from training.evaluation.expressiveness.classic_attributes import Attributes, compare_with_all, measure_attributes
from training.evaluation.expressiveness.pieces import HeldOutPiece, Presentation, as_written, with_constant_velocity
from training.metrics.expressiveness import (
    DISTRIBUTIONS,
    Curves,
    correlate,
    count_values,
    distances,
    each_with_others,
    jensen_shannon_distance,
    levels,
    mean_curves,
    mean_of,
    measure_amounts,
    measure_curves,
    one_against_others,
    one_with_another,
    overlap,
)
from training.metrics.pedal_gestures import Gestures, compare_gestures, find_gestures, measure_gestures

Render = Callable[[Piece, int | None], Performed]  # the mean rendering of a score (None), or one sampled with a seed
Figures = dict[str, float]
Histograms = dict[str, np.ndarray]

HUMANS = "humans"
HUMAN_DRAWS = 5  # as many times a human of each piece stands for a renderer of all


@dataclass(frozen=True)
class Measured:
    """All that is measured of a performance alone."""

    curves: Curves
    amounts: Figures
    histograms: Histograms
    attributes: Attributes
    gestures: Gestures


@dataclass(frozen=True)
class Row:
    """One way to perform a piece, or the humans' (each against the others).

    ``figures`` by group: "correlation" with the humans' mean, "with_one_human", "amount", "attributes", the pedal's "gesture", the "level"
    above the humans' mean, by how much that is missed (root mean square: "level_error") and, of several performances, how far "apart" they
    are. ``histograms``: each performance's own, and the mean of those of the humans that it is compared with.
    """

    figures: dict[str, Figures]
    histograms: list[tuple[Histograms, Histograms]]


def measure(piece: HeldOutPiece, performed: Performed) -> Measured:
    curves = measure_curves(piece.notes, piece.beats, performed)
    attributes, gestures = measure_attributes(piece.score, performed), find_gestures(piece.notes, performed)
    return Measured(curves, measure_amounts(performed, curves), count_values(performed), attributes, gestures)


def evaluate_piece(piece: HeldOutPiece, render: Render | None, seeds: Sequence[int]) -> dict[str, Row]:
    """Return the rows of a piece: humans, each presentation as written, with constant velocity where it is written otherwise, and, with
    ``render``, its mean rendering and its samples.
    """
    humans = [measure(piece, human) for human in piece.humans]
    rows = {HUMANS: human_row(humans)}

    def row(shown: Presentation, performances: Sequence[Performed]) -> Row:
        return performed_row([measure(piece, piece.performed(shown, each)) for each in performances], humans)

    for kind, shown in piece.presentations.items():
        written = as_written(shown.piece.score)
        rows[f"{kind}, as written"] = row(shown, [written])
        if np.ptp(written.velocity):
            rows[f"{kind}, constant velocity"] = row(shown, [with_constant_velocity(written)])
        if render is not None:
            rows[f"{kind}, mean"] = row(shown, [render(shown.piece, None)])
        if render is not None and seeds:
            rows[f"{kind}, sampled"] = row(shown, [render(shown.piece, seed) for seed in seeds])
    return rows


def human_row(humans: Sequence[Measured]) -> Row:
    curves = [human.curves for human in humans]
    after = [*humans[1:], humans[0]]
    figures = {
        "correlation": one_against_others(curves),
        "with_one_human": one_with_another(curves),
        "amount": mean_of([human.amounts for human in humans]),
        **_levels([levels(one, others) for one, others in each_with_others(curves)]),
        "apart": mean_of([distances(a, b) for a, b in combinations(curves, 2)]),
        "attributes": mean_of([compare_with_all(a.attributes, [b.attributes]) for a, b in zip(humans, after, strict=True)]),
        "gesture": _gestures(permutations(humans, 2), humans),
    }
    others = [[human for human in humans if human is not each] for each in humans]
    return Row(figures, [(each.histograms, _mean_histograms(rest)) for each, rest in zip(humans, others, strict=True)])


def performed_row(performances: Sequence[Measured], humans: Sequence[Measured]) -> Row:
    """Return the row of one or several performances, whose figures are averaged."""
    curves = [human.curves for human in humans]
    mean = mean_curves(curves)
    attributes = [human.attributes for human in humans]
    figures = {
        "correlation": mean_of([correlate(each.curves, mean) for each in performances]),
        "with_one_human": mean_of([correlate(each.curves, human) for each in performances for human in curves]),
        "amount": mean_of([each.amounts for each in performances]),
        "attributes": mean_of([compare_with_all(each.attributes, attributes) for each in performances]),
        "gesture": _gestures(product(performances, humans), performances),
        **_levels([levels(each.curves, mean) for each in performances]),
    }
    if len(performances) > 1:
        figures["apart"] = mean_of([distances(a.curves, b.curves) for a, b in combinations(performances, 2)])
    of_humans = _mean_histograms(humans)
    return Row(figures, [(each.histograms, of_humans) for each in performances])


def _gestures(pairs: Iterable[tuple[Measured, Measured]], performances: Sequence[Measured]) -> Figures:
    compared = [compare_gestures(one.gestures, other.gestures) for one, other in pairs]
    return mean_of(compared) | mean_of([measure_gestures(each.gestures) for each in performances])


def _levels(found: Sequence[Figures]) -> dict[str, Figures]:
    squares = mean_of([{name: value**2 for name, value in row.items()} for row in found])
    return {"level": mean_of(found), "level_error": {name: value**0.5 for name, value in squares.items()}}


def _mean_histograms(measured: Sequence[Measured]) -> Histograms:
    return {name: np.mean([each.histograms[name] for each in measured], axis=0) for name in DISTRIBUTIONS}


def summarise(pieces: Sequence[dict[str, Row]]) -> dict[str, dict[str, Figures]]:
    """Return the figures of each row over pieces: groups of the rows as means, and compared with humans:

    "amount_ratio", of the mean amounts; "distance" and "overlap" of the histograms of all pieces together, each piece with the weight
    of its notes; "share_of_human", of the correlation with one human; "apart_ratio". Rows are over the pieces that have them, and are
    compared with the humans of those.
    """
    summary = {}
    for label in dict.fromkeys(label for piece in pieces for label in piece):
        having = [piece for piece in pieces if label in piece]
        own, human = ([piece[name] for piece in having] for name in (label, HUMANS))
        mean, of_humans = ({group: mean_of([row.figures[group] for row in rows]) for group in rows[0].figures} for rows in (own, human))
        mean["amount_ratio"] = _ratio(mean["amount"], of_humans["amount"])
        mean["share_of_human"] = _ratio(mean["with_one_human"], of_humans["with_one_human"])
        if "apart" in mean:
            mean["apart_ratio"] = _ratio(mean["apart"], of_humans["apart"])
        summary[label] = mean | _compare_histograms([row.histograms for row in own])
    return summary


def _ratio(mine: Figures, humans: Figures) -> Figures:
    return {name: mine[name] / humans[name] if humans[name] else float("nan") for name in mine}


def _compare_histograms(rows: Sequence[list[tuple[Histograms, Histograms]]]) -> dict[str, Figures]:
    """Return "distance" and "overlap" of all pieces' histograms together, the mean over draws of one performance of each piece."""
    draws = []
    for draw in range(min(max(len(row) for row in rows), HUMAN_DRAWS)):
        chosen = [row[draw % len(row)] for row in rows]
        draws.append([{name: np.sum([pair[side][name] for pair in chosen], axis=0) for name in DISTRIBUTIONS} for side in (0, 1)])
    functions = {"distance": jensen_shannon_distance, "overlap": overlap}
    return {
        group: mean_of([{name: function(mine[name], humans[name]) for name in DISTRIBUTIONS} for mine, humans in draws])
        for group, function in functions.items()
    }
