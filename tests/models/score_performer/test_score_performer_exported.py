"""ScorePerformer's parts as they are exported do what the network does."""

import pytest
import torch
from score_performer_pieces import CONFIG, randomised

from models.layers.expression_network import ExpressionNetworkConfig
from models.performance.features import FEATURES
from models.score_performer.exported import NoteDecoder, ScoreReader, StyleReader
from models.score_performer.network import ScorePerformer, shifted
from models.score_performer.sampling import split_fields
from models.score_performer.style import style_of
from models.score_performer.vocabulary import FIELDS, SPECIALS

NOTES = 40


READER = ExpressionNetworkConfig(width=8, blocks=2, heads=2, kernel=3, reach=8)


@pytest.fixture(params=[{"reads_features": False}, {"reads_features": True}, {"reads_features": True, "reader": (READER, READER)}])
def network(request):
    torch.manual_seed(0)
    return randomised(ScorePerformer(CONFIG.model_copy(update=request.param)))


def tokens():
    return torch.stack([torch.randint(SPECIALS, SPECIALS + len(field.values), (NOTES,)) for field in FIELDS], -1)


def test_the_decoder_and_what_it_knows_of_the_score(network):
    """From the first note on until the memory has been full for a while."""
    score, features, style = tokens(), torch.randn(NOTES, len(FEATURES)), torch.randn(NOTES, CONFIG.style_width)
    played = torch.where(torch.tensor([field.performed for field in FIELDS]), tokens(), score)
    reads = (features,) if network.config.reads_features else ()
    with torch.no_grad():
        context, *expected = network.read_score(score[None], features[None], torch.ones(1, NOTES, dtype=torch.bool))
        logits = network.predict(played[None], context, style[None])
        known, *expected_again = ScoreReader(network).eval()(score, *reads)
        decoder = NoteDecoder(network).eval()
        caches = torch.randn(CONFIG.decoder_layers, CONFIG.window, 2 * CONFIG.head_width)  # not seen, whatever it is
        state, found = [*caches, torch.tensor([0])], []
        for note in zip(*(each.split(1) for each in (shifted(played[None])[0], known, style)), strict=True):
            chosen, *state = decoder(*note, *state)
            found.append(chosen)
    style_again, tempo_again = expected_again
    torch.testing.assert_close(style_again, expected[0][0])
    torch.testing.assert_close(tempo_again[:, 0], expected[1][0])
    for whole, again in zip(logits, split_fields(torch.cat(found)), strict=True):
        torch.testing.assert_close(again, whole[0], rtol=1e-4, atol=1e-4)


def test_the_style(network):
    played, position = tokens(), torch.arange(NOTES)
    segments = torch.stack([position // 12, position // 5, position // 2], -1)
    with torch.no_grad():
        levels = network.encode_style(played[None], segments[None], torch.ones(1, NOTES, dtype=torch.bool))
        torch.testing.assert_close(StyleReader(network).eval()(played, segments), style_of(levels)[0])
