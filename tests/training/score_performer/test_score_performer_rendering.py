"""Performances by a ScorePerformer, note by note."""

import numpy as np
import pytest
import torch
from dexter_pieces import made_up_notes
from score_performer_pieces import CONFIG, encoded_score, randomised

from models.layers.sampling import SamplingOptions
from models.performance.features import FEATURES
from models.score_performer.network import ScorePerformer
from models.score_performer.sampling import OF_THE_ONSET
from models.score_performer.vocabulary import (
    FIELDS,
    ONSET_DEVIATION,
    PERFORMED_DURATION,
    PERFORMED_FIELDS,
    PITCH,
    SPECIALS,
    TEMPO,
    VELOCITY,
    to_tokens,
)
from training.score_performer.rendering import likeness, render

NOTES = 40


@pytest.fixture(scope="module")
def rendering():
    torch.manual_seed(0)
    network, notes = randomised(ScorePerformer(CONFIG)), made_up_notes(NOTES)
    score, segments = encoded_score(notes)
    places = list(zip(segments[:, 2].tolist(), notes["onset_quarter"].tolist(), notes["is_grace"].tolist(), strict=True))
    batch = torch.from_numpy(score)[None], torch.zeros(1, NOTES, len(FEATURES)), torch.ones(1, NOTES, dtype=torch.bool)
    with torch.no_grad():
        context = network.read_score(*batch)[0][0]

    def perform(style, seed=0, options=None):
        return render(network, score, places, context, style, seed, options or SamplingOptions())

    return network, score, context, perform


def test_each_note_follows_from_those_before_as_they_were_played(rendering):
    """What is chosen note by note is the likeliest of what the network predicts knowing all of it."""
    network, score, context, perform = rendering
    style = torch.randn(NOTES, CONFIG.style_width)
    played = perform(style, options=SamplingOptions(temperature=0))
    with torch.no_grad():
        logits = network.predict(torch.from_numpy(played)[None], context[None], style[None])
    for field, each in zip(PERFORMED_FIELDS, logits, strict=True):
        if field not in OF_THE_ONSET:
            likeliest = each[0].clone()
            likeliest[:, 0] = likeliest[:, 0] if field != VELOCITY else -torch.inf
            np.testing.assert_array_equal(played[:, field], SPECIALS + likeliest.argmax(-1))
    given = [field for field in range(len(FIELDS)) if field not in PERFORMED_FIELDS]
    np.testing.assert_array_equal(played[:, given], score[:, given])


def test_the_seed_and_the_style_are_heard(rendering):
    *_, perform = rendering
    style = torch.randn(NOTES, CONFIG.style_width)
    first = perform(style, seed=1)
    np.testing.assert_array_equal(first, perform(style, seed=1))
    assert (first != perform(style, seed=2)).any()
    likeliest = SamplingOptions(temperature=0)
    assert (perform(style, options=likeliest) != perform(style + 1, options=likeliest)).any()


def test_likeness():
    tokens = np.full((4, len(FIELDS)), SPECIALS + 8)
    other = tokens.copy()
    tokens[:, VELOCITY] += [0, 1, 2, 3]
    other[:, VELOCITY] += [3, 2, 1, 0]
    tokens[:, TEMPO] = to_tokens(TEMPO, np.array([20, 40, 80, 160]))
    other[:, TEMPO] = to_tokens(TEMPO, np.array([30, 60, 120, 240]))
    tokens[:, ONSET_DEVIATION] = other[:, PERFORMED_DURATION] = SPECIALS + np.arange(4)
    tokens[:, PITCH] += 1
    found = likeness(tokens, other)
    assert found["velocity"] == pytest.approx(-1) and found["tempo"] == pytest.approx(1)
    assert np.isnan(found["onset deviation"]) and np.isnan(found["duration"])
