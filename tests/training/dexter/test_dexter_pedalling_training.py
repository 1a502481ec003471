"""Trees that say when pianists move the pedal: from made-up pieces to a graph that the performer reads."""

from dataclasses import replace

import numpy as np
import pytest
from dexter_pieces import made_up_pieces
from stage_work import work

from engine.base.errors import PerfLiveError
from engine.onnx.model import Model
from engine.performers.dexter.pedalling import PedallingGraph
from export.command import export_verified
from export.dexter import pedalling_spec
from models.dexter.pedalling import DELAYS_S, PEDALLING, PEDALLING_FEATURES
from models.performance.features import note_features
from models.performance.representation import BEAT_PERIOD, PEDAL, REPRESENTATION_VERSION
from training.dexter import pedalling
from training.dexter.pedalling import PedallingConfig, collect, fit_pedalling, of_presentation, read_pedalling
from training.dexter.trees import Boosting

SMALL = Boosting(rounds=3, learning_rate=0.1, smallest_leaf=2, feature_share=1.0, penalty=0)


def pedalled(presentation, *performers):
    """Return the presentation at half a second a quarter, with pedal columns (4,) of each performer in all spans."""
    columns = np.repeat(presentation.columns[:1], len(performers), axis=0)
    columns[:, :, BEAT_PERIOD] = -1
    columns[:, :, PEDAL:] = np.array(performers)[:, None]
    return replace(presentation, columns=columns)


def test_shares_are_of_performers_who_move_the_pedal_within_60_ms():
    (presentation,) = made_up_pieces()[1].presentations
    onsets = np.unique(presentation.notes["onset_quarter"])
    quarters = np.diff(onsets)
    (middle, *_) = [k for k in range(1, len(quarters) - 1) if (quarters[k - 1 : k + 2] == 0.5).all()]  # a quarter of a second each
    changes = [1, 0, 0, 0.42]  # lifted at each anchor, pressed 105 ms later
    features, shares = of_presentation(pedalled(presentation, changes, [1, 1, 0, 1]))  # the second holds it down
    assert features.shape == (len(onsets), len(PEDALLING_FEATURES)) and shares.shape == (len(onsets), len(PEDALLING))
    assert DELAYS_S == (0.0, 0.04, 0.08, 0.12, 0.17, 0.23)
    assert shares[middle].tolist() == [0.5, 0.5, 0, 0, 0, 0.5, 0, 0, 0.5, 0.5, 0, 0]


def test_trees_are_fitted_exported_and_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pedalling, "load_performed_pieces", lambda data, split, cache: made_up_pieces())
    given = work(tmp_path, tmp_path / "run")
    fit_pedalling(PedallingConfig(task="dexter-pedalling", boosting=SMALL), given)
    trees = read_pedalling(given.folder)
    path = tmp_path / "dexter_pedalling.onnx"
    export_verified(pedalling_spec(trees, "0"), path, "float32")
    (presentation,) = made_up_pieces()[1].presentations
    columns = presentation.score_columns
    graph = PedallingGraph(Model(path, "dexter-pedalling", REPRESENTATION_VERSION)).read(columns, note_features(columns))
    fitted = trees.read(columns, note_features(columns))
    mean = np.zeros((len(columns), 8), np.float32)
    np.testing.assert_allclose(*(each.pedal(mean, mean, slice(0, len(mean)), None)[0] for each in (graph, fitted)), atol=1e-5)


def test_trees_that_are_not_there_are_named(tmp_path):
    with pytest.raises(PerfLiveError, match="run the stage again"):
        read_pedalling(tmp_path)


def test_a_piece_counts_by_the_root_of_its_anchors():
    pieces = made_up_pieces()
    features, shares, weights = collect(pieces)
    assert len(features) == len(shares) == len(weights) and weights.mean() == pytest.approx(1)
    sizes = [len(of_presentation(each)[0]) for piece in pieces for each in piece.presentations]
    assert sum(sizes) == len(weights)
    totals = np.add.reduceat(weights, np.cumsum([0, *sizes[:-1]]))
    census = [min(len(each.columns), 6) ** 0.5 / len(piece.presentations) for piece in pieces for each in piece.presentations]
    np.testing.assert_allclose(totals / totals[0], np.array(census) * np.sqrt(sizes) / (census[0] * sizes[0] ** 0.5))
