"""perf-bench panic measures what an observer hears; no test says how long it may take."""

import pytest

from engine.base.errors import PerfLiveError, UsageError
from engine.bench.reliability import panic
from engine.bench.reliability.stage.between_ports import Stage


@pytest.mark.jack
def test_an_observer_hears_that_all_is_silent(jack_server, tmp_path):
    with Stage(tmp_path, "panic") as stage:
        stage.live("--performer", "passthrough", both=False)
        assert all(panic._panic(stage, plays_itself=False) > 0 for _ in range(2))
        stage.live_run.stop()
        with pytest.raises(PerfLiveError, match="perf-live has ended with status 0: 8 notes played"):
            stage.await_connection()


def test_a_mode_that_there_is_not_is_refused():
    with pytest.raises(UsageError, match="--only 'organ': no mode has that in its name; there are: at once"):
        panic.measure(only="organ")
