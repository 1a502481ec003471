"""DExter's mean network and denoiser."""

import numpy as np
import torch

from models.dexter.diffusion import add_noise, random_levels, random_prefixes
from models.dexter.network import Denoiser, DenoiserConfig
from models.dexter.sampling import signal_and_noise
from models.layers.expression_network import ExpressionNetwork, ExpressionNetworkConfig
from models.performance.features import FEATURES, PLACE_IN_PIECE

CONFIG = ExpressionNetworkConfig(width=16, blocks=2, heads=2, kernel=3, reach=4)


def mean_network():
    torch.manual_seed(0)
    return ExpressionNetwork(CONFIG).eval()


def denoiser():
    torch.manual_seed(0)
    network = Denoiser(DenoiserConfig(width=16, blocks=2, kernel=3, cycle=2), CONFIG.width).eval()
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.3)  # the last layer begins at zero
    return network


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def denoiser_inputs():
    known = torch.ones(1, 9, 1)
    return [random(1, 9, 8), random(1, 9, 16), random(1, 9, 8), random(1, 9, 7), known, random(1, 9, 8), known, torch.tensor([[0.5]])]


def test_unknown_descriptors_are_one_null_token():
    features, descriptors, unknown = random(2, 9, len(FEATURES)), random(2, 9, 7), torch.zeros(2, 9, 1)
    network = mean_network()
    null = network(features, torch.zeros_like(descriptors), unknown)
    torch.testing.assert_close(network(features, descriptors, unknown), null)
    assert not torch.allclose(network(features, torch.zeros_like(descriptors), unknown + 1)[0], null[0])
    inputs = denoiser_inputs()
    inputs[4] = torch.zeros(1, 9, 1)
    expected = denoiser()(*inputs)
    inputs[3] = inputs[3] + 1
    torch.testing.assert_close(denoiser()(*inputs), expected)


def test_a_network_may_be_kept_from_learning_pieces_by_heart():
    features = random(1, 9, len(FEATURES)).requires_grad_()
    torch.manual_seed(0)
    network = ExpressionNetwork(CONFIG.model_copy(update={"knows_place": False})).eval()
    network(features, torch.zeros(1, 9, 7), torch.zeros(1, 9, 1))[0].sum().backward()
    unread = {name for name, gradient in zip(FEATURES, features.grad[0].abs().sum(0).tolist(), strict=True) if gradient == 0}
    assert unread == set(PLACE_IN_PIECE)


def test_a_network_may_read_no_velocities_but_those_of_midi_scores():
    known, velocity = FEATURES.index("markings_known"), FEATURES.index("velocity")
    for knows, markings, same in ((False, 1, True), (False, 0, False), (True, 1, False)):
        torch.manual_seed(0)
        network = ExpressionNetwork(CONFIG.model_copy(update={"knows_playback": knows})).eval()
        features, nothing = random(1, 9, len(FEATURES)), torch.zeros(1, 9, 7)
        features[..., known] = markings
        louder = features.clone()
        louder[..., velocity] += 1
        means = [network(each, nothing, nothing[..., :1])[0] for each in (features, louder)]
        assert torch.equal(*means) == same


def test_every_block_that_attends_sees_the_whole_window():
    features = random(1, 40, len(FEATURES)).requires_grad_()
    mean, context = mean_network()(features, torch.zeros(1, 40, 7), torch.zeros(1, 40, 1))
    assert mean.shape == (1, 40, 8) and context.shape == (1, 40, 16)
    mean[0, 0].sum().backward()
    assert (features.grad[0].abs().sum(1) > 0).all()


def test_fixed_notes_are_heard_as_they_are_whatever_their_noise():
    inputs, network = denoiser_inputs(), denoiser()
    inputs[6] = (torch.arange(9) < 4).float().view(1, 9, 1)
    expected = network(*inputs)
    inputs[0] = inputs[0] * torch.where(inputs[6] > 0, 5.0, 1.0)
    torch.testing.assert_close(network(*inputs), expected)
    inputs[5] = inputs[5] * torch.where(inputs[6] > 0, 1.0, 5.0)  # nor is anything taken as fixed where nothing is
    torch.testing.assert_close(network(*inputs), expected)
    inputs[5] = inputs[5] * 2
    assert not torch.allclose(network(*inputs), expected)


def test_noise_is_what_the_sampler_takes_away():
    residual, noise = random(3, 5, 8), torch.randn(3, 5, 8)
    levels = torch.tensor([[-5.0], [0.0], [4.0]])
    noisy, v = add_noise(residual, levels, noise)
    for index, level in enumerate(levels[:, 0].tolist()):
        alpha, sigma = signal_and_noise(level)
        np.testing.assert_allclose(alpha * noisy[index] - sigma * v[index], residual[index], atol=1e-5)
        np.testing.assert_allclose(sigma * noisy[index] + alpha * v[index], noise[index], atol=1e-5)


def test_levels_are_spread_evenly_and_prefixes_are_prefixes():
    levels = random_levels(50, torch.Generator().manual_seed(0))
    assert levels.shape == (50, 1) and abs(levels.mean() + 0.5) < 0.1 and levels.min() < -6.5 and levels.max() > 5.5
    fixed = random_prefixes(400, 20, 0.5, torch.Generator().manual_seed(0))[..., 0]
    assert (fixed.diff(dim=1) <= 0).all() and not fixed[:, 15:].any()
    assert 0.4 < (fixed.sum(1) > 0).float().mean() < 0.55
