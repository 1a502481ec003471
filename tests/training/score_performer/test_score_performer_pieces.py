"""Aligned performances as ScorePerformer's tokens, and what these keep of them."""

import numpy as np
import pytest
from score_performer_pieces import made_up_item, made_up_score

from engine.performers.score_performer.score import score_tokens
from engine.score.dynamics import with_playback_velocities
from models.performance.features import FEATURES
from models.performance.pedal import Pedal
from models.score_performer.representation import encode_performance
from models.score_performer.vocabulary import TEMPO, VELOCITY, to_values
from training.datasets.aligned import Alignment
from training.score_performer import data as score_performer_pieces
from training.score_performer.data import load_scores, load_token_pieces, performed_notes
from training.score_performer.round_trip import depth_at, round_trip


def test_a_score_is_played_at_its_own_tempo_and_velocity():
    score = made_up_score(60)
    tokens, segments = score_tokens(score)
    tempo = to_values(TEMPO, tokens[:, TEMPO])
    np.testing.assert_allclose(tempo, np.where(score.notes["onset_quarter"] < 8, 80, 120), rtol=0.015)
    np.testing.assert_array_equal(to_values(VELOCITY, tokens[:, VELOCITY]), score.notes["velocity"])
    assert len(segments) == 60
    score.notes["velocity"] = 0
    assert (to_values(VELOCITY, score_tokens(score)[0][:, VELOCITY]) == 64).all()


def test_the_soft_pedal_is_no_sustain_pedal():
    pedal = performed_notes(made_up_item(40)).pedal
    assert 99 not in pedal.value and len(pedal.value) > 5


def test_pieces_are_encoded_once(tmp_path, monkeypatch):
    scores = [made_up_score(30, seed) for seed in (1, 2)]
    items = [made_up_item(30, seed, f"performance{seed}", f"piece{seed % 2}", scores[seed % 2]) for seed in (1, 2, 3)]
    read = []

    def load(alignments, cache):
        read.append([alignment.name for alignment in alignments])
        return items, None

    alignments = [Alignment(item.name, item.piece, tmp_path, tmp_path) for item in items]
    monkeypatch.setattr(score_performer_pieces, "asap_alignments", lambda root, split: alignments)
    monkeypatch.setattr(score_performer_pieces, "load_aligned", load)
    pieces = [load_token_pieces(tmp_path, "train", tmp_path / "cache") for _ in range(2)]
    assert read == [["performance1", "performance2", "performance3"]]
    assert [(piece.name, len(piece.performances)) for piece in pieces[0]] == [("piece1", 2), ("piece0", 1)]
    for one, other, score in zip(*pieces, load_scores(tmp_path, "train", tmp_path / "cache"), strict=True):
        tokens, segments = score_tokens(with_playback_velocities(score))
        np.testing.assert_array_equal(one.score, tokens)
        np.testing.assert_array_equal(one.segments, segments)
        assert one.features.shape == (30, len(FEATURES))
        for table in ("score", "segments", "features", "performances"):
            np.testing.assert_array_equal(getattr(one, table), getattr(other, table))
    expected = encode_performance(*score_tokens(with_playback_velocities(scores[1])), scores[1].notes, performed_notes(items[2])).tokens
    np.testing.assert_array_equal(pieces[0][0].performances[1], expected)
    alignments.pop()
    load_token_pieces(tmp_path, "train", tmp_path / "cache")
    assert len(read) == 3  # another selection of performances is encoded anew


def test_what_the_tokens_keep():
    found = round_trip(made_up_item(400))
    figures = found.figures()
    assert len(found.onset_ms) == 399
    assert figures["onset_median_ms"] < 1 and figures["onset_greatest_ms"] < 40
    assert figures["cut_greatest_ms"] == 0 and figures["velocity_greatest"] == 0
    assert figures["duration_within_5_percent"] > 0.95
    assert figures["pedal_error"] < 0.1


def test_a_pedal_is_compared_where_the_performance_was_not_cut():
    """After a pause that is cut, the pedal's moves go with the notes."""
    item = made_up_item(200)
    late = item.performed["onset_sec"] > 12
    item.performed["onset_sec"][late] += 8
    item.pedals["time_sec"][item.pedals["time_sec"] > 12] += 8
    found = round_trip(item)
    assert 4000 < found.figures()["cut_greatest_ms"] < 8000
    assert found.pedal < 0.15 and found.figures()["onset_95_percent_ms"] < 20


def test_depths():
    pedal = Pedal(np.array([1.0, 2.0]), np.array([127, 0]))
    assert depth_at(pedal, np.array([0.5, 1.0, 1.9, 2.0])).tolist() == [0, 1, 1, 0]
    assert depth_at(Pedal(np.empty(0), np.empty(0, dtype=int)), np.array([0.5])) == pytest.approx(0)
