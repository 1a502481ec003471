"""ScorePerformer's encoders and its decoder: what each knows, note by note as at once, and as an exported graph."""

import logging
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from score_performer_pieces import CONFIG, randomised

from models.layers.expression_network import ExpressionNetworkConfig
from models.performance.features import FEATURES, PLACE_IN_PIECE
from models.score_performer.layers import FieldValues, ScorePerformerConfig
from models.score_performer.network import ScorePerformer, StreamingDecoder, shifted
from models.score_performer.style import draw_kept, mean_discrepancy, segment_means, style_of
from models.score_performer.vocabulary import FIELDS, MASK, PERFORMED_FIELDS, PITCH, SPECIALS, START, VELOCITY

READER = ExpressionNetworkConfig(width=8, blocks=2, heads=2, kernel=3, reach=8, dropout=0.5)
NOTES = 40
STREAMED = ("previous", "current", "context", "style", "cache", "written")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return randomised(ScorePerformer(CONFIG))


def tokens(batch=2, notes=NOTES):
    return torch.stack([torch.randint(SPECIALS, SPECIALS + len(field.values), (batch, notes)) for field in FIELDS], -1)


def segments(batch=2, notes=NOTES):
    position = torch.arange(notes)
    return torch.stack([position // 12, position // 5, position // 2], -1).expand(batch, notes, 3)


def everything(batch=2, notes=NOTES):
    return torch.ones(batch, notes, dtype=torch.bool)


def features(batch=2, notes=NOTES):
    return torch.randn(batch, notes, len(FEATURES))


def predicted(network, played, score, style):
    return network.predict(played, network.read_score(score, features(), everything())[0], style)


def test_the_papers_size():
    """11.6 million in the published one, by the digest; this one has the pedal, a vector for each value, and what is to be expected."""
    assert sum(parameter.numel() for parameter in ScorePerformer(ScorePerformerConfig()).parameters()) == pytest.approx(12.19e6, rel=0.01)


@pytest.mark.parametrize("sizes", [[1] * 40, [2] * 20, [3, 37], [11, 12, 17], [40]])
def test_note_by_note_as_at_once(network, sizes):
    """From the first note, while the memory fills, and when it is full."""
    played, score, style = tokens(), tokens(), torch.randn(2, NOTES, CONFIG.style_width)
    expected = predicted(network, played, score, style)
    table = network.values()
    context, _ = network.score_encoder(table, score, features(), everything())
    state = network.initial_state(2)
    found = []
    for chunk in zip(*(tensor.split(sizes, 1) for tensor in (shifted(played), played, context, style)), strict=True):
        logits, *state = network.decoder(table, *chunk, *state)
        found.append(logits)
    for field, whole in enumerate(expected):
        torch.testing.assert_close(torch.cat([logits[field] for logits in found], 1), whole, rtol=1e-4, atol=1e-4)


def test_a_note_knows_the_performance_of_those_before_it_only(network):
    played, score, style = tokens(), tokens(), torch.randn(2, NOTES, CONFIG.style_width)
    changed = played.clone()
    changed[:, 20, list(PERFORMED_FIELDS)] = SPECIALS
    first, second = (predicted(network, item, score, style) for item in (played, changed))
    for before, after in zip(first, second, strict=True):
        torch.testing.assert_close(before[:, :21], after[:, :21])
        assert (before[:, 21] != after[:, 21]).any()
    changed = played.clone()
    changed[:, 20, PITCH] = SPECIALS
    third = predicted(network, changed, score, style)
    assert (third[0][:, 20] != first[0][:, 20]).any()


def test_of_forgotten_notes_the_score_is_known(network):
    score, style = tokens(), torch.zeros(2, NOTES, network.config.style_width)
    is_performed = torch.tensor([field.performed for field in FIELDS])
    one, other = (torch.where(is_performed, tokens(), score) for _ in range(2))
    forgotten, context = everything().clone(), network.read_score(score, features(), everything())[0]
    for each, again in zip(*(network.predict(played, context, style, forgotten) for played in (one, other)), strict=True):
        torch.testing.assert_close(each, again)
    forgotten[:, 4] = False
    changed = [
        (each - again).abs().amax(-1)[0] > 1e-6
        for each, again in zip(*(network.predict(played, context, style, forgotten) for played in (one, other)), strict=True)
    ]
    assert not any(each[:5].any() for each in changed) and any(each[5:].any() for each in changed)


def test_a_note_attends_to_the_window_only(network):
    """Two layers of twelve notes, and the note before: nothing from further back is left."""
    played, score, style = tokens(), tokens(), torch.randn(2, NOTES, CONFIG.style_width)
    changed = played.clone()
    changed[:, 5] = SPECIALS
    first, second = (predicted(network, item, score, style) for item in (played, changed))
    torch.testing.assert_close(first[0][:, 5 + 24 :], second[0][:, 5 + 24 :])
    assert (first[0][:, 5 + 23] != second[0][:, 5 + 23]).any()


def test_of_the_first_note_nothing_is_known():
    played = tokens(1, 3)
    assert (shifted(played)[:, 0] == START).all() and (shifted(played)[:, 1:] == played[:, :2]).all()


def test_style_is_heard_where_it_is(network):
    played, score, style = tokens(), tokens(), torch.randn(2, NOTES, CONFIG.style_width)
    changed = style.clone()
    changed[:, 15:] += 1
    first, second = (predicted(network, played, score, item) for item in (style, changed))
    torch.testing.assert_close(first[0][:, :15], second[0][:, :15])
    assert ((first[0] - second[0]).abs().amax(-1)[:, 15:] > 1e-4).all()


def test_the_score_is_heard_before_it_comes(network):
    played, score, style = tokens(), tokens(), torch.randn(2, NOTES, CONFIG.style_width)
    changed = score.clone()
    changed[:, 20, VELOCITY] = SPECIALS + 5
    first, second = (predicted(network, played, item, style) for item in (score, changed))
    assert (first[0][:, 15] != second[0][:, 15]).any()
    torch.testing.assert_close(first[0][:, :8], second[0][:, :8])  # but for the window


def test_features_are_read_when_the_network_is_to():
    torch.manual_seed(0)
    network = randomised(ScorePerformer(CONFIG.model_copy(update={"reads_features": True})))
    score, table = tokens(), network.values()
    known = features()
    unlike, elsewhere = features(), known.clone()
    elsewhere[..., [FEATURES.index(name) for name in PLACE_IN_PIECE]] += 1  # by which pieces could be learnt by heart
    first, second, third = (network.score_encoder(table, score, item, everything())[0] for item in (known, unlike, elsewhere))
    assert (first != second).any() and (first == third).all()


def test_the_reader_is_heard_and_stays_as_it_is():
    torch.manual_seed(0)
    network = randomised(ScorePerformer(CONFIG.model_copy(update={"reads_features": True, "reader": (READER, READER)})))
    score, known = tokens(), features()
    context, _, tempo = network.train().read_score(score, known, everything())
    (context.sum() + tempo.sum()).backward()
    reader = network.score_encoder.reader
    assert all(parameter.grad is None for parameter in reader.parameters()) and network.expected_tempo.share.grad != 0
    assert not any(module.training for module in reader.modules())  # no dropout, though the rest is trained
    mean, _ = reader.average(known, known[..., :7] * 0, known[..., :1] * 0)
    expected = -1.5 * torch.sinh(mean[..., 0] / 3)  # of normalised log seconds a quarter
    torch.testing.assert_close(tempo, network.expected_tempo.share * expected)
    with torch.no_grad():
        reader.average.networks[1].head.bias += 1  # of all that it says; the slower, the higher its first
    changed, _, slower = network.read_score(score, known, everything())
    assert (changed != context).any() and (slower < tempo).all()


def test_what_is_no_note_changes_nothing(network):
    score, played = tokens(), tokens()
    valid = everything()
    valid[:, 30:] = False
    shorter = [tensor[:, :30] for tensor in (played, segments(), valid)]
    changed = [tensor.clone() for tensor in (score, played)]
    for tensor in changed:
        tensor[:, 30:] = 7
    table, known = network.values(), features()
    contexts = [network.score_encoder(table, item, known, valid)[0][:, :30] for item in (score, changed[0])]
    torch.testing.assert_close(*contexts)
    styles = [style_of(network.encode_style(item, segments(), valid))[:, :30] for item in (played, changed[1])]
    torch.testing.assert_close(*styles)
    torch.testing.assert_close(styles[0], style_of(network.encode_style(*shorter)))


def test_latents_are_of_segments(network):
    levels = network.encode_style(tokens(), segments(), everything())
    assert [level.latents.shape[-1] for level in levels] == [32, 20, 8, 4]
    assert [int(level.known[0].sum()) for level in levels] == [1, 4, 8, 20]
    style = style_of(levels)
    for first, last, length in ((0, 32, NOTES), (32, 52, 12), (52, 60, 5), (60, 64, 2)):
        within = style[:, :length, first:last]
        assert (within == within[:, :1]).all() and (style[:, length:, first:last] != within[:, :1]).any() == (length < NOTES)


def test_means_of_segments():
    x, valid = torch.randn(2, 6, 3), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    means, known = segment_means(x, torch.tensor([[0, 0, 1, 1, 1, 3], [0, 1, 1, 2, 2, 3]]), valid)
    torch.testing.assert_close(means[0, 1], x[0, 2:5].mean(0))
    torch.testing.assert_close(means[1, 2], x[1, 3])
    assert known.tolist() == [[True, True, False, True, False, False], [True, True, True, False, False, False]]
    assert (means[0, 2] == 0).all() and (means[1, 3] == 0).all()


def test_what_a_segment_contains_is_left_out_with_it(network):
    torch.manual_seed(1)
    batch = 100
    levels = network.encode_style(tokens(batch), segments(batch), everything(batch))
    kept = draw_kept(levels, (0.0, 0.3, 0.2, 0.4))
    assert kept[..., 0].all()
    assert (kept[..., 1] | ~kept[..., 2]).all() and (kept[..., 2] | ~kept[..., 3]).all()
    assert (kept[:, :12, 1] == kept[:, :1, 1]).all() and (kept[:, :2, 3] == kept[:, :1, 3]).all()
    shares = kept.float().mean((0, 1))
    np.testing.assert_allclose(shares, [1, 0.7, 0.56, 0.336], atol=0.05)
    style = style_of(levels, kept)
    assert (style[..., 32:52][~kept[..., 1]] == 0).all() and (style[..., 32:52][kept[..., 1]] != 0).all()


def test_the_discrepancy_is_of_distributions():
    torch.manual_seed(0)
    draws = torch.randn(300, 4)
    x, y = torch.randn(5, 2), torch.randn(6, 2)
    kernel = lambda a, b: np.mean([[np.exp(-((i - j).square().sum().item()) / 4) for j in b] for i in a])  # noqa: E731
    assert mean_discrepancy(x, y).item() == pytest.approx(kernel(y, y) + kernel(x, x) - 2 * kernel(x, y), abs=1e-5)
    near, far = mean_discrepancy(torch.randn(300, 4), draws), mean_discrepancy(torch.randn(300, 4) + 1, draws)
    assert near < 0.01 < far
    assert mean_discrepancy(0.1 * torch.randn(300, 4), draws) > near


def test_each_token_has_its_vector():
    torch.manual_seed(0)
    values = FieldValues(16)
    table = values()
    assert table.shape == (sum(len(field.values) + SPECIALS for field in FIELDS), 16)
    assert len(table.unique(dim=0)) == len(table)
    velocity = table[values.starts[VELOCITY] + SPECIALS : values.starts[VELOCITY + 1]]
    distances = torch.cdist(velocity, velocity)
    assert distances.diagonal(1).mean() < 0.7 * distances.diagonal(60).mean()  # values side by side are alike


def exported(decoder, example, path):
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    notes = torch.export.Dim("notes")
    shapes = dict.fromkeys(STREAMED[:4], {0: notes}) | {"cache": None, "written": None}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # advice on optional packages, and the exporter's own deprecated calls
        program = torch.export.export(decoder, example, dynamic_shapes=shapes, prefer_deferred_runtime_asserts_over_guards=True)
        torch.onnx.export(program, dynamo=True, verbose=False, input_names=STREAMED, opset_version=20).save(path)
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_an_exported_decoder_goes_on_past_its_memory(network, tmp_path):
    decoder = StreamingDecoder(network).eval()
    played, context = tokens(1)[0], torch.randn(NOTES, CONFIG.width)
    streams = [shifted(played[None])[0], played, context, torch.randn(NOTES, CONFIG.style_width)]
    state = [each.squeeze(axis) for each, axis in zip(network.initial_state(1), (1, 0), strict=True)]
    expected = decoder(*streams, *state)
    session = exported(decoder, (*(tensor[:3] for tensor in streams), *state), tmp_path / "decoder.onnx")
    state, found = [each.numpy() for each in state], []
    for chunk in zip(*(tensor.split([1, 1, 4, 1, 20, 1, 12]) for tensor in streams), strict=True):
        *logits, cache, written = session.run(None, dict(zip(STREAMED, [*(each.numpy() for each in chunk), *state], strict=True)))
        state = [cache, written]
        found.append(logits)
    assert state[0].shape == (2, 11, 16) and state[1].all()
    for field in range(len(PERFORMED_FIELDS)):
        np.testing.assert_allclose(np.concatenate([logits[field] for logits in found]), expected[field].detach(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(state[0], expected[-2].detach(), rtol=1e-3, atol=1e-4)


def test_a_decoder_reads_no_performed_field_of_the_note_to_come(network):
    decoder = StreamingDecoder(network).eval()
    played, context, style = tokens(1)[0], torch.randn(NOTES, CONFIG.width), torch.randn(NOTES, CONFIG.style_width)
    state = [each.squeeze(axis) for each, axis in zip(network.initial_state(1), (1, 0), strict=True)]
    unknown = played.clone()
    unknown[:, list(PERFORMED_FIELDS)] = MASK
    first, second = (decoder(shifted(played[None])[0], item, context, style, *state) for item in (played, unknown))
    torch.testing.assert_close(first, second)
