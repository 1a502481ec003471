"""What each page is shown of the run's snapshots, however they come."""

import json

from engine.output.viewing.page.feed import Feed
from engine.output.viewing.snapshot import KEPT


def feed_with(sequences, complete=True):
    feed = Feed(lambda asked: None)
    feed.take({"description": {"number": 1, "bars": []}})
    tell(feed, sequences, complete)
    return feed


def tell(feed, sequences, complete=True):
    for sequence in sequences:
        note = {"time_ns": sequence, "channel": 0, "key": 60, "velocity": 1, "late_ns": 0}
        snapshot = {"sequence": sequence, "complete": complete, "place": None, "notes_in": [], "notes_out": [note], "said": []}
        feed.take({"snapshot": snapshot})


def shown(view):
    """Return the last snapshot that a page is shown, and its notes by their times."""
    messages = [json.loads(message) for message in view.look()]
    snapshot = next(message["snapshot"] for message in reversed(messages) if "snapshot" in message)
    return snapshot, [note["time_ns"] for note in snapshot["notes_out"]]


def test_snapshots_that_the_run_tells_as_one_leave_nothing_out():
    """A run that is told late, as on a busy machine, gets several as one, under the number of the last."""
    feed = feed_with([1])
    view = feed.open(None)
    assert shown(view)[0]["complete"]
    for sequences in ([2, 4], [9], [10, 30]):
        tell(feed, sequences)
        snapshot, notes = shown(view)
        assert "complete" not in snapshot and notes == sequences  # it is as before: nothing is missing


def test_a_page_that_was_away_for_too_long_or_a_run_that_missed_something_is_told_so():
    feed = feed_with([2])
    view, other = feed.open(None), feed.open(None)
    assert shown(view)[0]["complete"] and shown(other)[0]["complete"]
    tell(feed, range(4, 4 + 2 * (KEPT - 1), 2))
    assert len(shown(view)[1]) == KEPT - 1
    tell(feed, range(2000, 2000 + KEPT))
    assert "complete" not in shown(view)[0]
    snapshot, notes = shown(other)
    assert snapshot["complete"] is False and notes == list(range(2000, 2000 + KEPT))
    assert shown(feed.open(5))[0]["complete"] is False  # it comes back after a long time
    tell(feed, [9000], complete=False)
    assert shown(view)[0]["complete"] is False
