"""The expression network: what it reads, and how far it sees."""

import torch

from models.layers.expression_network import AveragedNetwork, ExpressionNetwork, ExpressionNetworkConfig
from models.performance.features import FEATURES, PLACE_IN_PIECE

CONFIG = ExpressionNetworkConfig(width=16, blocks=2, heads=2, kernel=3, reach=4)


def mean_network():
    torch.manual_seed(0)
    return ExpressionNetwork(CONFIG).eval()


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_unknown_descriptors_are_one_null_token():
    features, descriptors, unknown = random(2, 9, len(FEATURES)), random(2, 9, 7), torch.zeros(2, 9, 1)
    network = mean_network()
    null = network(features, torch.zeros_like(descriptors), unknown)
    torch.testing.assert_close(network(features, descriptors, unknown), null)
    assert not torch.allclose(network(features, torch.zeros_like(descriptors), unknown + 1)[0], null[0])


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


def test_an_average_weighs_means_by_column_and_keeps_the_first_context():
    torch.manual_seed(0)
    average = AveragedNetwork((CONFIG, CONFIG)).eval()
    average.weights.copy_(torch.stack((torch.arange(8) / 8, 1 - torch.arange(8) / 8)))
    inputs = random(1, 9, len(FEATURES)), torch.zeros(1, 9, 7), torch.zeros(1, 9, 1)
    (first, context), (second, _) = (network(*inputs) for network in average.networks)
    mean, found = average(*inputs)
    torch.testing.assert_close(mean, first * average.weights[0] + second * average.weights[1])
    torch.testing.assert_close(found, context)
