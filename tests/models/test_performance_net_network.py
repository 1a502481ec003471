"""PerformanceNet, the paper's and the one that plays in real time, small and with random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from pydantic import ValidationError

from models.performance_net.key_spectra import AGES, LOOK_AHEAD, RELEASE_VELOCITIES, TAIL, KeySpectra, interpolation, spectrum_ages
from models.performance_net.network import PerformanceNet, PerformanceNetConfig
from models.performance_net.representation import (
    BINS,
    FRAME_RATE,
    LOWEST_KEY,
    NOTE_BEGIN,
    NOTE_END,
    SUSTAIN_CHANGE,
    SoundEvent,
    roll_of,
)
from models.performance_net.streaming_network import StreamingPerformanceNet, StreamingPerformanceNetConfig

CONFIGS = Path(__file__).parents[2] / "configs" / "performance_net"
SMALL = {"kind": "paper", "pitches": 12, "bins": 33, "encoder": (4, 8, 8, 8, 16), "on_off_encoder": (4, 8, 8), "decoder": (16, 16, 8, 8)}
FRAME_S = 1 / float(FRAME_RATE)


def small_paper(bands=(2, 4)):
    torch.manual_seed(0)
    return PerformanceNet(PerformanceNetConfig.model_validate(SMALL | {"bands": bands})).eval()


def small_streaming():
    torch.manual_seed(0)
    config = StreamingPerformanceNetConfig(kind="streaming", width=8, on_off_width=4, dilations=(1, 3), bands=(64, 128))
    network = StreamingPerformanceNet(config).eval()
    torch.nn.init.normal_(network.output.weight, std=0.3)
    return network


def note(begin_frame, end_frame, key, velocity=100):
    begin, end = begin_frame * FRAME_S, end_frame * FRAME_S
    return [SoundEvent(begin, NOTE_BEGIN, LOWEST_KEY + key, velocity), SoundEvent(end, NOTE_END, LOWEST_KEY + key, 0)]


def roll_tensor(events, frames):
    return torch.from_numpy(roll_of(sorted(events), frames))[None]


def some_music(frames=150, notes=30, seed=0):
    rng = np.random.default_rng(seed)
    events = [SoundEvent(40 * FRAME_S, SUSTAIN_CHANGE, 0, 127), SoundEvent(90.5 * FRAME_S, SUSTAIN_CHANGE, 0, 0)]
    for begin, length, key in zip(rng.uniform(0, frames - 20, notes), rng.uniform(2, 40, notes), rng.permutation(88), strict=False):
        events += note(begin, begin + length, int(key), int(rng.integers(1, 128)))
    return roll_tensor(events, frames)


def test_the_papers_size_is_the_papers():
    network = yaml.safe_load((CONFIGS / "paper.yaml").read_text(encoding="utf-8"))["network"]
    with torch.device("meta"):
        parameters = PerformanceNet(PerformanceNetConfig.model_validate(network)).parameters()
    assert sum(parameter.numel() for parameter in parameters) == 249_804_801


@pytest.mark.parametrize("frames", [1, 2, 15, 16, 17, 33, 100])
def test_the_paper_network_returns_as_many_frames_as_it_is_given(frames):
    with torch.no_grad():
        assert small_paper()(torch.rand(2, 12, frames), torch.rand(2, 12, frames)).shape == (2, 33, frames)


def test_bands_are_changed_by_their_own_convolutions_alone():
    network = small_paper(bands=(4,))
    (block,) = network.texture
    values = torch.rand(1, 8, 20)
    with torch.no_grad():
        block.second.weight[2:4] = 0  # the second band's
        before, after = values, block(values)
    changed = (after - 2 * before).abs().amax((0, 2)) > 1e-4
    assert changed.tolist() == [True, True, False, False, True, True, True, True]


def test_onsets_and_offsets_are_heard():
    network, roll, moves = small_paper(), torch.rand(1, 12, 48), torch.rand(1, 12, 48)
    with torch.no_grad():
        assert not torch.allclose(network(roll, moves), network(roll, torch.zeros_like(moves)))


def test_bands_must_divide_channels():
    with pytest.raises(ValidationError, match="8 channels cannot be split into 3 bands"):
        small_paper(bands=(3,))


@pytest.mark.parametrize("size", [1, 2, 3, 16, 47, 150])
def test_chunks_one_after_the_other_give_what_the_whole_gives(size):
    network, roll = small_streaming(), some_music()
    with torch.no_grad():
        whole = network.perform(roll)
        state, pieces = network.initial_state(1), []
        for piece in roll.split(size, -1):
            spectrum, *state = network(piece, *state)
            pieces.append(spectrum)
    assert [tuple(each.shape[1:]) for each in state] == [each.shape for each in network.state_shapes()]
    torch.testing.assert_close(torch.cat(pieces, -1)[..., LOOK_AHEAD:], whole, atol=1e-5, rtol=1e-5)


def test_nothing_beyond_the_look_ahead_is_heard():
    network, roll = small_streaming(), some_music()
    roll = roll.requires_grad_()
    network.perform(roll)[..., 60].sum().backward()
    reached = roll.grad[0].abs().amax(0).nonzero()
    assert reached.max() == 60 + LOOK_AHEAD


def test_silence_is_silent():
    network = small_streaming()
    with torch.no_grad():
        spectrum = network.perform(roll_tensor(note(60, 70, 40), 150))
    assert not spectrum[..., : 60 - LOOK_AHEAD].any() and spectrum[..., 60:70].mean() > 0.1


def simple_keys():
    keys = KeySpectra()
    with torch.no_grad():
        keys.power_log[:] = -0.1 * keys.ages[:, None]  # so many nepers a frame
        keys.power_log[:, :LOOK_AHEAD] = np.log(0.5)
    return keys


def power_of(keys, events, frames=120):
    roll = torch.nn.functional.pad(roll_tensor(events, frames + LOOK_AHEAD), (LOOK_AHEAD, 0))
    with torch.no_grad():
        return keys(roll, torch.zeros(1, 88, TAIL))[0][0, 0].numpy()


def test_a_note_sounds_with_its_age_its_velocity_and_its_release():
    keys = simple_keys()
    power = power_of(keys, note(20, 50, 30, 127))
    ages = np.arange(8)
    np.testing.assert_allclose(power[20:28], np.exp(-0.1 * ages), rtol=1e-4)
    np.testing.assert_allclose(power[16:20], 0.5)
    assert not power[:16].any()
    fading = np.exp(-np.exp(-1.0) - 0.1)  # it goes on ageing
    np.testing.assert_allclose(power[51:70] / power[50:69], fading, rtol=0.05)  # straight between ages, not exponential
    np.testing.assert_allclose(power_of(keys, note(20, 50, 30, 64)), power * (64 / 127) ** 4, rtol=1e-4)


def test_powers_of_notes_add_whatever_key_they_are_of():
    keys = simple_keys()
    first, second = note(20, 50, 30, 80), note(26, 90, 31, 50)
    np.testing.assert_allclose(power_of(keys, first + second), power_of(keys, first) + power_of(keys, second), rtol=1e-4, atol=1e-8)


def test_a_note_that_is_struck_again_fades_beside_the_new_one():
    keys = simple_keys()
    first, again = note(20, 50, 30, 127), note(50, 90, 30, 30)
    both = power_of(keys, first + again)
    np.testing.assert_allclose(both, power_of(keys, first) + power_of(keys, again), rtol=1e-3, atol=1e-8)


def test_the_pedal_holds_what_the_key_does_not():
    keys = simple_keys()
    pedal = [SoundEvent(10 * FRAME_S, SUSTAIN_CHANGE, 0, 127), SoundEvent(80 * FRAME_S, SUSTAIN_CHANGE, 0, 0)]
    np.testing.assert_allclose(power_of(keys, note(20, 50, 30) + pedal), power_of(keys, note(20, 80, 30)), rtol=1e-5)


def test_what_is_struck_again_under_the_pedal_fades_when_it_is_lifted():
    keys = simple_keys()
    pedal = [SoundEvent(10 * FRAME_S, SUSTAIN_CHANGE, 0, 127), SoundEvent(80 * FRAME_S, SUSTAIN_CHANGE, 0, 0)]
    first, again = note(20, 30, 30, 127), note(50, 60, 30, 30)
    expected = power_of(keys, note(20, 80, 30, 127)) + power_of(keys, note(50, 80, 30, 30))
    np.testing.assert_allclose(power_of(keys, first + again + pedal)[:80], expected[:80], rtol=1e-3, atol=1e-8)


def test_how_fast_a_note_fades_depends_on_its_velocity():
    keys = simple_keys()
    with torch.no_grad():
        keys.release_log[:] = torch.log(0.01 * torch.tensor(RELEASE_VELOCITIES))
    for velocity in (50, 80, 110):
        power = power_of(keys, note(20, 50, 30, velocity))
        np.testing.assert_allclose(power[51:60] / power[50:59], np.exp(-0.01 * velocity - 0.1), rtol=0.05)


def test_an_onset_between_frames_is_heard_between_them():
    keys = simple_keys()
    power = power_of(keys, note(20.25, 60, 30, 127))
    np.testing.assert_allclose(power[21:28], np.exp(-0.1 * np.arange(0.75, 7)), rtol=2e-3)


def test_powers_are_straight_between_ages():
    ages = spectrum_ages()
    weight = interpolation(torch.tensor([-9.0, -4.0, 2.25, 8.0, 1e6]), ages)
    assert torch.allclose(weight.sum(-1), torch.ones(5)) and (weight >= 0).all()
    np.testing.assert_allclose((weight @ ages).numpy(), [-4, -4, 2.25, 8, ages[-1]], rtol=1e-5)
    assert weight.shape[-1] == AGES and BINS == 1025
