"""Tempo and dynamics by beats, as pages draw them: what was played last of each beat, whenever a page is opened."""

import numpy as np
import pytest
import synthetic_score_performer
from score_playing import melody
from synthetic_dexter import write_models

from engine.output.viewing.page.curve import Curve
from engine.output.viewing.page.feed import Feed
from engine.performers.dexter.performer import load_performer
from engine.performers.score_performer.performer import load_performer as load_score_performer
from engine.runtime.steering.directing import direct_command
from engine.runtime.steering.requests import NOBODY

BARS = [{"number": number, "begin_quarter": begin, "length_quarters": 4} for number, begin in enumerate((0, 1.5, 5.5))]


def snapshots(begin, end, quarters_per_minute, velocity, begin_s=0.0):
    """Snapshots thirty times a second of notes at each quarter from the bar lines, struck a little late."""
    quarter, time_s, per_second = begin, begin_s, quarters_per_minute / 60
    while quarter < end:
        notes = [
            {"time_ns": round((time_s - (quarter - at) / per_second) * 1e9), "velocity": velocity}
            for at in (0, 1, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5)
            if quarter - per_second / 30 < at <= quarter
        ]
        place = {"quarter": quarter, "quarters_per_minute": quarters_per_minute, "plays": True}
        yield {"time_ns": round(time_s * 1e9), "notes_out": notes, "place": place}
        quarter, time_s = quarter + per_second / 30, time_s + 1 / 30


def test_a_beat_that_is_over_has_a_tempo_and_a_velocity_and_one_that_is_played_again_another():
    curve = Curve(BARS)
    for snapshot in snapshots(0, 5.6, 90, 60):
        curve.take(snapshot)
    rows = curve.since(0)
    assert [row[0] for row in rows] == [0, 1, 1.5, 2.5, 3.5, 4.5]  # quarters from the bar lines, a pickup too
    np.testing.assert_allclose([row[1:] for row in rows], [[90, 60]] * 6)
    seen = curve.number
    for snapshot in snapshots(1.5, 2.6, 45, 100, 20):
        curve.take(snapshot)
    assert [1.5, 45, 100] in curve.since(seen)
    assert len(curve.since(0)) == 7 and curve.since(curve.number) == []


def test_what_stands_or_plays_no_score_has_no_curve():
    curve = Curve([])
    waits, stands = ({"quarter": 1, "quarters_per_minute": tempo, "plays": plays} for tempo, plays in ((0.0, True), (90, False)))
    for place in (None, waits, stands):
        curve.take({"time_ns": 0, "notes_out": [], "place": place})
    assert curve.since(0) == [] and curve.number == 0


def test_a_page_that_comes_later_is_shown_all_of_it():
    feed = Feed(lambda asked: None)
    feed.take({"description": {"number": 1, "bars": BARS}})
    early, shown = feed.open(None), []
    for number, snapshot in enumerate(snapshots(0, 3, 90, 60), 1):
        feed.take({"snapshot": {**snapshot, "sequence": number, "notes_in": [], "said": [], "complete": True}})
        shown += [message for message in early.look() if message.startswith('{"curve"')]
    late = [message for message in feed.open(None).look() if message.startswith('{"curve"')]
    assert len(shown) == 3 and late == ['{"curve":[[0.0,90.0,60.0],[1.0,90.0,60.0],[1.5,90.0,60.0]]}']


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), None)


def test_the_plan_is_what_is_expected_with_the_controls_and_directions_of_now(performer):
    stream = performer.perform_score(melody(bars=8), 0, {"expression": 0, "tempo": 2}, ahead=False)
    plain = np.array(stream.interpretation.plan())
    np.testing.assert_allclose(plain[:, 0], np.arange(32))
    np.testing.assert_allclose(plain[:, 1], 200, rtol=1e-5)  # as written, twice as fast
    direct_command(stream).carry_out(["3-4", "forte"], NOBODY)
    loud = np.array(stream.interpretation.plan())
    np.testing.assert_allclose(loud[:, 2] - plain[:, 2], np.where((plain[:, 0] >= 8) & (plain[:, 0] < 16), 24, 0), atol=1e-6)
    long = performer.perform_score(melody(bars=300), 0, {}, ahead=False)
    assert [beat.quarter for beat in long.interpretation.plan()] == list(range(0, 1200, 3))
    long.close()
    stream.interpretation.set_control("expression", 1)
    assert np.std(np.array(stream.interpretation.plan())[:, 1]) > 1
    stream.close()


def test_score_performer_expects_a_tempo_and_finds_out_how_loud_it_plays(tmp_path, monkeypatch):
    performer = load_score_performer(synthetic_score_performer.write_models(tmp_path), None)
    stream = performer.perform_score(melody(bars=8), 0, {"expression": 0, "tempo": 2}, ahead=False)
    plain = stream.interpretation.plan()
    assert [beat.quarter for beat in plain] == list(range(32)) and {beat.velocity for beat in plain} == {None}
    np.testing.assert_allclose([beat.quarters_per_minute for beat in plain], 200, rtol=1e-5)  # as written, twice as fast
    stream.close()
    stream = performer.perform_score(melody(bars=8), 0, {"tempo": 2}, ahead=False)
    reading, quarters = stream.interpretation._reading, stream.interpretation._notes["onset_quarter"]
    octaves = np.where((quarters >= 8) & (quarters < 16), 0.1, 0)
    monkeypatch.setattr(reading, "expected_periods", lambda: reading.written()[:, 0] - octaves)
    hastened = np.array([beat.quarters_per_minute for beat in stream.interpretation.plan()])
    assert hastened[8:16].min() > 1.03 * hastened[[*range(8), *range(16, 32)]].max()
    stream.close()
