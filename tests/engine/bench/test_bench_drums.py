"""perf-bench drums: everything is measured and told. No time is tested."""

from engine.bench import drums
from engine.midi.events import is_note_off, is_note_on


def test_a_stroke_is_timed_beside_a_note_and_a_groove_is_performed(monkeypatch, capsys):
    for name, value in (("HOT_CALLS", 20), ("PACED_CALLS", 3), ("GROOVE_BARS", 2)):
        monkeypatch.setattr(drums, name, value)
    report = drums.measure()
    for timed in (report.stroke, report.note):
        assert (timed.hot.count, timed.paced.count) == (20, 3) and 0 < timed.hot.median_ms <= timed.hot.maximum_ms
    assert report.strokes == 2 * 2 * 7 and report.strokes_per_s > 0 and report.stroke_to_note > 0
    assert 0 < report.whole_to_whole < 100
    drums.print_table(report)
    assert "a paced stroke takes" in capsys.readouterr().out


def test_each_stroke_of_the_groove_ends_before_the_next_of_its_key():
    events = [event for number in range(3) for event in drums._bar(number)]
    assert [event.time_ns for event in events] == sorted(event.time_ns for event in events)
    down = set()
    for event in events:
        key = event.message[1]
        assert (key in down) == is_note_off(event.message) and (key in down) != is_note_on(event.message)
        down ^= {key}
    assert not down
