"""When messages came, whatever kept this process from hearing of it."""

import random

from engine.midi.ports.arrival import Arrival

MS = 1_000_000


def test_a_message_that_is_told_late_came_when_the_driver_says():
    arrival = Arrival()
    assert arrival.time_ns(0.0, 1000 * MS) == 1000 * MS
    assert arrival.time_ns(0.010, 1010 * MS) == 1010 * MS
    assert arrival.time_ns(0.010, 1025 * MS) == 1020 * MS + 1000  # told 5 ms late; what the clocks may have drifted apart is not known
    assert arrival.time_ns(0.001, 1025 * MS) == 1021 * MS + 1100
    assert arrival.time_ns(0.009, 1030 * MS) == 1030 * MS


def test_the_first_message_may_itself_be_told_late():
    arrival = Arrival()
    assert arrival.time_ns(0.0, 1004 * MS) == 1004 * MS
    assert arrival.time_ns(0.010, 1010 * MS) == 1010 * MS  # so the first one came at 1000 ms
    assert arrival.time_ns(0.010, 1023 * MS) == 1020 * MS + 1000


def test_a_driver_whose_clock_jumps_or_stands_still_is_not_believed():
    arrival = Arrival()
    arrival.time_ns(0.0, 1000 * MS)
    assert arrival.time_ns(-3600.0, 1010 * MS) == 1010 * MS
    assert [arrival.time_ns(0.0, time_ms * MS) for time_ms in (2000, 3000)] == [2000 * MS, 3000 * MS]


def test_no_message_comes_after_it_is_told_and_a_clock_that_drifts_is_followed():
    rng, arrival, true_ns = random.Random(0), Arrival(), 5_000 * MS
    for faster in (1.00005, 0.99995):
        for _ in range(3000):
            step_ns = rng.randrange(1 * MS, 200 * MS)
            true_ns += step_ns
            told_ns = true_ns + rng.choice([10_000, 20_000, 3 * MS])
            time_ns = arrival.time_ns(step_ns * faster / 1e9, told_ns)
            assert time_ns <= told_ns and abs(time_ns - true_ns) < MS // 2


def test_a_period_says_when_its_messages_came_however_long_the_first_ones_took():
    arrival = Arrival()
    assert arrival.time_ns(0.0, 1000 * MS, 0.2e6) == 1000 * MS - 200_000
    assert arrival.time_ns(0.003, 1003 * MS, 3.2e6) == 1000 * MS - 200_000
    assert arrival.time_ns(0.003, 1006 * MS, 6.2e6) == 1000 * MS - 200_000


def test_a_period_that_is_longer_ago_than_any_lasts_is_not_believed():
    arrival = Arrival()
    arrival.time_ns(0.0, 1000 * MS, 1e6)
    assert arrival.time_ns(0.010, 1012 * MS, 5e9) == 1010 * MS + 1000  # by the driver's stamps, as if there were no periods
    assert arrival.time_ns(0.010, 1022 * MS, 88e12) == 1020 * MS + 2000
