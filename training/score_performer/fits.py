"""Learns ScorePerformer's style space from the train split: how styles move when a performance gets louder, faster or longer.

Styles of bars are regressed on loudness, pace and length, measured in the bars, all three together. A coefficient is therefore the
difference between the styles of two bars that differ in that quality alone, and a style is moved along it. The paper moves styles along the
gradients of direction classifiers (training/score_performer/classifiers.py) instead, which tell where a score has a forte; but there
performances are faster too, and the rarer directions have too few examples to be told at all. A crescendo here is loudness that grows.

Artefact: ``styles.safetensors``.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from models.score_performer.score_representation import BAR_LEVEL, ONSET_LEVEL
from models.score_performer.style import style_of
from models.score_performer.style_space import LEVEL_NAMES, StyleSpace
from models.score_performer.vocabulary import ONSET_DEVIATION, PERFORMED_DURATION, TEMPO, VELOCITY, to_values
from training.runs.checkpoints import BEST
from training.score_performer.data import TokenPiece, load_token_pieces
from training.score_performer.task import ScorePerformerTask, load_task
from training.score_performer.windows import performed, window_of
from training.stages import Outcome, Work

QUALITIES = ("loudness", "pace", "length")
UNITS = ("MIDI velocities", "octaves of the tempo", "octaves of the share of the notated duration")
DELAY = "delay"  # of an onset beside the pace of its bar
KNOBS = (4, 4, 2, 2)  # of each level, so many of the first components
FASTEST_ARRIVAL = 1 / 8  # of the expected time until an onset: sooner counts as this

STYLE_SPACE_FILE = "styles.safetensors"


class StyleSpaceConfig(BaseModel):
    """``windows`` of each performance are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["score-performer-style-space"]
    windows: int = Field(default=1, gt=0)
    seed: int = 0


class Styles(Protocol):
    """What reads the style of a performance: the network as it was trained, or the exported graphs."""

    window: int  # notes

    def read_style(self, tokens: np.ndarray, segments: np.ndarray) -> np.ndarray:
        """Return the style (N, style_width) of ``tokens`` (N, 16) of performed notes, with ``segments`` (N, 3)."""


class TrainedStyles:
    """Follows ``Styles``, for at most a window's notes."""

    def __init__(self, task: ScorePerformerTask):
        self._network = task.network
        self.window = task.config.windows.notes
        self.latents = tuple(task.config.network.latents)

    def read_style(self, tokens: np.ndarray, segments: np.ndarray) -> np.ndarray:
        within = np.stack([np.unique(column, return_inverse=True)[1] for column in segments.T], axis=1)
        notes, places = (torch.from_numpy(np.asarray(each, np.int64))[None] for each in (tokens, within))
        with torch.inference_mode():
            return style_of(self._network.encode_style(notes, places, torch.ones(1, len(tokens), dtype=torch.bool)))[0].numpy()


class StyledWindow(NamedTuple):
    """``styles`` (T, W), ``qualities`` (T, 3) and ``segments`` (T, 3) of the notes of a window of a performance."""

    styles: np.ndarray
    qualities: np.ndarray
    segments: np.ndarray


class Regression(NamedTuple):
    """``moves`` (3, W): what a deviation of each quality adds to a style; ``deviations`` (3,); ``explained`` (3,), how much of each
    quality is read back from styles, as a share of its variance.
    """

    moves: np.ndarray
    deviations: np.ndarray
    explained: np.ndarray


def measure_qualities(tokens: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """Return the QUALITIES (T, 3) of notes ``tokens`` (T, 16), pace from the onset before; ``onsets`` (T,) counts them from 0."""
    tempo, deviation = to_values(TEMPO, tokens[:, TEMPO]), to_values(ONSET_DEVIATION, tokens[:, ONSET_DEVIATION])
    arrival = np.maximum(1 + segment_means(deviation[:, None], onsets)[onsets, 0], FASTEST_ARRIVAL)
    length = to_values(PERFORMED_DURATION, tokens[:, PERFORMED_DURATION])
    return np.stack([to_values(VELOCITY, tokens[:, VELOCITY]), np.log2(tempo / arrival), np.log2(length)], axis=1)


def segment_means(values: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Return (S, K) the means of ``values`` (T, K) over the notes of each of the segments 0 to S - 1, which ``segments`` (T,) names."""
    sums = np.zeros((int(segments.max()) + 1, values.shape[1]))
    np.add.at(sums, segments, values)
    return sums / np.bincount(segments)[:, None]


def collect_windows(networks: Styles, pieces: Sequence[TokenPiece], windows_each: int, seed: int) -> list[StyledWindow]:
    """Read the styles of windows at random places of every performance."""
    random, length = np.random.default_rng(seed), networks.window
    found = []
    for piece in pieces:
        for tokens in piece.performances:
            last = max(int(performed(tokens).sum()) - length, 0)
            for start in random.integers(0, last + 1, windows_each):
                window = window_of(piece, tokens, int(start), length, deadpan=False)
                tokens_read, segments = window["tokens"], window["segments"]
                qualities = measure_qualities(tokens_read, segments[:, ONSET_LEVEL])
                found.append(StyledWindow(networks.read_style(tokens_read, segments), qualities, segments))
    return found


def regress(windows: Sequence[StyledWindow], level: int) -> Regression:
    """Regress styles on qualities: of bars beside their windows, or of onsets beside their bars."""
    differences = [_differences(window, level) for window in windows]
    styles, qualities = (np.concatenate(each) for each in zip(*differences, strict=True))
    deviations = qualities.std(axis=0)
    moves = np.linalg.lstsq(qualities / deviations, styles, rcond=None)[0]
    back = np.linalg.lstsq(styles, qualities, rcond=None)[0]
    explained = 1 - np.square(qualities - styles @ back).sum(axis=0) / np.square(qualities).sum(axis=0)
    return Regression(moves, deviations, explained)


def _differences(window: StyledWindow, level: int) -> tuple[np.ndarray, np.ndarray]:
    bars = window.segments[:, BAR_LEVEL]
    both = []
    for values in (window.styles, window.qualities):
        means = segment_means(values, bars)
        both.append(means - means.mean(axis=0) if level == BAR_LEVEL else segment_means(values - means[bars], window.segments[:, level]))
    return both[0], both[1]


def fit_space(windows: Sequence[StyledWindow], latents: tuple[int, ...]) -> tuple[StyleSpace, Regression]:
    """Return the style space of a network with so many ``latents`` by level, and the regression of bars."""
    of_bars, of_onsets = regress(windows, BAR_LEVEL), regress(windows, ONSET_LEVEL)
    moves = dict(zip(QUALITIES, of_bars.moves, strict=True)) | {DELAY: -of_onsets.moves[QUALITIES.index("pace")]}
    styles, qualities = (np.concatenate(each) for each in list(zip(*windows, strict=True))[:2])
    meanings = {quality: f"deviations of bars, {unit}" for quality, unit in zip(QUALITIES, UNITS, strict=True)}
    components = np.zeros((sum(latents), sum(latents)))
    begin = 0
    for level, knobs, count in zip(LEVEL_NAMES, KNOBS, latents, strict=True):
        own = slice(begin, begin + count)
        found = principal_components(styles[:, own])
        for number in range(min(knobs, count)):
            correlations = _correlations(styles[:, own] @ found[number], qualities)
            strongest = int(np.abs(correlations).argmax())
            found[number] *= np.sign(correlations[strongest])
            meanings[f"{level}-{number + 1}"] = f"goes with {QUALITIES[strongest]}: {abs(correlations[strongest]):.2f}"
        components[own, own] = found
        begin += count
    deviations = dict(zip(QUALITIES, of_bars.deviations.tolist(), strict=True))
    return StyleSpace(latents, styles.mean(axis=0), components, moves, meanings, deviations), of_bars


def principal_components(latents: np.ndarray) -> np.ndarray:
    """Return (D, D) of latents (M, D) the principal components in rows, of the length of a deviation, the longest first."""
    variances, ways = np.linalg.eigh(np.atleast_2d(np.cov(latents.T)))
    return (ways * np.sqrt(np.maximum(variances, 0))).T[::-1].copy()


def _correlations(values: np.ndarray, qualities: np.ndarray) -> np.ndarray:
    """Return the correlation with each quality; 0 where one of both never changes."""
    return np.array([np.corrcoef(values, each)[0, 1] if values.std() > 0 and each.std() > 0 else 0.0 for each in qualities.T])


def fit_style_space(config: StyleSpaceConfig, work: Work) -> Outcome:
    """Learn the style space of the network that is read from the train split, and write it to ``work.folder``."""
    styles = TrainedStyles(load_task(work.read("network") / BEST))
    windows = collect_windows(styles, load_token_pieces(work.data, "train", work.cache), config.windows, config.seed)
    space, of_bars = fit_space(windows, styles.latents)
    space.save(work.folder / STYLE_SPACE_FILE)
    told = zip(QUALITIES, of_bars.explained.tolist(), strict=True)
    return Outcome(f"told by styles: {', '.join(f'{name} {share:.2f}' for name, share in told)}", (STYLE_SPACE_FILE,))
