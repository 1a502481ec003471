"""PerformanceNet, the paper's and the one that plays in real time, small and with random weights."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from pydantic import ValidationError

from models.performance_net.key_spectra import (
    LOOK_AHEAD,
    PARTIAL_BINS,
    RELEASE_VELOCITIES,
    ROLL_HISTORY,
    TAIL,
    KeySpectra,
    Sounding,
    between_ages,
    between_rows,
    envelope_ages,
    interpolation,
)
from models.performance_net.network import PerformanceNet, PerformanceNetConfig
from models.performance_net.representation import (
    BINS,
    FFT_SAMPLES,
    FRAME_RATE,
    HOP_SAMPLES,
    LOWEST_KEY,
    NOTE_BEGIN,
    NOTE_END,
    SUSTAIN_CHANGE,
    SoundEvent,
    roll_of,
    transform,
)
from models.performance_net.streaming_network import StreamingPerformanceNet, StreamingPerformanceNetConfig

CONFIGS = Path(__file__).parents[3] / "configs" / "performance_net"
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
        everything = network(roll, *network.initial_state(1))
        state, pieces = network.initial_state(1), []
        for piece in roll.split(size, -1):
            *spectra, state = *(results := network(piece, *state))[:3], results[3:]
            pieces.append(spectra)
    assert [tuple(each.shape[1:]) for each in state] == [each.shape for each in network.state_shapes()]
    for parts, expected in zip(zip(*pieces, strict=True), everything[:3], strict=True):
        torch.testing.assert_close(torch.cat(parts, -1), expected, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(everything[0][..., LOOK_AHEAD:], whole)


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


def quiet_keys():
    """Keys without attack and partials, and with noise of the power of their velocity, that does not fade but when it is damped."""
    keys = KeySpectra()
    keys.attack.zero_()
    keys.envelope.zero_()
    keys.noise_log.zero_()
    return keys


def sounding(keys, events, frames=120) -> Sounding:
    """Return what sounds in the first frames, (BINS, frames) each."""
    roll = torch.nn.functional.pad(roll_tensor(events, frames + LOOK_AHEAD), (LOOK_AHEAD, 0))
    with torch.no_grad():
        return Sounding(*(part[0].numpy() for part in keys(roll, torch.zeros(1, 88, TAIL))[0]))


def power_of(keys, events, frames=120):
    return sounding(keys, events, frames).power[0]


def spectrum_at_centres(sound):
    return transform(sound) * np.where(np.arange(BINS) % 2, -1, 1)[:, None]


def assert_near(found: Sounding, truth, frames, tolerance):
    heard = (found.real + 1j * found.imaginary)[:, frames]
    assert np.linalg.norm(truth[:, frames]) > 1
    assert np.linalg.norm(heard - truth[:, frames]) < tolerance * np.linalg.norm(truth[:, frames])


def test_a_note_sounds_with_its_velocity_and_its_release():
    keys = quiet_keys()
    power = power_of(keys, note(20, 50, 30, 127))
    assert not power[: 20 + LOOK_AHEAD + 1].any()  # that is the attack's
    np.testing.assert_allclose(power[20 + LOOK_AHEAD + 1 : 50], 1, rtol=1e-5)
    np.testing.assert_allclose(power[51:70] / power[50:69], np.exp(-np.exp(-1.0)), rtol=1e-4)
    np.testing.assert_allclose(power_of(keys, note(20, 50, 30, 64)), power * (64 / 127) ** 4, rtol=1e-4)


def test_noise_changes_in_straight_lines_between_its_ages():
    keys = quiet_keys()
    level = 1 / (1 + keys.noise_ages)
    keys.noise_log[:] = torch.log(level)[:, None]
    power = power_of(keys, note(20, 110, 30, 127), 110)
    np.testing.assert_allclose(power[26:110], np.interp(np.arange(6, 90), keys.noise_ages.numpy(), level.numpy()), rtol=2e-3)


def test_powers_of_noise_add_whatever_key_they_are_of():
    keys = quiet_keys()
    first, second = note(20, 50, 30, 80), note(26, 90, 31, 50)
    np.testing.assert_allclose(power_of(keys, first + second), power_of(keys, first) + power_of(keys, second), rtol=1e-4, atol=1e-8)


def test_a_note_that_is_struck_again_fades_beside_the_new_one():
    keys = quiet_keys()
    first, again = note(20, 50, 30, 127), note(50, 90, 30, 30)
    both = power_of(keys, first + again)
    np.testing.assert_allclose(both, power_of(keys, first) + power_of(keys, again), rtol=1e-3, atol=1e-8)


def test_the_pedal_holds_what_the_key_does_not():
    keys = quiet_keys()
    pedal = [SoundEvent(10 * FRAME_S, SUSTAIN_CHANGE, 0, 127), SoundEvent(80 * FRAME_S, SUSTAIN_CHANGE, 0, 0)]
    np.testing.assert_allclose(power_of(keys, note(20, 50, 30) + pedal), power_of(keys, note(20, 80, 30)), rtol=1e-5)


def test_what_is_struck_again_under_the_pedal_fades_when_it_is_lifted():
    keys = quiet_keys()
    pedal = [SoundEvent(10 * FRAME_S, SUSTAIN_CHANGE, 0, 127), SoundEvent(80 * FRAME_S, SUSTAIN_CHANGE, 0, 0)]
    first, again = note(20, 30, 30, 127), note(50, 60, 30, 30)
    expected = power_of(keys, note(20, 80, 30, 127)) + power_of(keys, note(50, 80, 30, 30))
    np.testing.assert_allclose(power_of(keys, first + again + pedal)[:80], expected[:80], rtol=1e-3, atol=1e-8)


def test_how_fast_a_note_fades_depends_on_its_velocity():
    keys = quiet_keys()
    keys.release_log[:] = torch.log(0.01 * torch.tensor(RELEASE_VELOCITIES))
    for velocity in (50, 80, 110):
        power = power_of(keys, note(20, 50, 30, velocity))
        np.testing.assert_allclose(power[51:60] / power[50:59], np.exp(-0.01 * velocity), rtol=1e-3)


@pytest.mark.parametrize("onset", [20, 20.25, 20.3, 20.5, 20.9])
def test_an_attack_is_heard_where_it_begins(onset):
    keys = quiet_keys()
    wave = np.random.default_rng(0).normal(0, 0.1, FFT_SAMPLES).astype(np.float32)
    keys.attack[30] = torch.from_numpy(wave)
    begin = round(onset * 4) * HOP_SAMPLES // 4  # notes begin every 64 samples
    sound = np.zeros(40 * HOP_SAMPLES, np.float32)
    sound[begin : begin + FFT_SAMPLES] = 0.25 * wave
    found = sounding(keys, note(onset, 38, 30, 63.5), 40)
    assert_near(found, spectrum_at_centres(sound), slice(10, 25), 1e-4)  # until it is no longer in the middle of the window
    assert not found.real[:, :16].any() and not found.real[:, 26:].any()


@pytest.mark.parametrize("onset", [20, 20.75])
def test_a_partial_goes_on_from_the_onset(onset):
    keys, bin_of_partial = quiet_keys(), 40.3
    keys.bins[30, 7] = bin_of_partial
    keys.envelope[30, :, 7] = 0.1
    begin = round(onset * HOP_SAMPLES)
    times = np.arange(-begin, 3000 * HOP_SAMPLES - begin)
    sound = (0.1 * np.cos(2 * np.pi * bin_of_partial / FFT_SAMPLES * times) * (times >= 0)).astype(np.float32)
    found = sounding(keys, note(onset, 99, 30, 127), 60)
    assert_near(found, spectrum_at_centres(sound[: 60 * HOP_SAMPLES]), slice(26, 55), 1e-3)
    held = roll_tensor(note(onset, 2990, 30, 127), 2520)[..., 2480:]
    with torch.no_grad():  # its phase is right after a quarter of a minute too
        late = Sounding(*(part[0].numpy() for part in keys(held, torch.zeros(1, 88, TAIL))[0]))
    truth = spectrum_at_centres(sound[2470 * HOP_SAMPLES : 2530 * HOP_SAMPLES])[:, 10 + LOOK_AHEAD :]
    assert_near(late, truth, slice(0, 40 - ROLL_HISTORY), 5e-3)


def test_partials_of_different_notes_beat():
    keys = quiet_keys()
    keys.noise_log[:] = -20
    for key, frequency in ((30, 40.0), (31, 40.125)):
        keys.bins[key, 0], keys.envelope[key, :, 0] = frequency, 0.1
    power = sounding(keys, note(10, 200, 30, 127) + note(10, 200, 31, 127), 120).power[40, 20:]
    assert power.min() < 0.02 * power.max()  # they come round in 64 frames


def test_a_partials_lobe_ends_below_the_highest_bins():
    keys = quiet_keys()
    keys.envelope[30, :, :] = 0.1
    found = sounding(keys, note(10, 60, 30, 127), 40)
    assert found.real[: PARTIAL_BINS - 1, 30].all() and not found.real[PARTIAL_BINS:].any()


def test_what_is_between_ages_is_straight():
    ages = envelope_ages()
    weight = interpolation(torch.tensor([1.0, 4.0, 6.5, 16.0, 1e6]), ages)
    assert torch.allclose(weight.sum(-1), torch.ones(5)) and (weight >= 0).all()
    np.testing.assert_allclose((weight @ ages).numpy(), [4, 4, 6.5, 16, ages[-1]], rtol=1e-5)
    assert ages[0] == LOOK_AHEAD and (ages.diff() > 0).all() and BINS == 1025


def test_a_row_is_read_between_its_neighbours_as_weights_of_all_rows_would():
    ages, age = envelope_ages(), torch.tensor([[1.0, 4.0, 4.5, 30.25, 700.0, 1e6], [1e4, 5.0, 17.0, 33.0, 120.0, 4.0]])
    rows = torch.randn(2, len(ages), 3, generator=torch.Generator().manual_seed(0))
    found = between_rows(rows, torch.arange(2)[:, None], *between_ages(age, ages))
    expected = [[np.interp(each, ages, part) for part in key.T] for key, own in zip(rows, age, strict=True) for each in own]
    np.testing.assert_allclose(found.flatten(0, 1), np.array(expected), atol=1e-4)


def test_a_fading_note_is_over_where_24_bits_hold_nothing_of_it():
    keys = quiet_keys()
    keys.noise_log[:], keys.release_log[30] = 0.0, math.log(2.0)  # a neper of amplitude a frame: 1e-8 after 18.4
    power = power_of(keys, note(10, 30, 30, 127), 80)
    assert power[30 + 18] > 0 and not power[30 + 21 :].any()
