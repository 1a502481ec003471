import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.midi.tempo_map import TempoMap

tempo_lists = st.lists(st.tuples(st.integers(0, 10_000), st.integers(100, 0xFFFFFF)), max_size=8).map(sorted)
divisions = st.one_of(st.integers(1, 0x7FFF), st.builds(lambda frames, ticks: (256 - frames) << 8 | ticks,
                                                        st.sampled_from([24, 25, 29, 30]), st.integers(1, 255)))


@given(divisions, tempo_lists, st.lists(st.integers(0, 20_000)))
def test_ticks_come_back_exactly(division, tempos, ticks):
    tempo_map = TempoMap(division, tempos)
    edges = [tick + shift for tick, _ in tempos for shift in (-1, 0, 1) if tick + shift >= 0]
    for tick in ticks + edges:
        assert tempo_map.to_tick(tempo_map.to_ns(tick)) == tick


@given(
    divisions,
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 0xFFFFFF) | st.integers(0, 3)), max_size=8).map(sorted),
    st.lists(st.integers(-10, 10**12) | st.integers(0, 300_000), min_size=2),
)
def test_any_time_has_a_tick_and_order_is_kept(division, tempos, times_ns):
    tempo_map = TempoMap(division, tempos)
    ticks = [tempo_map.to_tick(time_ns) for time_ns in sorted(times_ns)]
    assert ticks == sorted(ticks)
    assert ticks[0] >= 0


def test_ticks_shorter_than_a_nanosecond_stay_before_the_next_tempo():
    tempo_map = TempoMap(32_767, [(0, 1), (10_000, 500_000)])
    assert max(tempo_map.to_tick(time_ns) for time_ns in range(tempo_map.to_ns(10_000))) <= 10_000


def test_times_follow_the_tempos():
    tempo_map = TempoMap(480, [(480, 1_000_000), (960, 250_000)])
    assert [tempo_map.to_ns(tick) for tick in (0, 240, 480, 720, 960, 1440)] == [
        0, 250_000_000, 500_000_000, 1_000_000_000, 1_500_000_000, 1_750_000_000,
    ]  # fmt: skip
    assert tempo_map.to_tick(500_400_000) == 480
    assert tempo_map.to_tick(501_100_000) == 481  # a tick is 2.08 ms here: the nearest


def test_of_two_tempos_at_one_tick_the_later_stands():
    assert TempoMap(1, [(0, 1), (0, 2_000_000)]).to_ns(1) == 2_000_000_000


def test_smpte_time_knows_no_tempo():
    assert TempoMap(0xE728, [(0, 1)]).to_ns(1000) == 1_000_000_000  # 25 frames of 40 ticks
    assert TempoMap(0xE301, [(0, 1)]).to_ns(30_000) == 1001 * 1_000_000_000  # 29.97 frames


@pytest.mark.parametrize("division", [0, 0x8000, 0xE700, 0x9C0A])
def test_a_division_that_means_nothing_is_refused(division):
    with pytest.raises(ValueError, match="division"):
        TempoMap(division)


def test_a_tempo_of_zero_harms_nothing():
    tempo_map = TempoMap(480, [(10, 0), (20, 500_000)])
    assert tempo_map.to_ns(10) == tempo_map.to_ns(20)
    assert tempo_map.to_tick(tempo_map.to_ns(25)) == 25
    assert TempoMap(480, [(10, 0)]).to_tick(10**12) == 10
