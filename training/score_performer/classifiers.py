"""Performance-direction classifiers, fitted on styles and judged."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.score_performer.classifiers import StyleClassifiers, balanced_weights
from training.score_performer.directions import DIRECTIONS

STEPS, NOTES_A_BATCH, LEARNING_RATE = 600, 4096, 0.01
FEWEST_NOTES, FEWEST_PIECES = 100, 3  # with fewer examples to be judged by, a figure means nothing


class LabelledStyles(NamedTuple):
    """``styles`` [M, style_width], ``labels`` [M, directions], ``pieces`` [M], which piece each is from."""

    styles: Tensor
    labels: Tensor
    pieces: Tensor


class DirectionFigures(NamedTuple):
    """Shares of notes; ``balanced`` is the mean over the classes that occur, of which guessing without looking has ``1 / classes``.

    ``notes`` and ``pieces`` of validation by class, the first for none.
    """

    accuracy: float
    prior: float
    balanced: float
    notes: list[int]
    pieces: list[int]


def fit(examples: LabelledStyles, seed: int = 0) -> StyleClassifiers:
    """Return classifiers for DIRECTIONS."""
    torch.manual_seed(seed)
    classifiers = StyleClassifiers(examples.styles.shape[-1], [len(direction.classes) for direction in DIRECTIONS])
    sizes = [1 + len(direction.classes) for direction in DIRECTIONS]
    weights = [balanced_weights(torch.bincount(examples.labels[:, index], minlength=size)) for index, size in enumerate(sizes)]
    optimizer = torch.optim.Adam(classifiers.parameters(), lr=LEARNING_RATE)
    for _ in range(STEPS):
        chosen = torch.randint(len(examples.styles), (NOTES_A_BATCH,))
        logits = classifiers(examples.styles[chosen])
        losses = [functional.cross_entropy(each, examples.labels[chosen, i], weights[i]) for i, each in enumerate(logits)]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
    return classifiers.eval()


def judge(classifiers: StyleClassifiers, examples: LabelledStyles) -> dict[str, DirectionFigures]:
    """Return the figures of each direction."""
    with torch.no_grad():
        guesses = torch.stack([logits.argmax(-1) for logits in classifiers(examples.styles)], -1)
    found = {}
    for index, direction in enumerate(DIRECTIONS):
        label, right = examples.labels[:, index], guesses[:, index] == examples.labels[:, index]
        members = [label == each for each in range(1 + len(direction.classes))]
        notes = [int(each.sum()) for each in members]
        recall = [right[each].float().mean().item() for each in members if each.any()]
        pieces = [len(examples.pieces[each].unique()) for each in members]
        found[direction.name] = DirectionFigures(
            right.float().mean().item(), max(notes) / len(label), float(np.mean(recall)), notes, pieces
        )
    return found


def too_few(figures: DirectionFigures, direction: int) -> list[str]:
    """Return the classes of a direction with too few examples to be judged by."""
    counts = zip(DIRECTIONS[direction].classes, figures.notes[1:], figures.pieces[1:], strict=True)
    return [name for name, notes, pieces in counts if notes < FEWEST_NOTES or pieces < FEWEST_PIECES]
