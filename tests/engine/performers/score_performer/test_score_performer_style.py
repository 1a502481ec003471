"""The style of a piece: where it comes from, and directions, knobs and references by note."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dexter_pieces import made_up_notes
from safetensors.numpy import save_file

from engine.base.errors import PerfLiveError, UsageError
from engine.performers.score_performer.directions import (
    DIRECTIONS,
    Directed,
    Places,
    offsets,
    parse_direction,
    parse_knob,
    tempo_octaves,
)
from engine.performers.score_performer.reference import manner, performed_styles, reference_styles
from engine.performers.score_performer.style import StyleChoice, drawn_styles, knob_controls, open_style_space, parse_style, plan_style
from engine.performers.score_playing.shaping.directions import Bars
from engine.score.tables import MARKING_DTYPE, MEASURE_DTYPE, TEMPO_DTYPE, TIME_SIGNATURE_DTYPE, Score
from engine.systems.score_performer import StyleRequest
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from models.score_performer.score_representation import encode_score
from models.score_performer.style_space import StyleSpace
from models.score_performer.vocabulary import FIELDS, SPECIALS, VELOCITY

LATENTS = (3, 2, 2, 1)
WIDTH = sum(LATENTS)
NOTES = 150


def score_of(numbers=None):
    notes = made_up_notes(NOTES)
    count = int(notes["onset_quarter"].max() // 4) + 1
    numbers = numbers or range(1, count + 1)
    measures = np.array([(4.0 * k, 4.0, number) for k, number in zip(range(count), numbers, strict=True)], MEASURE_DTYPE)
    tables = np.array([(0.0, 4, 4)], TIME_SIGNATURE_DTYPE), np.array([(0.0, 90.0)], TEMPO_DTYPE)
    return Score(notes, measures, *tables, np.zeros(NOTES, MARKING_DTYPE), has_markings=False)


@pytest.fixture
def space():
    random = np.random.default_rng(0)
    moves = {quality: random.normal(size=WIDTH) for quality in ("loudness", "pace", "delay", "length")}
    components = np.zeros((WIDTH, WIDTH))
    begin = 0
    for count in LATENTS:
        components[begin : begin + count, begin : begin + count] = random.normal(size=(count, count))
        begin += count
    meanings = {"loudness": "velocity", "piece-1": "tempo", "bar-2": "velocity"}
    return StyleSpace(LATENTS, random.normal(size=WIDTH), components, moves, meanings, {"pace": 0.25, "loudness": 10.0})


@pytest.fixture
def places():
    return Places(score_of())


BARS = int(made_up_notes(NOTES)["onset_quarter"].max() // 4) + 1


def test_the_piece_has_some_bars_with_several_notes(places):
    assert BARS >= 6 and (np.bincount(places.numbers)[1:] > 2).sum() > 4


@pytest.mark.parametrize("name", DIRECTIONS)
def test_a_direction_moves_the_notes_of_its_bars_along_its_own_way(name, places, space):
    moved = offsets([parse_direction(f"{name}:bars=2-4:amount=0.5", space)], places, space)
    inside = (places.numbers >= 2) & (places.numbers <= 4)
    inside |= (name == "fermata") & (places.positions == places.positions[places.numbers > 4][0])
    assert moved.dtype == np.float32 and not moved[~inside].any() and moved[inside].any()
    meaning = DIRECTIONS[name]
    along = moved @ space.moves[meaning.quality] / (space.moves[meaning.quality] ** 2).sum()
    np.testing.assert_allclose(moved, along[:, None] * space.moves[meaning.quality], atol=1e-5)
    assert np.abs(along).max() <= abs(0.5 * meaning.deviations) + 1e-5
    assert (along[inside] * meaning.deviations >= 0).all()


def test_an_arpeggio_is_written_into_the_score(places, space):
    said = tuple(parse_direction(text, space) for text in ("arpeggio:bars=2-4", "arpeggio:bars=4:amount=-0.5", "forte"))
    plan = plan_style(StyleChoice(directed=said), places, space)
    expected = np.where(places.numbers == 4, -1, (places.numbers == 2) | (places.numbers == 3))
    np.testing.assert_array_equal(plan.arpeggios, expected)
    assert not offsets(said[:2], places, space).any() and not tempo_octaves(said[:2], places).any()


def test_shapes(places):
    inside = (places.numbers >= 2) & (places.numbers <= 4)
    quarters = places.positions[inside]
    np.testing.assert_allclose(places.weights("even", Bars(2, 4))[inside], 1)
    np.testing.assert_allclose(places.weights("rising", Bars(2, 4))[inside], (quarters - 4) / 12)
    np.testing.assert_allclose(places.weights("downbeats", Bars(2, 4))[inside], quarters % 4 == 0)
    held = np.unique(quarters[np.floor(quarters) == np.floor(quarters[-1])])[0]
    after = (places.positions > held) & (places.positions <= places.positions[places.numbers == 5][0])
    np.testing.assert_allclose(places.weights("after last beat", Bars(2, 4)), after)
    assert places.weights("rising", None).max() < 1 and places.weights("rising", None)[0] == 0
    final = places.positions > np.unique(places.positions[places.segments[:, 1] == places.segments[-1, 1]])[0]
    np.testing.assert_allclose(places.weights("after last beat", None), final)


def test_bars_that_are_repeated_are_moved_each_time():
    once, twice = Places(score_of()), Places(score_of([1, 2, 3, 2, 3, *range(4, BARS - 1)]))
    first = once.weights("rising", Bars(2, 3))
    np.testing.assert_allclose(twice.weights("rising", Bars(2, 3))[first > 0], first[first > 0])
    second = twice.weights("rising", Bars(2, 3))[(twice.positions >= 12) & (twice.positions < 20)]
    quarters = twice.positions[(twice.positions >= 12) & (twice.positions < 20)]
    np.testing.assert_allclose(second, (quarters - 12) / 8)
    same = Places(score_of([1, 2, 2, *range(3, BARS)]))
    quarters = same.positions[same.numbers == 2]
    np.testing.assert_allclose(same.weights("rising", Bars(2, 2))[same.numbers == 2], quarters % 4 / 4)


def test_a_score_without_measures_is_one_bar(space):
    score = score_of()
    bare = Score(score.notes, score.measures[:0], score.time_signatures, score.tempos, score.markings, has_markings=False)
    assert Places(bare).weights("rising", Bars(1, 1)).max() < 1
    with pytest.raises(UsageError, match="its bars are 1 to 1"):
        Places(bare).inside(Bars(1, 2))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cresendo", "no direction is called 'cresendo'; allowed: crescendo, .*; did you mean 'crescendo'?"),
        ("crescendo:amount=5", "got '5', allowed: a number from -3 to 3"),
        ("crescendo:amount=nan", "got 'nan', allowed: a number"),
        ("crescendo:bars=16-9", "'16-9': expected the numbers of the first and the last bar, in order, as in 9-16"),
        ("crescendo:bars=a", "'a': expected the numbers"),
        ("crescendo:bar=9", "got 'bar=9', allowed after a colon: bars=, amount=, once each"),
        ("crescendo:bars=9:bars=10", "got 'bars=10', allowed"),
        ("crescendo:0.5", "got '0.5', allowed after"),
    ],
)
def test_wrong_directions_are_said_in_a_line(text, said, space):
    with pytest.raises(UsageError, match=said) as raised:
        parse_direction(text, space)
    assert text in str(raised.value) and "\n" not in str(raised.value)


def test_a_direction_that_was_not_learnt_is_not_known(space):
    without = StyleSpace(LATENTS, space.mean, space.components, {"pace": space.moves["pace"]}, {})
    with pytest.raises(UsageError, match="no direction is called 'forte'; allowed: accelerando, ritardando, faster, slower, arpeggio$"):
        parse_direction("forte", without)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("piece-9=1", "no knob is called 'piece-9'; allowed: loudness, piece-1, bar-2, .*bar:1 to bar:2.*; did you mean 'piece-1'?"),
        ("bar-2", "expected a value, as in bar-2=0.5"),
        ("bar-2=loud", "got 'loud', allowed: a number from -3 to 3"),
        ("bar-2=1:amount=1", "got 'amount=1', allowed after a colon: bars=, once each"),
        ("bar:3:1", "expected bar:NUMBER:VALUE, NUMBER 1 to 2"),
        ("bar:0:1", "expected bar:NUMBER:VALUE"),
        ("bar:1", "expected bar:NUMBER:VALUE"),
        ("bar:1:7", "got '7', allowed: a number from -6 to 6"),
    ],
)
def test_wrong_knobs_are_said_in_a_line(text, said, space):
    with pytest.raises(UsageError, match=said):
        parse_knob(text, space)


def test_knobs_and_latents(places, space):
    np.testing.assert_allclose(parse_knob("bar-2=-2", space).move, -2 * space.components[4])
    np.testing.assert_allclose(parse_knob("loudness=0.5", space).move, 0.5 * space.moves["loudness"])
    latent = parse_knob("beat:2:+0.5:bars=1-3", space)
    assert latent.bars == Bars(1, 3) and np.flatnonzero(latent.move).tolist() == [6] and latent.move[6] == 0.5
    whole = offsets([parse_knob("piece-1=1", space), parse_knob("piece-1=1:bars=2", space)], places, space)
    np.testing.assert_allclose(whole, (1 + (places.numbers == 2))[:, None] * space.components[0], rtol=1e-5)


def test_bars_outside_the_piece_are_said(places, space):
    with pytest.raises(UsageError, match=f"bars 2-99: the score has not all of them; its bars are 1 to {BARS}"):
        plan_style(StyleChoice(directed=(parse_direction("forte:bars=2-99", space),)), places, space)
    with pytest.raises(UsageError, match="bars 0-1: the score has not all of them"):
        plan_style(StyleChoice(reference=np.zeros((NOTES, WIDTH)), bars=Bars(0, 1)), places, space)


def test_what_a_style_begins_with(places, space):
    expected = np.random.default_rng(1).normal(size=(NOTES, WIDTH)).astype(np.float32)
    whole = slice(0, NOTES)
    np.testing.assert_allclose(plan_style(StyleChoice(), places, space).styles(whole, expected), expected)
    assert not plan_style(StyleChoice("deadpan"), places, space).styles(whole, expected).any()
    drawn = plan_style(StyleChoice("drawn", 3), places, space).styles(whole, expected)
    np.testing.assert_allclose(drawn, drawn_styles(places.segments, space, 3), rtol=1e-5)
    assert (drawn != plan_style(StyleChoice("drawn", 4), places, space).styles(whole, expected)).any()
    assert drawn.dtype == np.float32


def test_a_drawn_style_is_one_for_each_segment_and_as_wide_as_humans(space):
    segments = np.stack([np.arange(40000) // 8, np.arange(40000) // 4, np.arange(40000) // 2], axis=1)
    drawn = drawn_styles(segments, space, 1)
    assert (drawn[:, :3] == drawn[0, :3]).all()
    bars = drawn[:, 3:5].reshape(-1, 8, 2)
    assert (bars == bars[:, :1]).all() and (bars[0] != bars[1]).any()
    np.testing.assert_allclose(np.cov(bars[:, 0].T), space.components[3:5, 3:5].T @ space.components[3:5, 3:5], atol=0.1)
    np.testing.assert_allclose(drawn[:, 5:].mean(0), space.mean[5:], atol=0.1)


def test_a_reference_is_blended_in_its_bars(places, space):
    random = np.random.default_rng(2)
    expected, reference = random.normal(size=(2, NOTES, WIDTH))
    plan = plan_style(StyleChoice(reference=reference, amount=0.25, bars=Bars(2, 3)), places, space)
    inside = (places.numbers >= 2) & (places.numbers <= 3)
    found = plan.styles(slice(0, NOTES), expected)
    np.testing.assert_allclose(found[~inside], expected[~inside], atol=1e-5)
    np.testing.assert_allclose(found[inside], 0.75 * expected[inside] + 0.25 * reference[inside], atol=1e-5)
    over_drawn = plan_style(StyleChoice("drawn", 1, reference, amount=0.5), places, space).styles(slice(0, NOTES), expected)
    np.testing.assert_allclose(over_drawn, (drawn_styles(places.segments, space, 1) + reference) / 2, atol=1e-5)


def test_the_manner_of_another_piece_is_added_in_its_bars(places, space):
    random = np.random.default_rng(4)
    expected, theirs = random.normal(size=(NOTES, WIDTH)), random.normal(size=(99, WIDTH))
    difference = np.arange(WIDTH) / 8
    plan = plan_style(StyleChoice(manner=manner(theirs + difference, theirs), amount=0.5, bars=Bars(2, 3)), places, space)
    inside = (places.numbers >= 2) & (places.numbers <= 3)
    found = plan.styles(slice(0, NOTES), expected) - expected
    np.testing.assert_allclose(found, inside[:, None] * difference / 2, atol=1e-5)


def test_parts_of_a_plan_are_those_of_the_whole_and_knobs_turn_while_it_plays(places, space):
    expected = np.random.default_rng(3).normal(size=(NOTES, WIDTH))
    choice = StyleChoice(reference=np.ones((NOTES, WIDTH)), amount=0.5, bars=Bars(3, 5), directed=(Directed(np.ones(WIDTH), "rising"),))
    plan = plan_style(choice, places, space, {"piece-1": 1.0})
    whole = plan.styles(slice(0, NOTES), expected)
    parts = [plan.styles(slice(start, start + 7), expected[start : start + 7]) for start in range(0, NOTES, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    turned = plan.turned("piece-1", -1.0).turned("bar-2", 0.5)
    change = turned.styles(slice(0, NOTES), expected) - whole
    np.testing.assert_allclose(change, np.tile(-2 * space.components[0] + 0.5 * space.components[4], (NOTES, 1)), atol=1e-5)
    np.testing.assert_array_equal(plan.styles(slice(0, NOTES), expected), whole)


def test_the_tempo_is_changed_where_it_is_said(places, space):
    space = replace(space, meanings={"pace": "tempo", "loudness": "velocity"})
    texts = ("accelerando:bars=2-4:amount=0.5", "slower:bars=4", "forte", "fermata:bars=3")
    said = tuple(parse_direction(text, space) for text in texts)
    plan = plan_style(StyleChoice(directed=(*said, parse_knob("pace=0.5:bars=1", space))), places, space)
    some = slice(5, 9)
    rising = DIRECTIONS["accelerando"].deviations * 0.5 * places.weights("rising", Bars(2, 4))
    deviations = rising + DIRECTIONS["slower"].deviations * (places.numbers == 4) + 0.5 * (places.numbers == 1)
    expected = np.linspace(-0.2, 0.2, NOTES)
    np.testing.assert_allclose(plan.tempos(slice(0, NOTES), expected), 2 ** (expected + 0.25 * deviations))
    turned = plan.turned("pace", 2.0).tempos(some, expected[some])
    np.testing.assert_allclose(turned, 2 ** (expected[some] + 0.25 * deviations[some] + 0.5))
    assert (plan.turned("loudness", 2.0).tempos(slice(0, 9), expected[:9]) == plan.tempos(slice(0, 9), expected[:9])).all()


def test_the_tempo_is_to_be_expected_as_far_as_the_style_is(places, space):
    expected, reference = np.linspace(-0.2, 0.2, NOTES), np.ones((NOTES, WIDTH))
    plan = plan_style(StyleChoice(reference=reference, amount=0.75, bars=Bars(3, 5)), places, space)
    kept = np.where((places.numbers >= 3) & (places.numbers <= 5), 0.25, 1)
    np.testing.assert_allclose(plan.tempos(slice(0, NOTES), expected), 2 ** (kept * expected))
    assert (plan_style(StyleChoice("deadpan"), places, space).tempos(slice(0, NOTES), expected) == 1).all()


def test_a_space_that_does_not_know_tempos_changes_none(places, space):
    bare = replace(space, deviations={})
    plan = plan_style(StyleChoice(directed=(parse_direction("faster", bare),)), places, bare)
    assert (plan.tempos(slice(0, NOTES), np.zeros(NOTES)) == 1).all()


def test_knobs_are_controls(space):
    controls = {control.name: control for control in knob_controls(space)}
    assert list(controls) == ["loudness", "piece-1", "bar-2"] and controls["piece-1"].help == "tempo"
    assert controls["bar-2"].default == 0 and controls["bar-2"].from_controller(127) == 3


def test_a_reference_is_read_where_it_is_performed():
    tokens = np.full((6, len(FIELDS)), SPECIALS + 8)
    tokens[[0, 3], VELOCITY] = SPECIALS
    segments = np.arange(18).reshape(6, 3)

    def read_style(performed, within):
        assert (performed[:, VELOCITY] > SPECIALS).all()
        return within[:, :1].astype(np.float32)

    np.testing.assert_array_equal(reference_styles(read_style, tokens, segments)[:, 0], [3, 3, 6, 6, 12, 15])
    tokens[:, VELOCITY] = SPECIALS
    with pytest.raises(ValueError, match="at least one performed note"):
        reference_styles(read_style, tokens, segments)


def test_a_performance_is_encoded_beside_its_score():
    score = score_of()
    notes = score.notes
    tokens = encode_score(notes, score.measures, score.time_signatures, np.full(NOTES, 90.0), np.full(NOTES, 64))
    performed = Performed(0.5 * notes["onset_quarter"], np.full(NOTES, 0.4), 30 + np.arange(NOTES) % 90, Pedal(np.empty(0), np.empty(0)))
    styles = performed_styles(lambda tokens, within: tokens, score, tokens, Places(score).segments, performed)
    np.testing.assert_array_equal(styles[:, VELOCITY], SPECIALS + 30 + np.arange(NOTES) % 90)


def test_a_style_space_is_kept_in_a_file(tmp_path, space):
    path = tmp_path / "space.safetensors"
    space.save(path)
    found = open_style_space(path, LATENTS)
    assert found.deviations == {"pace": 0.25, "loudness": 10.0}
    assert found.latents == LATENTS and found.meanings == space.meanings and list(found.moves) == list(space.moves)
    np.testing.assert_array_equal(found.components, space.components)
    for name, knob in space.knobs.items():
        np.testing.assert_array_equal(found.knobs[name], knob)
    with pytest.raises(PerfLiveError, match=r"found latents \(3, 2, 2, 1\), the model has \(32, 20, 8, 4\)"):
        open_style_space(path, (32, 20, 8, 4))


def test_other_files_are_refused(tmp_path):
    for name, content in (("none", None), ("text", b"hello"), ("cut", b"\x08\0\0\0\0\0\0\0{"), ("empty", b"")):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(PerfLiveError, match="as a style space") as raised:
            open_style_space(path, LATENTS)
        assert "\n" not in str(raised.value)
    save_file({"x": np.zeros(2)}, tmp_path / "other")
    with pytest.raises(PerfLiveError, match="as a style space: it is no style space of format"):
        open_style_space(tmp_path / "other", LATENTS)


def test_requests_say_what_contradicts_itself():
    for request, said in (
        (StyleRequest(style_bars="1-2", style_amount=0.5), "--style-bars, --style-amount: .*give --style-from"),
        (StyleRequest(style_score=Path("x.mid")), "--style-score: .*give --style-from"),
        (StyleRequest(deadpan=True, style_seed=1), "--deadpan and --style-seed"),
    ):
        with pytest.raises(UsageError, match=said):
            request.check()
    assert not StyleRequest() and StyleRequest(direct=("forte",)) and StyleRequest(deadpan=True)


def test_requests_become_choices(space):
    style = {"style_from": Path("a.mid"), "style_bars": "2-3", "style_amount": 0.5, "style_seed": 7}
    request = StyleRequest(direct=("forte", "piano:bars=2"), knob=("bar:1:1",), **style)
    choice = parse_style(request, space)
    assert (choice.base, choice.seed, choice.amount, choice.bars) == ("drawn", 7, 0.5, Bars(2, 3))
    assert [each.bars for each in (*choice.said, *choice.directed)] == [None, Bars(2, 2), None]
    assert parse_style(StyleRequest(deadpan=True), space).base == "deadpan"
    assert parse_style(StyleRequest(), space) == StyleChoice()
    with pytest.raises(UsageError, match="--style-bars 'x': expected the numbers"):
        parse_style(StyleRequest(style_from=Path("a.mid"), style_bars="x"), space)
