"""How a note's performed fields are chosen, and what makes one performance of the choices."""

import numpy as np
import pytest
from dexter_pieces import made_up_notes
from score_performer_pieces import encoded_score

from models.layers.sampling import GumbelNoise, SamplingOptions
from models.score_performer.representation import decode_performance
from models.score_performer.sampling import OF_THE_ONSET, Continuation, central_fields, choose_fields
from models.score_performer.score_representation import ONSET_LEVEL
from models.score_performer.vocabulary import (
    FIELDS,
    ONSET_DEVIATION,
    PERFORMED_DURATION,
    PERFORMED_FIELDS,
    SPECIALS,
    TEMPO,
    VELOCITY,
    to_tokens,
    to_values,
)

SIZES = [len(FIELDS[field].values) for field in PERFORMED_FIELDS]


def flat(**likely):
    logits = [np.zeros(size, dtype=np.float32) for size in SIZES]
    for name, values in likely.items():
        logits[[FIELDS[field].name for field in PERFORMED_FIELDS].index(name)][list(values)] = 20.0
    return np.concatenate(logits)


def test_the_likeliest_at_temperature_0():
    chosen = choose_fields(flat(velocity=[70], tempo=[5], pedal=[3]), GumbelNoise(1), 0, SamplingOptions(temperature=0))
    assert chosen[[0, 1, 4]].tolist() == [SPECIALS + 70, SPECIALS + 5, SPECIALS + 3]


def test_no_note_is_silent():
    chosen = [choose_fields(flat(velocity=[0]), GumbelNoise(1), note, SamplingOptions())[0] for note in range(50)]
    assert min(chosen) > SPECIALS and len(set(chosen)) > 20


def test_fields_are_chosen_by_their_chances_and_apart():
    logits = flat(velocity=[7, 8], tempo=[7, 8])
    chosen = np.array([choose_fields(logits, GumbelNoise(3), note, SamplingOptions(top_p=1.0)) for note in range(400)]) - SPECIALS
    assert set(chosen[:, 0]) == {7, 8} and set(chosen[:, 1]) == {7, 8}
    both = (chosen[:, 0] == 7) & (chosen[:, 1] == 7)
    assert both.mean() == pytest.approx(0.25, abs=0.07) and (chosen[:, 0] == 7).mean() == pytest.approx(0.5, abs=0.08)


def test_only_the_likeliest_share_is_chosen_from():
    logits = flat()
    logits[[60, 61, 62]] = np.log([6e3, 3e3, 1e3])
    found = {choose_fields(logits, GumbelNoise(3), note, SamplingOptions(top_p=0.85))[0] - SPECIALS for note in range(300)}
    assert found == {60, 61}


@pytest.mark.parametrize("options", [SamplingOptions(1.0, 0.9), SamplingOptions(0.6, 0.5), SamplingOptions(1.7, 0.05)])
@pytest.mark.parametrize("fields", [PERFORMED_FIELDS, (VELOCITY, ONSET_DEVIATION)])
def test_the_first_to_arrive_of_the_likeliest_is_chosen(options, fields):
    """As if all values were put in order."""
    random = np.random.default_rng(0)
    ends = np.cumsum(SIZES)
    for note in range(50):
        logits = random.normal(0, 3, ends[-1]).astype(np.float32)
        chosen = choose_fields(logits, GumbelNoise(3), note, options, fields)
        for field, token in zip(fields, chosen, strict=True):
            end = ends[PERFORMED_FIELDS.index(field)]
            values = np.arange(end - SIZES[PERFORMED_FIELDS.index(field)] + (field == VELOCITY), end)
            chances = np.exp(logits[values].astype(float) / options.temperature)
            order = values[np.argsort(-chances)]
            few = np.cumsum(np.sort(chances)[::-1]) / chances.sum()
            kept = order[: np.searchsorted(few, options.top_p) + 1]
            first = kept[np.argmax(logits[kept] / options.temperature + GumbelNoise(3).values(note, ends[-1])[kept])]
            assert token == SPECIALS + first - values[0] + (field == VELOCITY)


def test_a_seed_and_a_note_say_what_is_chosen():
    first, again, other = (choose_fields(flat(), GumbelNoise(seed), 17, SamplingOptions()) for seed in (5, 5, 6))
    assert (first == again).all() and (first != other).any()
    assert (first != choose_fields(flat(), GumbelNoise(5), 18, SamplingOptions())).any()


def chosen_at_random(notes, seed=0):
    random = np.random.default_rng(seed)
    tokens, segments = encoded_score(notes)
    for field in PERFORMED_FIELDS:
        tokens[:, field] = SPECIALS + random.integers(1, len(FIELDS[field].values), len(notes))
    tokens[:, ONSET_DEVIATION] = to_tokens(ONSET_DEVIATION, random.normal(0, 0.1, len(notes)))
    return tokens, segments


def test_what_is_of_the_onset_is_its_first_notes():
    notes = made_up_notes(80)
    tokens, segments = chosen_at_random(notes)
    continuation = Continuation()
    places = zip(segments[:, ONSET_LEVEL], notes["onset_quarter"], notes["is_grace"], tokens, strict=True)
    played = np.array([continuation.take(*place) for place in places])
    first = np.flatnonzero(np.diff(segments[:, ONSET_LEVEL], prepend=-1))[segments[:, ONSET_LEVEL]]
    for field in range(len(FIELDS)):
        expected = tokens[first, field] if field in OF_THE_ONSET and field != TEMPO else tokens[:, field]
        if field != TEMPO:
            np.testing.assert_array_equal(played[:, field], expected)
    assert played[0, TEMPO] == tokens[0, TEMPO] and (played[:, VELOCITY] == tokens[:, VELOCITY]).all()


def test_the_tempo_is_that_of_what_has_been_played():
    notes = made_up_notes(300)
    notes["is_grace"][::7] = True
    tokens, segments = chosen_at_random(notes)
    tokens[0, TEMPO] = to_tokens(TEMPO, np.array(100.0))
    continuation = Continuation()
    places = zip(segments[:, ONSET_LEVEL], notes["onset_quarter"], notes["is_grace"], tokens, strict=True)
    played = np.array([continuation.take(*place) for place in places])
    decoded, recomputed = (decode_performance(notes, segments, played, 3.0, recompute_tempo=each) for each in (False, True))
    np.testing.assert_array_equal(decoded.onset_sec, recomputed.onset_sec)
    assert len(set(played[:, TEMPO])) > 3 and to_values(TEMPO, played[:1, TEMPO]) == pytest.approx(100, rel=0.02)


def test_the_middle_of_what_may_be_chosen():
    shortest, longest = FIELDS[PERFORMED_DURATION].values[[0, -1]]
    logits = flat(tempo=[5, 6, 9], pedal=[0, 16], performed_duration=[0, len(FIELDS[PERFORMED_DURATION].values) - 1])
    logits[[0, 60, 70]] = 25.0, 20.0, 20.0
    chosen = central_fields(logits)
    assert (chosen[[0, 1]] - SPECIALS).tolist() == [65, 6]
    duration = to_tokens(PERFORMED_DURATION, np.sqrt(shortest * longest))
    assert chosen[PERFORMED_FIELDS.index(PERFORMED_DURATION)] == duration
    assert (central_fields(logits, (TEMPO,)) == central_fields(logits)[1]).all()


def test_an_onset_that_is_taken_back_is_as_if_it_had_not_been():
    notes = made_up_notes(60)
    tokens, segments = chosen_at_random(notes)
    other, _ = chosen_at_random(notes, seed=1)
    straight, hesitant = Continuation(), Continuation()
    expected, played = [], []
    onsets = segments[:, ONSET_LEVEL]
    for row, (onset, quarter) in enumerate(zip(onsets, notes["onset_quarter"], strict=True)):
        expected.append(straight.take(onset, quarter, False, tokens[row]))
        if row == 0 or onset != onsets[row - 1]:
            for again in range(row, row + int((onsets == onset).sum())):
                hesitant.take(onset, quarter, False, other[again])
            hesitant.take_back()
        played.append(hesitant.take(onset, quarter, False, tokens[row]))
        assert hesitant.onset_s == straight.onset_s
    np.testing.assert_array_equal(played, expected)


def late_throughout(notes, tempo, written, **held):
    """Return the tempos of a performance in which every note is chosen a twentieth of its gap too late."""
    tokens, segments = encoded_score(notes, tempo=written)
    tokens[:, ONSET_DEVIATION] = to_tokens(ONSET_DEVIATION, np.array(0.05))
    tokens[0, TEMPO] = to_tokens(TEMPO, np.array(tempo))
    continuation = Continuation()
    places = zip(segments[:, ONSET_LEVEL], notes["onset_quarter"], notes["is_grace"], tokens, strict=True)
    return to_values(TEMPO, np.array([continuation.take(*place, **held) for place in places])[:, TEMPO])


def test_the_tempo_is_held_near_that_of_the_beginning():
    notes = made_up_notes(400)
    adrift, held = (late_throughout(notes, 80.0, 100.0, **given) for given in ({}, {"written_tempo": 100.0}))
    assert adrift[-1] < 30
    assert held.min() > 72 and held[-100:].mean() == pytest.approx(80, rel=0.03)


def test_what_is_on_time_is_not_moved():
    notes = made_up_notes(100)
    tokens, segments = encoded_score(notes, tempo=90.0)
    continuation = Continuation()
    places = zip(segments[:, ONSET_LEVEL], notes["onset_quarter"], notes["is_grace"], tokens, strict=True)
    played = np.array([continuation.take(*place, written_tempo=float(to_values(TEMPO, tokens[0, TEMPO]))) for place in places])
    np.testing.assert_array_equal(played, tokens)
