"""The line that ends a run, in a musician's words."""

import pytest

from engine.performers.counts import WindowCounts
from engine.runtime.report import Report

MS, S = 10**6, 10**9


def report(**said):
    return Report(**{"events_in": 0, "events_out": 0, "notes": 0, "degraded": 0, "late": 0, "most_lateness_ns": 0, "stopped": False,
                     "real_time": True, **said})  # fmt: skip


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"notes": 2805, "most_lateness_ns": 3 * MS + 100}, "2,805 notes played, none late, longest wait 3 ms"),
        ({"notes": 1}, "1 note played, none late"),
        ({"notes": 2, "most_lateness_ns": 999_999}, "2 notes played, none late, longest wait under 1 ms"),
        ({"notes": 9, "late": 1200, "most_lateness_ns": 1240 * MS}, "9 notes played, 1,200 late, longest wait 1.2 s"),
        ({"degraded": 2, "late": 3, "most_lateness_ns": 24 * MS},
         "0 notes played, 3 late, longest wait 24 ms, 2 without the model, as time was up"),
        ({"windows": WindowCounts(12, reduced=1, carried=2)}, "0 notes played, none late, 12 windows (1 with fewer steps, 2 bridged)"),
        ({"windows": WindowCounts(failed=2)}, "0 notes played, none late, 2 notes as written, as the model failed"),
        ({"windows": WindowCounts()}, "0 notes played, none late"),
        ({"windows": WindowCounts(1)}, "0 notes played, none late, 1 window"),
        ({"failures": 1, "passed": 3}, "0 notes played, none late, the performer failed once and 3 notes went out as they came"),
        ({"standstills": 2, "longest_standstill_ns": 5 * S},
         "0 notes played, none late, the computer stood still 2 times, for 5.0 s at most"),
    ],
)  # fmt: skip
def test_what_happened_is_said_and_nothing_else(said, line):
    assert report(**said).in_words() == line


def test_the_sound_card_is_mentioned_when_it_ran_dry():
    assert report().in_words(underruns=1) == "0 notes played, none late, 1 audio underrun"
