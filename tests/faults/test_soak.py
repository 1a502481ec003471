"""Some seconds of what perf-bench soak does for hours: all four play side by side, and nothing is lost or hangs."""

import json

import pytest

from engine.base.clock import VirtualClock
from engine.base.command_line import run
from engine.bench.reliability.soak import _told, thinned
from engine.bench.reliability.soaking.arrivals import Loss, keep_arrivals, missing
from engine.bench.reliability.soaking.scenes import undisturbed
from engine.bench.reliability.stage.log import Entry, read_log
from engine.commands.bench import app
from engine.midi.events import Event, note_off, note_on
from engine.midi.ports.port import Inbox

SECONDS = 6


@pytest.mark.jack
def test_live_duet_lookahead_and_score_lose_nothing_among_faults(jack_server, tmp_path, capfd):
    picture = tmp_path / "soak.png"
    assert run(app, "perf-bench", ["soak", "--seconds", str(SECONDS), "--picture", str(picture), "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert [each["name"] for each in report["played"]] == ["live", "duet", "look-ahead", "score"]
    for each in report["played"]:
        assert (each["name"], each["wrong"], each["status"], each["stuck"], each["unheard"]) == (each["name"], "", 0, 0, 0)
        counts = [(point["lost"], point["lost_before"], point["stuck"]) for point in each["checkpoints"]]
        assert (counts, each["losses"]) == ([(0, 0, 0)] * len(counts), [])
        assert each["checkpoints"][-1]["notes"] > 0
        assert (each["late_undisturbed"] is None) == (each["name"] == "look-ahead")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_only_waits_that_no_disturbance_touches_are_undisturbed():
    disturbances = [(100, 200), (300, 400)]
    waits = [(50, 60), (90, 110), (150, 160), (190, 250), (220, 280), (250, 350), (90, 500)]
    assert undisturbed(waits, disturbances) == [(50, 60), (220, 280)]


def test_a_long_run_is_shown_by_its_first_and_last_rows_and_some_between():
    assert thinned(list(range(5))) == list(range(5))
    assert thinned(list(range(71))) == [0, 10, 20, 30, 40, 50, 60, 70]


def test_what_reaches_perf_live_is_written_down_and_what_does_not_is_known(tmp_path):
    log = tmp_path / "arrivals.log"
    first, second, release = (note_on(0, 60, 90), note_on(0, 60, 91), note_off(0, 60))
    with keep_arrivals(str(log)):
        inbox = Inbox(VirtualClock(5))
        inbox.hear(Event(7, first))
        inbox.hear(Event(9, release))
        inbox.queue.put(None)  # which wakes whoever waits
    Inbox(VirtualClock(5)).hear(Event(11, first))
    assert [inbox.queue.get() for _ in range(3)] == [Event(7, first), Event(9, release), None]
    came, _ = read_log(log)
    assert came == [Entry(7, first), Entry(9, release)], "all that one of them heard, and nothing of the other"
    sent = [Entry(1, first), Entry(2, second), Entry(3, release), Entry(4, release)]
    assert missing(sent, came) in ([sent[1], sent[3]], [sent[1], sent[2]])
    assert missing(sent[:1], came) == []


def test_a_loss_is_told_with_where_it_happened_and_what_was_going_on():
    loss = Loss(61.5, "keyboard killed", 0.8, 30.2, 18, 0, 8, ((1.25, "903c40"), (6, "803c40")), 5.5, ("port 'keys' has gone",))
    assert _told(loss) == (
        "after 61.5 s, keyboard killed: 18 notes lost before they reached perf-live, 0 after, 8 keys held for want of a release; "
        "a fault of 0.8 s in a scene of 30.2 s, the longest wait 5.5 s; sent 1.25 to 6 s after it began; said: port 'keys' has gone"
    )
