"""Fit performance-direction classifiers on style latents: ``python -m training.score_performer_classifiers CHECKPOINT --data FOLDER``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import typer
from torch import Tensor
from torch.nn import functional

from engine.commands.errors import run
from models.score_performer.classifiers import StyleClassifiers, balanced_weights
from models.score_performer.style import style_of
from training.score_performer import ScorePerformerTask, load_task
from training.score_performer_directions import DIRECTIONS, direction_labels
from training.score_performer_pieces import TokenPiece, load_pieces, load_scores
from training.score_performer_windows import batch_of, padded, performed, window_of, window_rows

STEPS, NOTES_A_BATCH, LEARNING_RATE = 600, 4096, 0.01
FEWEST_NOTES, FEWEST_PIECES = 100, 3  # with fewer examples to be judged by, a figure means nothing

app = typer.Typer(add_completion=False)


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


def collect(
    task: ScorePerformerTask, pieces: Sequence[TokenPiece], labels: Sequence[np.ndarray], windows_each: int, seed: int
) -> LabelledStyles:
    """Encode windows at random places of every performance."""
    random, length = np.random.default_rng(seed), task.config.windows.notes
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for index, (piece, of_piece) in enumerate(zip(pieces, labels, strict=True)):
        for tokens in piece.performances:
            last = max(int(performed(tokens).sum()) - length, 0)
            starts = random.integers(0, last + 1, windows_each)
            batch = batch_of([padded(window_of(piece, tokens, start, length, deadpan=False), length) for start in starts])
            with torch.no_grad():
                style = style_of(task.network.encode_style(batch["tokens"], batch["segments"], batch["valid"]))[batch["valid"]]
            rows = np.concatenate([window_rows(tokens, start, length) for start in starts])
            found.append((style, torch.from_numpy(of_piece[rows]), torch.full((len(rows),), index)))
    return LabelledStyles(*(torch.cat(parts) for parts in zip(*found, strict=True)))


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


@app.command()
def main(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint of perf-train; the classifiers are written beside it")],
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked corpus")],
    windows: Annotated[int, typer.Option("--windows", min=1, help="windows of each performance")] = 2,
) -> None:
    """Fit the classifiers on the train split and print how well they do on the validation split."""
    task, cache = load_task(checkpoint), checkpoint.parent.parent
    examples = {}
    for split in ("train", "validation"):
        labels = [direction_labels(score) for score in load_scores(data, split, cache)]
        examples[split] = collect(task, load_pieces(data, split, cache), labels, windows, seed=0)
    classifiers = fit(examples["train"])
    torch.save(classifiers.state_dict(), checkpoint.with_name("classifiers.pt"))
    print(f"{'direction':16}{'accuracy':>10}{'prior':>8}{'balanced':>10}{'chance':>8}  too few examples")
    for index, (name, found) in enumerate(judge(classifiers, examples["validation"]).items()):
        chance = 1 / np.count_nonzero(found.notes)
        few = ", ".join(too_few(found, index)) or "-"
        print(f"{name:16}{found.accuracy:10.3f}{found.prior:8.3f}{found.balanced:10.3f}{chance:8.3f}  {few}")


if __name__ == "__main__":
    sys.exit(run(app, "training.score_performer_classifiers"))
