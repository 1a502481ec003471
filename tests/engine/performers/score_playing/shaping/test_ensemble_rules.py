"""Players of an ensemble: who they are, who leads, and how far they stray from each other."""

from dataclasses import replace

import numpy as np
import pytest

from engine.midi.events import program_change
from engine.midi.file import MidiTimeline, Track
from engine.performers.controls import defaults
from engine.performers.score_playing.controls import HEARD_CONTROLS
from engine.performers.score_playing.expression import ColumnExpression
from engine.performers.score_playing.shaping.asynchrony import Asynchrony
from engine.performers.score_playing.shaping.balance import leaders
from engine.performers.score_playing.shaping.players import players_of
from engine.performers.score_playing.shaping.shaping import Shaping
from engine.score.piece import NonNoteEvent, Piece
from engine.score.tables import MARKING_DTYPE, MEASURE_DTYPE, SCORE_NOTE_DTYPE, TEMPO_DTYPE, TIME_SIGNATURE_DTYPE, Score
from models.performance.representation import ARTICULATION, BEAT_PERIOD, COLUMNS, TIMING, VELOCITY

PIANO, ORGAN, VIOLIN, VIOLA, CELLO, VOICE = 0, 19, 40, 41, 42, 52


def ensemble(*parts, notation=True, channels=None):
    """Return a piece in 4/4; a part is its program, then (onset, duration, pitch) of its notes. Each is on a channel of its own."""
    channels = channels or range(len(parts))
    rows = sorted(
        (onset, length, pitch, 1, 0, part, f"n{part}-{number}", False, 0)
        for part, (_, *notes) in enumerate(parts)
        for number, (onset, length, pitch) in enumerate(notes)
    )
    notes = np.array(rows, SCORE_NOTE_DTYPE)
    bars = int(notes["onset_quarter"].max() // 4) + 1
    score = Score(
        notes,
        np.array([(4 * bar, 4, bar + 1) for bar in range(bars)], MEASURE_DTYPE),
        np.array([(0, 4, 4)], TIME_SIGNATURE_DTYPE),
        np.array([(0, 120)], TEMPO_DTYPE),
        np.zeros(len(notes), MARKING_DTYPE),
        has_markings=notation,
    )
    programs = tuple(NonNoteEvent(0.0, program_change(channel, parts[part][0]), part) for part, channel in enumerate(channels))
    timeline = MidiTimeline([], tuple(Track() for _ in parts), 1, 960)
    return Piece(score, np.array(channels)[notes["part"]], notes["part"].astype(int), programs, timeline)


def scale(first, count, step=1.0):
    return [(step * place, step, first + place % 8) for place in range(count)]


def by_part(piece, values):
    return {part: sorted(set(np.asarray(values)[piece.tracks == part].tolist())) for part in np.unique(piece.tracks).tolist()}


def test_instruments_are_players_and_the_hands_of_a_pianist_are_one() -> None:
    quartet = ensemble((VIOLIN, *scale(72, 4)), (VIOLIN, *scale(64, 4)), (VIOLA, *scale(60, 4)), (CELLO, *scale(48, 4)))
    assert by_part(quartet, players_of(quartet)) == {0: [0], 1: [1], 2: [2], 3: [3]}
    hands = ensemble((PIANO, *scale(72, 4)), (PIANO, *scale(48, 4)), notation=False)
    assert by_part(hands, players_of(hands)) == {0: [0], 1: [0]}
    staves = ensemble((VIOLIN, *scale(72, 4)), (PIANO, *scale(60, 4)), (PIANO, *scale(48, 4)), channels=(0, 1, 1))
    assert by_part(staves, players_of(staves)) == {0: [0], 1: [1], 2: [1]}
    unnamed = replace(hands, non_note_events=())
    assert by_part(unnamed, players_of(unnamed)) == {0: [0], 1: [0]}
    two_keyboards = ensemble((ORGAN, *scale(72, 4)), (PIANO, *scale(48, 4)))
    assert by_part(two_keyboards, players_of(two_keyboards)) == {0: [0], 1: [1]}


def led(piece):
    """Return who leads, by bar."""
    leading = leaders(piece, players_of(piece))
    bars = (piece.score.notes["onset_quarter"] // 4).astype(int)
    return [set(leading[bars == bar].tolist()) for bar in range(int(bars.max()) + 1)]


def test_the_first_that_moves_leads() -> None:
    held = [(0, 4, 84), (4, 1, 84), (5, 1, 83), (6, 2, 81), (12, 4, 79)]  # holds, moves, rests, holds
    inner = [(0, 4, 60), (4, 4, 60), (8, 2, 60), (10, 2, 62), (12, 4, 60)]
    bass = [(0, 1, 40), (1, 1, 41), (2, 2, 43), (4, 1, 40), (5, 3, 41), (8, 4, 40), (12, 4, 40)]
    trio = ensemble((VIOLIN, *held), (VIOLA, *inner), (CELLO, *bass))
    assert led(trio) == [{2}, {0}, {1}, {0}]


def test_a_soloist_leads_over_a_keyboard_wherever_it_stands() -> None:
    song = [(4, 2, 70), (6, 2, 72)]
    accompaniment = scale(76, 16, 0.5)
    assert led(ensemble((VOICE, *song), (PIANO, *accompaniment))) == [{1}, {0}]
    assert led(ensemble((PIANO, *accompaniment), (VOICE, *song))) == [{0}, {1}]
    low, high = (CELLO, *scale(40, 8)), (VIOLIN, *scale(76, 8))
    assert led(ensemble(low, high)) == [{0}, {0}]
    assert led(ensemble(low, high, notation=False)) == [{1}, {1}]


def shaped(piece, seed=1, timing=0.0, controls=None, seconds_a_quarter=0.5):
    """Return the columns that a performance at an even tempo has after the rules, written ones without expression."""
    notes = piece.score.notes
    columns = np.zeros((len(notes), COLUMNS))
    columns[:, BEAT_PERIOD], columns[:, VELOCITY], columns[:, TIMING] = np.log2(seconds_a_quarter), 0.5, timing
    written = columns.copy()
    written[:, TIMING] = 0
    shaping, expression = Shaping(piece, written, seed), ColumnExpression(controls or {}, HEARD_CONTROLS)
    played = []
    for onset in np.unique(notes["onset_quarter"]):
        rows = np.flatnonzero(notes["onset_quarter"] == onset)
        group = slice(rows[0], rows[-1] + 1)
        played.append(shaping.heard(columns[group], written[group], rows[0], np.log2(seconds_a_quarter), expression))
    return np.concatenate(played)


QUARTET = ensemble(*((program, *scale(pitch, 600)) for program, pitch in ((VIOLIN, 76), (VIOLIN, 67), (VIOLA, 60), (CELLO, 48))))


def onsets_s(piece, played, seconds_a_quarter=0.5):
    return seconds_a_quarter * piece.score.notes["onset_quarter"] - played[:, TIMING]


def test_players_stray_as_those_of_quartets_do() -> None:
    """The figures are those of ``perf-eval asynchrony`` for quartets that play as they like: 25 to 27 ms, correlations .13 to .18, .11."""
    deviations, means, alike = [], [], []
    for seed in range(12):
        times = onsets_s(QUARTET, shaped(QUARTET, seed))
        parts = np.stack([times[QUARTET.tracks == part] for part in range(4)])
        assert np.allclose(parts.mean(axis=0), 0.5 * np.arange(600), atol=1e-9)  # the beat holds
        for first, second in ((0, 1), (0, 3), (2, 3)):
            late = parts[first] - parts[second]
            means.append(late.mean())
            around = late - late.mean()
            deviations.append(around.std())
            alike.append([(around[lag:] * around[:-lag]).mean() / around.var() for lag in (1, 2, 8)])
    assert np.sqrt(np.mean(np.square(deviations))) == pytest.approx(0.026, abs=0.002)
    assert np.abs(means).mean() == pytest.approx(0.0055, abs=0.0025)
    assert np.mean(alike, axis=0) == pytest.approx([0.19, 0.11, 0.0], abs=0.04)


def test_they_stray_as_far_as_timing_is_wanted_and_alike_with_a_seed() -> None:
    plain = shaped(QUARTET)
    assert np.array_equal(plain, shaped(QUARTET)) and not np.array_equal(plain, shaped(QUARTET, seed=2))
    twice = shaped(QUARTET, controls=defaults(HEARD_CONTROLS) | {"expression_timing": 2.0})
    assert np.allclose(twice[:, TIMING], 2 * plain[:, TIMING])
    for name in ("expression_timing", "expression"):
        assert not shaped(QUARTET, controls={name: 0.0})[:, TIMING].any()
    assert not shaped(QUARTET, controls={"expression": 0.0})[:, VELOCITY].std()
    assert np.array_equal(plain[:, ARTICULATION], np.zeros(len(plain)))


def test_no_part_loses_its_order_however_fast_it_is() -> None:
    fast = ensemble((VIOLIN, *scale(76, 1600, 0.125)), (CELLO, *scale(48, 800, 0.25)))
    for controls in ({}, {"expression_timing": 2.0}):
        times = onsets_s(fast, shaped(fast, controls=controls, seconds_a_quarter=0.25), 0.25)
        for part in (0, 1):
            own = np.diff(times[fast.tracks == part])
            assert own.min() > 0.15 * 0.25 * 0.125


def test_within_a_players_chord_the_networks_timing_stays_and_between_players_it_goes() -> None:
    chords = [(4.0 * bar, 4.0, pitch) for bar in range(40) for pitch in (48, 52, 55)]
    song = ensemble((VOICE, *[(4.0 * bar, 4.0, 72) for bar in range(40)]), (PIANO, *chords))
    notes = song.score.notes
    early = np.select([notes["pitch"] == 72, notes["pitch"] == 48], [0.4, 0.03], 0.0)  # a voice that is far ahead of its piano
    played = shaped(song, timing=early)
    piano = played[song.tracks == 1, TIMING].reshape(-1, 3)
    assert np.allclose(piano - piano.mean(axis=1, keepdims=True), [0.02, -0.01, -0.01])
    apart = played[song.tracks == 0, TIMING] - piano.mean(axis=1)
    assert np.abs(apart).max() < 0.12 and apart.std() > 0.01


def test_one_who_plays_alone_has_nobody_to_stray_from() -> None:
    soloist = ensemble((VIOLIN, *scale(76, 16)), (CELLO, (0, 16, 40)))
    played = shaped(soloist, timing=0.01)
    assert np.allclose(played[2:, TIMING], 0.01) and not np.allclose(played[:2, TIMING], 0.01)


def test_a_solo_piano_is_left_alone() -> None:
    hands = ensemble((PIANO, *scale(72, 40)), (PIANO, *scale(48, 40)), notation=False)
    assert np.array_equal(shaped(hands, timing=0.02)[:, TIMING], np.full(80, 0.02))
    assert np.all(shaped(hands)[:, VELOCITY] == 0.5)


def test_the_leader_is_eight_steps_above_the_others() -> None:
    velocities = 127 * shaped(QUARTET)[:, VELOCITY]
    assert np.allclose(velocities[QUARTET.tracks == 0], 63.5 + 4) and np.allclose(velocities[QUARTET.tracks != 0], 63.5 - 4)
    half = 127 * shaped(QUARTET, controls={"expression_velocity": 0.5})[:, VELOCITY]
    assert np.ptp(half) == pytest.approx(4)


def test_a_beginning_elsewhere_plays_the_same() -> None:
    columns = np.zeros((len(QUARTET.tracks), COLUMNS))
    rule = Asynchrony(QUARTET, players_of(QUARTET), 5)
    whole = np.concatenate([rule.apply(columns[row : row + 4], row) for row in range(0, 400, 4)])
    assert np.array_equal(rule.apply(columns[200:204], 200), whole[200:204])
