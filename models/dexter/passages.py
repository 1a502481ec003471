"""A score as ``WindowSampler`` takes it, for what plays exported graphs and for what is fitted before there are any. NumPy only."""

from typing import Protocol

import numpy as np

from models.dexter.expression_profile import ExpressionProfile
from models.dexter.pedalling import ReadPedalling
from models.dexter.representation import Passage, SecondPrediction
from models.performance.descriptors import tonal_leans
from models.performance.features import normalise, notated_intervals, notated_octaves, note_features
from models.performance.representation import Performed, chords, encode_performance, find_anchors, strokes


class SecondReader(Protocol):
    def read(self, score_columns: np.ndarray, features: np.ndarray) -> SecondPrediction:
        """Return what is made of a piece of these score columns (N, 37) and ``note_features`` (N, F)."""


class ProfileReader(Protocol):
    def read(self, score_columns: np.ndarray, features: np.ndarray) -> ExpressionProfile:
        """Return how much expression suits a piece of these score columns (N, 37) and ``note_features`` (N, F)."""


class PedalReader(Protocol):
    def read(self, score_columns: np.ndarray, features: np.ndarray) -> ReadPedalling:
        """Return when a foot moves the pedal in a piece of these score columns (N, 37) and ``note_features`` (N, F)."""


def passage_of(
    notes: np.ndarray,
    score_columns: np.ndarray,
    second: SecondReader | None,
    profile: ProfileReader | None,
    reference: Performed | None = None,
    descriptors: np.ndarray | None = None,
    pedalling: PedalReader | None = None,
) -> Passage:
    """Return the passage of a whole score, ``notes`` and ``score_columns`` (N, 37); see ``Passage`` for what else there may be."""
    features, stroke = note_features(score_columns), strokes(notes)
    return Passage(
        features,
        tonal_leans(notes),
        reference=None if reference is None else normalise(encode_performance(notes, reference)[0], score_columns),
        descriptors=descriptors,
        second=second.read(score_columns, features) if second else None,
        profile=profile.read(score_columns, features) if profile else None,
        notated_octaves=notated_octaves(score_columns),
        shares_key=np.bincount(stroke)[stroke] > 1,
        notated_intervals=notated_intervals(notes, score_columns),
        chords=chords(notes),
        anchors=find_anchors(notes["onset_quarter"])[1],
        pedalling=pedalling.read(score_columns, features) if pedalling and reference is None else None,
    )
