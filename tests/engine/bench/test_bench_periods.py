"""Notes through a real server: over rtmidi they keep to periods, with frame times they keep their places."""

import pytest

from engine.bench.periods import periods

PERIOD_FRAMES = 1024
PERIOD_MS = PERIOD_FRAMES / 48


@pytest.mark.jack
def test_notes_keep_their_places_with_frame_times_only(jack_server, monkeypatch):
    monkeypatch.setattr(periods, "PERIODS", (PERIOD_FRAMES,))
    monkeypatch.delitem(periods.WAYS, "frames, busy")
    blurred, exact = periods.measure(1).ways
    assert (blurred.way, exact.way) == ("rtmidi", "frames")
    assert blurred.notes == exact.notes == 50
    assert PERIOD_MS / 2 < blurred.spread_ms
    assert exact.delay_ms % PERIOD_MS == pytest.approx(0, abs=0.02) or exact.delay_ms % PERIOD_MS == pytest.approx(PERIOD_MS, abs=0.02)
