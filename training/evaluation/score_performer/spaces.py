"""``perf-eval score-performer``: the styles of human performances, projected level by level, with the directions that their scores have."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from engine.base.files import whole_file
from engine.base.matplotlib_loader import load_matplotlib
from engine.output.picture_page import ACCENT, INK
from engine.performers.score_performer.networks import Networks
from engine.performers.score_performer.reference import reference_styles
from engine.score.tables import Score
from models.score_performer.style_space import LEVEL_NAMES, StyleSpace
from training.score_performer.classifiers import FEWEST_NOTES, FEWEST_PIECES, LabelledStyles
from training.score_performer.data import TokenPiece
from training.score_performer.directions import DIRECTIONS, direction_labels
from training.score_performer.fits import QUALITIES, measure_qualities
from training.score_performer.windows import performed

MOST_POINTS = 4000  # of a level
SHORTEST_ARROW = 0.3  # deviations


class StyledNotes(NamedTuple):
    """By note of all performances: ``styles`` (M, W), ``segments`` (M, 4), of the whole, bar, beat and onset, each counted on from piece to
    piece; ``qualities`` (M, 3), ``labels`` (M, directions), and ``pieces`` (M,), the index of the piece.
    """

    styles: np.ndarray
    segments: np.ndarray
    qualities: np.ndarray
    labels: np.ndarray
    pieces: np.ndarray

    def labelled(self) -> LabelledStyles:
        return LabelledStyles(torch.from_numpy(self.styles).float(), torch.from_numpy(self.labels), torch.from_numpy(self.pieces))


def read_pieces(networks: Networks, pieces: Iterable[tuple[TokenPiece, Score]]) -> StyledNotes:
    """Return the styles of one human performance of each piece."""
    found: list[tuple[np.ndarray, ...]] = []
    counted = np.zeros(len(LEVEL_NAMES), dtype=np.int64)
    for index, (piece, score) in enumerate(pieces):
        tokens = piece.performances[0].astype(np.int64)
        rows = performed(tokens)
        styles = reference_styles(networks.read_style, tokens[rows], piece.segments[rows])
        levels = np.hstack([np.zeros((int(rows.sum()), 1), dtype=np.int64), piece.segments[rows]])
        qualities = measure_qualities(tokens[rows], np.unique(levels[:, -1], return_inverse=True)[1])
        found.append((styles, levels + counted, qualities, direction_labels(score)[rows], np.full(len(styles), index)))
        counted += levels.max(axis=0) + 1
    return StyledNotes(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def draw_spaces(path: Path, notes: StyledNotes, space: StyleSpace, title: str) -> None:
    """Write a PNG: of each level of several latents the first two principal components of its segments', coloured by what they go with
    most; where notes under each direction of the scores lie on average; and which way louder, faster and longer is.
    """
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 13), dpi=110, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    levels = [level for level, count in enumerate(space.latents) if count > 1]
    for level, axes in zip(levels, figure.subplots(2, 2).flat, strict=False):
        _draw_level(figure, axes, notes, space, level)
    figure.suptitle(title, fontsize=15, color=INK, x=0.02, ha="left")
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _draw_level(figure: Any, axes: Any, notes: StyledNotes, space: StyleSpace, level: int) -> None:
    columns = space.columns(level)
    projection = np.linalg.pinv(space.components[columns, columns][:2])  # (D, 2): deviations along the first two components
    placed = (notes.styles - space.mean)[:, columns] @ projection
    first = np.unique(notes.segments[:, level], return_index=True)[1]
    points = first[np.linspace(0, len(first) - 1, min(MOST_POINTS, len(first))).astype(int)]
    correlations = np.corrcoef(np.hstack([placed, notes.qualities]).T)[:2, 2:]
    strongest = int(np.abs(correlations).max(axis=0).argmax())
    values = notes.qualities[points, strongest]
    low, high = np.percentile(notes.qualities[:, strongest], (5, 95))
    dots = axes.scatter(*placed[points].T, c=values, vmin=low, vmax=high, s=9, cmap="viridis", alpha=0.5, linewidths=0)
    figure.colorbar(dots, ax=axes, label=QUALITIES[strongest]).outline.set_visible(False)
    for name, place in _direction_means(placed, notes):
        axes.plot(*place, marker="o", color=INK, markersize=4)
        axes.annotate(name, place, xytext=(4, 4), textcoords="offset points", fontsize=9, color=INK, fontstyle="italic")
    for quality in QUALITIES:
        end = 2 * space.moves[quality][columns] @ projection
        if np.linalg.norm(end) < SHORTEST_ARROW:
            continue
        axes.annotate("", end, (0, 0), arrowprops={"arrowstyle": "->", "color": ACCENT, "linewidth": 2})
        axes.annotate(quality, end, color=ACCENT, fontsize=11, fontweight="bold")
    reach = np.percentile(np.abs(placed[points]), 99, axis=0) + 0.3
    axes.set_xlim(-reach[0], reach[0])
    axes.set_ylim(-reach[1], reach[1])
    axes.set_title(f"{LEVEL_NAMES[level]}: {len(first)} segments", loc="left", color=INK)
    axes.spines[["top", "right"]].set_visible(False)


def _direction_means(placed: np.ndarray, notes: StyledNotes) -> list[tuple[str, np.ndarray]]:
    """Return by class of the scores' directions where its notes lie on average, if it has enough of them."""
    means = []
    for index, direction in enumerate(DIRECTIONS):
        for label, name in enumerate(direction.classes, start=1):
            own = notes.labels[:, index] == label
            if own.sum() >= FEWEST_NOTES and len(np.unique(notes.pieces[own])) >= FEWEST_PIECES:
                means.append((name, placed[own].mean(axis=0)))
    return means
