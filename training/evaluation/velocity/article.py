"""``perf-eval velocity --model RUN/best.ckpt``: the velocity article's network on held-out performances, free-running, beside simple
baselines that get the same coarse hint.
"""

from pathlib import Path

import numpy as np
import torch

from models.velocity.article_decoding import choose, predict_velocities
from models.velocity.article_network import ArticleNetwork
from models.velocity.article_representation import (
    VELOCITY_EDGES,
    bracket,
    encode_notes,
    encode_velocities,
    velocity_bins,
    windows,
)
from training.metrics.velocity import VelocityMetrics, velocity_metrics
from training.velocity.article import READERS, load_task

FILTER_WEIGHT = 0.2  # of the newest velocity in the exponential average
BATCH_TAKES = 64


def excerpts(note_tables: list[np.ndarray], longest: int, seed: int, tables: int | None = None) -> list[np.ndarray]:
    """Return ``longest`` notes in a row, from a seeded random place, of each table (the whole table where it is shorter).

    ``tables`` keeps a seeded random choice of so many tables, in their order.
    """
    rng = np.random.default_rng(seed)
    kept = np.sort(rng.permutation(len(note_tables))[:tables])
    note_tables = [note_tables[index] for index in kept]
    firsts = [rng.integers(max(len(notes) - longest, 0) + 1) for notes in note_tables]
    return [notes[first : first + longest] for notes, first in zip(note_tables, firsts, strict=True)]


def bin_medians(velocities: np.ndarray) -> np.ndarray:
    """Return the median velocity in each of the three coarse bins, [3]."""
    bins = velocity_bins(velocities)
    return np.array([np.median(velocities[bins == number]) for number in range(len(VELOCITY_EDGES))])


def filter_in_bins(velocities: np.ndarray, medians: np.ndarray) -> np.ndarray:
    """Predict each velocity by the exponential average of the true ones before it in the same bin. Teacher-forced by nature."""
    averages = medians.astype(float)
    predicted = np.empty(len(velocities))
    for index, (velocity, number) in enumerate(zip(velocities, velocity_bins(velocities), strict=True)):
        predicted[index] = averages[number]
        averages[number] += FILTER_WEIGHT * (velocity - averages[number])
    return predicted


@torch.inference_mode()
def predict_teacher_forced(network: ArticleNetwork, notes: np.ndarray) -> np.ndarray:
    """Return the likeliest velocity of each note given the true velocities before it, window by window as in free running."""
    network.eval()
    sources, targets = encode_notes(notes), encode_velocities(notes["velocity"])
    parts = []
    for first, length, committed in windows(len(notes)):
        source = torch.from_numpy(bracket(sources[first : first + length])).long()[None]  # [1, S]
        target = torch.from_numpy(bracket(targets[first : first + length])).long()[None]
        chosen = choose(network(source, target[:, :-1]), temperature=0)[0].numpy()  # [length + 1], the last stands for </s>
        parts.append(chosen[committed:length])
    return np.concatenate(parts)


def predict_free_running(network: ArticleNetwork, tables: list[np.ndarray], temperature: float, seed: int) -> list[np.ndarray]:
    generator = torch.Generator().manual_seed(seed)
    sources = [encode_notes(notes) for notes in tables]
    predicted: list[np.ndarray] = []
    for first in range(0, len(sources), BATCH_TAKES):
        predicted += predict_velocities(network, sources[first : first + BATCH_TAKES], temperature, generator)
    return predicted


def evaluate(network: ArticleNetwork, train_velocities: np.ndarray, tables: list[np.ndarray], seed: int) -> dict[str, VelocityMetrics]:
    """Return the figures of every row of the table on the excerpts ``tables``; the baselines are fitted on ``train_velocities``."""
    medians, median = bin_medians(train_velocities), np.median(train_velocities)
    performed = [notes["velocity"] for notes in tables]
    rows = {
        "constant": [np.full(len(velocities), median) for velocities in performed],
        "bin medians": [medians[velocity_bins(velocities)] for velocities in performed],
        f"average ({FILTER_WEIGHT}) in the bin, teacher-forced": [filter_in_bins(velocities, medians) for velocities in performed],
        "network, teacher-forced": [predict_teacher_forced(network, notes) for notes in tables],
        "network, free-running": predict_free_running(network, tables, 0.0, seed),
        "network, free-running, temperature 1": predict_free_running(network, tables, 1.0, seed),
    }
    return {name: velocity_metrics(predicted, performed) for name, predicted in rows.items()}


def evaluate_checkpoint(
    checkpoint: Path, data: Path, longest: int, performances: int | None, seed: int
) -> dict[str, dict[str, VelocityMetrics]]:
    """Return a table of an article network's figures on validation performances of the corpus that it was trained on, by its title.

    ``longest`` and ``performances`` as of ``excerpts``. Raises PerfLiveError for what is no checkpoint of such a run.
    """
    task = load_task(checkpoint)
    read = READERS[task.config.dataset]
    train_velocities = np.concatenate([performance.notes["velocity"] for performance in read(data, "train")])
    played = [performance.notes for performance in read(data, "validation") if len(performance.notes)]
    tables = excerpts(played, longest, seed, performances)
    title = f"{len(tables)} performances, {sum(map(len, tables))} notes, three-bin hint"
    return {title: evaluate(task.network, train_velocities, tables, seed)}
