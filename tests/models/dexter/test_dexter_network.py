"""DExter's denoiser: what it is told, and what it must not hear."""

import torch

from models.dexter.network import Denoiser, DenoiserConfig

CONTEXT_WIDTH = 16


def denoiser():
    torch.manual_seed(0)
    network = Denoiser(DenoiserConfig(width=16, blocks=2, kernel=3, cycle=2), CONTEXT_WIDTH).eval()
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.3)  # the last layer begins at zero
    return network


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def denoiser_inputs():
    known = torch.ones(1, 9, 1)
    return [random(1, 9, 8), random(1, 9, 16), random(1, 9, 8), random(1, 9, 7), known, random(1, 9, 8), known, torch.tensor([[0.5]])]


def test_unknown_descriptors_are_one_null_token():
    inputs = denoiser_inputs()
    inputs[4] = torch.zeros(1, 9, 1)
    expected = denoiser()(*inputs)
    inputs[3] = inputs[3] + 1
    torch.testing.assert_close(denoiser()(*inputs), expected)


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
