"""What DExter reads of live notes, and what it makes of the windows before."""

import math
from dataclasses import replace

import numpy as np
import pytest
from live_takes import (
    BOUND_NS,
    LATENCY_NS,
    LOOKAHEAD_S,
    SONG_SIXTEENTHS,
    Gate,
    clocked,
    drive,
    flat_take,
    notes_of,
    run,
)
from synthetic_dexter import write_models

from engine.base.errors import UsageError
from engine.midi.events import (
    Event,
    note_off,
    note_on,
)
from engine.performers.dexter import lookahead as dexter_lookahead
from engine.performers.dexter.lookahead import AVERAGE_NOTES, DexterLookaheadSampler, MeanSoFar, Readers
from engine.performers.dexter.performer import load_performer
from engine.performers.dexter.window_worker import URGENT_EVALUATIONS
from engine.performers.lookahead.stream import MOST_SHIFT_S
from engine.performers.lookahead.window import LEAST_DURATION_QUARTERS, BackgroundComputer, as_score
from engine.systems.dexter import DexterRequest
from models.dexter.hold_quantiles import SHORTEST_HOLD_S
from models.performance.features import FEATURES, TEMPO_MAP_FEATURES
from models.performance.representation import ARTICULATION, BEAT_PERIOD, PERFORMANCE_COLUMNS, TIMING, VELOCITY, settle


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), LOOKAHEAD_S)


@pytest.mark.parametrize("has_clock", [False, True])
def test_the_score_that_the_network_reads_is_the_sender_s(performer, monkeypatch, has_clock):
    requests = asked(performer, monkeypatch)
    events = flat_take(10)
    run(performer, clocked(events) if has_clock else events)
    last = requests[-1]
    places = [note.place for note in last.notes[: last.past]]
    begun_quarters = [note.heard.time_ns / 0.6e9 - 7 / 0.6 for note in last.notes[: last.past]]
    factor = places[0].beat_ns / 0.6e9
    assert factor == pytest.approx(1, rel=0.01) or (not has_clock and factor == pytest.approx(0.5, rel=0.01))
    steps = {round((place.quarter * round(2 * factor) / 2 - quarter) * 24) for place, quarter in zip(places, begun_quarters, strict=True)}
    assert steps == {24 * SONG_SIXTEENTHS / 4 if has_clock else 0}
    assert not last.touch


def asked(performer, monkeypatch):
    """Return a list that fills with the requests for windows."""
    requests, answer = [], DexterLookaheadSampler.answer

    def ask(sampler, request, *rest):
        requests.append(request)
        return answer(sampler, request, *rest)

    monkeypatch.setattr(DexterLookaheadSampler, "answer", ask)
    return requests


def sampler_of(performer):
    return DexterLookaheadSampler(performer._networks, performer._readers, performer._scales, performer._window, 0)


def test_the_piece_so_far_is_read(performer, monkeypatch):
    """By the trees as well, as far back as it may be."""
    monkeypatch.setattr(dexter_lookahead, "HISTORY_NOTES", 100)
    requests = asked(performer, monkeypatch)
    run(performer, flat_take(40), controls={"temperature": 0})
    pasts = [request.past for request in requests]
    assert pasts == sorted(pasts) and pasts[0] == 0 and pasts[-1] == 100 and len(requests[-1].notes) > 100
    last = replace(requests[-1], touch=True)
    louder = replace(last, notes=tuple(note._replace(velocity=99) if index < 70 else note for index, note in enumerate(last.notes)))
    plain, others = (sampler_of(performer).answer(request).columns for request in (last, louder))
    assert np.abs(plain - others).max() > 1e-3  # though those are beyond what a window holds fixed
    alone = DexterLookaheadSampler(performer._networks, Readers(), performer._scales, performer._window, 0).answer(last).columns
    assert np.abs(plain - alone).max() > 1e-3


def test_live_notes_get_as_much_expression_as_suits_the_piece(tmp_path):
    """Velocities deviate by what is said, times the gain, once there is enough to go by."""
    said = 0.1, 0.2
    performers = [load_performer(write_models(tmp_path / str(deviation), deviation=deviation), LOOKAHEAD_S) for deviation in said]
    sent = [run(performer, flat_take(240), {"temperature": 0, "expression_timing": 0})[0] for performer in performers]
    narrow, wide = (np.std([event.message[2] for event in notes_of(events)][-300:]) for events in sent)
    assert wide / narrow == pytest.approx(2, rel=0.1)
    assert wide == pytest.approx(127 * 0.15 * 1.5 * 0.2, rel=0.25)


def test_the_wider_it_was_so_far_the_less_it_is_widened(tmp_path, monkeypatch):
    performer = load_performer(write_models(tmp_path, deviation=0.15), LOOKAHEAD_S)
    requests = asked(performer, monkeypatch)
    run(performer, flat_take(80), {"temperature": 0})
    last = requests[-1]
    so_far = last.progress.so_far
    twice = replace(last, progress=last.progress._replace(so_far=so_far._replace(deviation=2 * so_far.deviation)))
    columns, narrower = (sampler_of(performer).answer(request).columns for request in (last, twice))
    assert np.ptp(columns[:, VELOCITY]) > 0.001
    assert np.ptp(narrower[:, VELOCITY]) == pytest.approx(np.ptp(columns[:, VELOCITY]) / 2, rel=0.01)
    higher = replace(last, progress=last.progress._replace(so_far=so_far._replace(average=so_far.average + 0.1)))
    moved = sampler_of(performer).answer(higher).columns[:, VELOCITY] - columns[:, VELOCITY]
    assert np.abs(moved).min() > 0.001  # it is widened about the average


def test_what_was_so_far_is_what_all_notes_say():
    random = np.random.default_rng(0)
    columns = random.normal(3, np.linspace(0.5, 2, 8), (480, 8))
    so_far = MeanSoFar(columns[:40].mean(axis=0), columns[:40].std(axis=0), 40)
    so_far.deviation[TIMING] = np.abs(columns[:40, TIMING] - columns[:40, TIMING].mean()).mean()
    for begin in range(40, 480, 8):
        so_far = so_far.and_then(columns[begin : begin + 8])
    np.testing.assert_allclose(so_far.average, columns.mean(axis=0), rtol=1e-6)
    deviation = columns.std(axis=0)
    deviation[TIMING] = np.abs(columns[:, TIMING] - columns[:, TIMING].mean()).mean()
    np.testing.assert_allclose(so_far.deviation, deviation, rtol=0.05)
    assert so_far.notes == 480
    for _ in range(400):
        so_far = so_far.and_then(np.zeros((8, 8)))
    assert so_far.notes == AVERAGE_NOTES
    np.testing.assert_allclose(so_far.average, 0, atol=0.05)


def test_hands_are_told_apart_by_track_or_else_at_middle_c(performer, monkeypatch):
    requests = asked(performer, monkeypatch)
    events = flat_take(3)
    run(performer, events)
    run(performer, [event._replace(track=3 if event.message[1] >= 72 else 5) for event in events])
    one, two = requests[len(requests) // 2 - 1], requests[-1]
    assert (one.tracks, two.tracks) == ((0,), (3, 5))
    sampler = sampler_of(performer)
    swapped = replace(two, notes=tuple(note._replace(track=8 - note.track) for note in two.notes))
    columns = [sampler.answer(replace(request, progress=None, past=0, first=0)).columns for request in (one, two, swapped)]
    np.testing.assert_array_equal(columns[0], columns[1])
    assert np.abs(columns[1] - columns[2]).max() > 0.01


def test_velocities_that_vary_are_read(performer, monkeypatch):
    requests = asked(performer, monkeypatch)
    run(performer, flat_take(3) + [Event(2_900_000_000, note_on(0, 30, 90)), Event(2_950_000_000, note_off(0, 30))])
    assert [request.touch for request in requests] == sorted(request.touch for request in requests)
    assert not requests[0].touch and requests[-1].touch
    sampler = sampler_of(performer)
    with_touch, without = (sampler.answer(replace(requests[-1], touch=touch)).columns for touch in (True, False))
    assert np.abs(with_touch - without).max() > 0.01


def test_keys_are_held_as_long_as_fingers_take(performer, monkeypatch):
    requests = asked(performer, monkeypatch)
    run(performer, flat_take(3))
    sampler = sampler_of(performer)
    request = replace(requests[0], notes=tuple(note._replace(held_ns=1000) for note in requests[0].notes))
    columns = sampler.answer(request).columns
    held_s = np.exp2(columns[:, BEAT_PERIOD] + columns[:, ARTICULATION]) * LEAST_DURATION_QUARTERS
    assert len(held_s) and (held_s >= 0.99 * SHORTEST_HOLD_S).all()


def test_beats_are_on_time_in_the_middle(performer, monkeypatch):
    requests = asked(performer, monkeypatch)
    run(performer, flat_take(3))
    sampler = sampler_of(performer)
    answer = sampler.answer(requests[-1])
    table = as_score(requests[-1]).table[requests[-1].past :][: requests[-1].deciding]
    assert len(table) == len(answer.columns)
    np.testing.assert_allclose(settle(answer.columns, table), answer.columns, atol=1e-9)


def test_a_tempo_that_wavers_is_not_taken_for_one_that_is_held_back(performer, monkeypatch):
    seen, mean = [], performer._networks.mean
    monkeypatch.setattr(performer._networks, "mean", lambda features, *rest: seen.append(features) or mean(features, *rest))
    events = clocked(flat_take(10))
    run(performer, [event._replace(time_ns=round(event.time_ns + 2e7 * math.sin(event.time_ns / 1e9))) for event in events])
    features = np.concatenate(seen)
    assert np.ptp(features[:, FEATURES.index("beat_period_of_piece")]) > 0 and not features[:, TEMPO_MAP_FEATURES].any()


def decided(stream, events, name):
    """Return by note, in order of onset and pitch, a column of the answers to what a stream is given."""
    answers, answer = [], stream._sampler.answer
    stream._sampler.answer = lambda *request: answers.append(answer(*request)) or answers[-1]
    drive(stream, events)
    assert len(answers) > 3
    return np.concatenate([given.columns[:, PERFORMANCE_COLUMNS.index(name)] for given in answers])


def test_minorness_is_in_the_notes_that_lean_to_it(performer):
    """As of a score that is known: c minor with a major third now and then."""
    pitches = [60, 63, 67, 72, 63, 64] * 12
    events = [
        Event(index * 300_000_000 + after_ns, message(0, pitch, 64))
        for index, pitch in enumerate(pitches)
        for after_ns, message in ((0, note_on), (290_000_000, note_off))
    ]
    flat, minor, melodious = (
        decided(performer.create_stream(0, {"temperature": 0} | {name: 2.0} if name else {"temperature": 0}), events, "velocity")
        for name in (None, "minorness", "melodiousness")
    )
    raised = (minor - flat) - (minor - flat).mean()
    assert len(raised) == len(pitches) and np.ptp(melodious - flat) < 0.1 < np.ptp(raised)
    third, major_third = np.array(pitches) == 63, np.array(pitches) == 64
    assert raised[third].min() > 0 > raised[major_third].max()


def test_a_window_that_nobody_waits_for_is_not_computed_to_its_end(performer, monkeypatch):
    requests = asked(performer, monkeypatch)
    run(performer, flat_take(4))
    gate = Gate(performer._networks)
    computer = BackgroundComputer(DexterLookaheadSampler(gate, performer._readers, performer._scales, performer._window, 0), pytest.fail)
    gate.open.clear()
    computer.begin(requests[0])
    computer.begin(requests[1])
    assert computer.take(requests[1]) is None
    gate.open.set()
    assert computer._answer.result(60).columns.shape == (requests[1].deciding, 8)
    computer.close()
    assert sum(gate.evaluations.values()) == requests[1].settings.evaluations


def test_live_notes_need_a_lookahead(tmp_path):
    with pytest.raises(UsageError, match="--score FILE, or --lookahead"):
        load_performer(write_models(tmp_path / "models"), None).perform(None, DexterRequest(), {}, 0, False)


def test_the_controls_of_time_are_not_there(performer):
    names = [control.name for control in performer.controls]
    assert "tempo" not in names and "expression_tempo" in names and "melodiousness" in names
    assert performer.latency_ns == LATENCY_NS and MOST_SHIFT_S * 1e9 == BOUND_NS and URGENT_EVALUATIONS < 6 and math.isfinite(MOST_SHIFT_S)
