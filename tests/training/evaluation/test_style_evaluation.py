"""What perf-eval score-performer measures: excerpts, what is heard of them, trials of directions, manners, and pictures of style spaces."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from score_fixtures import attributes, musicxml, note
from score_performer_pieces import made_up_item, made_up_score
from synthetic_score_performer import LATENTS, STYLE, write_models
from typer.testing import CliRunner

from engine.midi.events import is_note_on
from engine.midi.file import read_midi_file
from engine.performers.controls import MODEL
from engine.performers.score_performer.directions import DIRECTIONS, Directed, Places
from engine.performers.score_performer.performer import STYLE_SPACE_FILE, load_performer
from engine.performers.score_performer.style import StyleChoice, plan_style
from engine.performers.score_playing.shaping.directions import Bars
from engine.performers.setup import Setup
from engine.score.files import read_score
from engine.score.tables import MEASURE_DTYPE
from engine.session import ScoreOptions, render_score
from engine.systems.score_performer import StyleRequest
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from models.score_performer.representation import encode_performance
from models.score_performer.style_space import StyleSpace
from models.score_performer.vocabulary import SPECIALS, VELOCITY
from training.evaluation.command import app
from training.evaluation.score_performer import command as styles_command
from training.evaluation.score_performer.excerpts import FOLLOWING_BARS, LEAD_BARS, STYLED_BARS, Excerpt, Renderer, cut, excerpts
from training.evaluation.score_performer.spaces import draw_spaces, read_pieces
from training.evaluation.score_performer.transfer import MOST_PIANISTS, TYPICAL, compare_pianists, distance
from training.evaluation.score_performer.trials import MEASURES, Passage, direction_trials, summarise
from training.score_performer.data import score_tokens, token_piece

NOTES = 320


@pytest.fixture(scope="module")
def score():
    return made_up_score(NOTES)


@pytest.fixture(scope="module")
def space():
    random = np.random.default_rng(0)
    moves = {quality: random.normal(size=STYLE) for quality in ("loudness", "pace", "delay", "length")}
    moves["loudness"][:] = np.eye(STYLE)[0] / 2  # what makes the synthetic model louder
    return StyleSpace(LATENTS, np.zeros(STYLE), np.eye(STYLE), moves, {})


@pytest.fixture(scope="module")
def performer(tmp_path_factory, space):
    folder = write_models(tmp_path_factory.mktemp("models"))
    space.save(folder / STYLE_SPACE_FILE)
    return load_performer(folder, None)


def played(score, seconds, lengths=0.9, velocities=60):
    """Return a performance with ``seconds`` (N,) as onsets, and lengths as shares at a quarter a half second."""
    durations = lengths * 0.5 * score.notes["duration_quarter"]
    pedal = Pedal(np.empty(0), np.empty(0, dtype=np.int64))
    velocity = np.broadcast_to(np.asarray(velocities, dtype=np.int64), len(score.notes)).copy()
    return Performed(np.asarray(seconds, float), durations, velocity, pedal)


def tokens_of(score, performed):
    tokens, segments = score_tokens(score)
    return encode_performance(tokens, segments, score.notes, performed).tokens


def test_excerpts_have_bars_before_and_after(score):
    found = excerpts(score, 3)
    assert len(found) == 3 and len({excerpt.rows.start for excerpt in found}) == 3
    for excerpt in found:
        assert excerpt.bars.last - excerpt.bars.first + 1 == STYLED_BARS
        numbers = excerpt.score.measures["number"]
        assert len(numbers) == LEAD_BARS + STYLED_BARS + FOLLOWING_BARS and numbers[LEAD_BARS] == excerpt.bars.first
        np.testing.assert_array_equal(excerpt.score.notes, score.notes[excerpt.rows])
        np.testing.assert_array_equal(np.unique(Places(excerpt.score).numbers), numbers)
    assert len(excerpts(score, 1000)) <= len(score.measures)


def test_bars_that_are_repeated_or_have_a_single_onset_are_no_excerpts(score):
    part, _ = cut(score, 0, 14)
    assert len(excerpts(part, 1)) == 1 and excerpts(cut(score, 0, 13)[0], 1) == []
    again = part.measures.copy()
    again["number"][7:] -= 7
    assert excerpts(_with(part, measures=again), 1) == []
    inside = np.searchsorted(part.notes["onset_quarter"], (16 - 1e-6, 20 - 1e-6))
    kept = np.delete(np.arange(len(part.notes)), np.arange(inside[0] + 1, inside[1]))
    assert excerpts(_with(part, notes=part.notes[kept], markings=part.markings[kept]), 1) == []


def _with(score, **changes):
    return replace(score, **changes)


def test_what_is_heard_of_a_steady_performance(score):
    part = cut(score, 0, 14)[0]
    quarters = part.notes["onset_quarter"]
    heard = Passage(part, played(part, 0.5 * quarters), Bars(3, 10))
    assert heard.velocity() == 60 and heard.velocity_rise() == pytest.approx(0) and heard.accent() == 0
    assert heard.tempo() == pytest.approx(np.log2(120), abs=0.02) and heard.tempo_rise() == pytest.approx(0, abs=0.02)
    assert heard.last_tempo() == pytest.approx(np.log2(120), abs=0.03)
    assert heard.length() == pytest.approx(np.log2(0.9), abs=0.05)


def test_what_changes_is_heard(score):
    part = cut(score, 0, 14)[0]
    quarters, places = part.notes["onset_quarter"], Places(part)
    bars = Bars(3, 10)
    growing = Passage(part, played(part, 0.5 * quarters, velocities=np.round(40 + quarters).astype(int)), bars)
    assert growing.velocity_rise() == pytest.approx(np.ptp(quarters[places.inside(bars)]), abs=1)
    accents = Passage(part, played(part, 0.5 * quarters, velocities=50 + 20 * (quarters % 4 == 0)), bars)
    assert accents.accent() == 20
    begin, end = 8.0, 40.0
    slowing = np.cumsum(np.diff(quarters, prepend=0) * 0.5 * 2 ** np.clip((quarters - begin) / (end - begin), 0, 1))
    heard = Passage(part, played(part, slowing), bars)
    assert heard.tempo_rise() == pytest.approx(-1, abs=0.1)
    assert Passage(part, played(part, slowing), Bars(11, 14)).tempo() == pytest.approx(np.log2(60), abs=0.03)
    held = 0.5 * quarters + 0.2 * (quarters >= 40)
    beat = quarters[places.inside(bars)]
    wait = 40 - np.unique(beat[np.floor(beat) == np.floor(beat[-1])])[0]
    heard = Passage(part, played(part, held), bars)
    first_after = quarters[quarters >= 40][0]
    span = first_after - 40 + wait
    steady = Passage(part, played(part, 0.5 * quarters), bars).last_tempo()
    assert heard.last_tempo() == pytest.approx(steady - np.log2(1 + 0.2 / (0.5 * span)), abs=0.05)


def test_silent_notes_are_not_heard(score):
    part = cut(score, 0, 14)[0]
    performed = played(part, 0.5 * part.notes["onset_quarter"])
    whole = Passage(part, performed, Bars(3, 10))
    performed.velocity[60:70] = 0
    performed.onset_sec[60:70] = np.nan
    some = Passage(part, performed, Bars(3, 10))
    assert np.isnan(some.velocities[60:70]).all() and some.velocity() == 60
    assert some.tempo() == pytest.approx(whole.tempo(), abs=0.02) and distance(some, whole) == pytest.approx(0, abs=0.1)


class Obedient:
    """Plays steadily, and does exactly what a style says: 5 velocities, a quarter octave of tempo, half an octave of length a deviation."""

    def __init__(self, space, forgets=0):
        self.space, self.forgets = space, forgets

    def __call__(self, score, choice, seed):
        names = ("loudness", "pace", "length", "delay")
        ways = np.linalg.pinv(np.stack([self.space.moves[name] for name in names]))
        found = []
        for each in choice:
            style = plan_style(each, Places(score), self.space).styles(slice(0, len(score.notes)), np.zeros((len(score.notes), STYLE)))
            moved = dict(zip(names, (style @ ways).T, strict=True))
            late = np.cumsum(np.diff(score.notes["onset_quarter"], prepend=0) * 0.5 * 2 ** (moved["delay"] - 0.25 * moved["pace"]))
            velocity = np.round(60 + 5 * moved["loudness"]).astype(int)
            velocity[:2] -= self.forgets * (len(found) > 0)
            found.append(played(score, late, 0.8 * 2 ** (0.2 * moved["length"] - 0.25 * moved["pace"]), velocity))
        return found


def test_directions_that_are_followed_go_the_right_way(score, space):
    excerpt = excerpts(score, 1)[0]
    figures = summarise([direction_trials(excerpt, Obedient(space), space, seed) for seed in range(2)])
    assert set(figures) == {*DIRECTIONS, "forte against piano"} and set(MEASURES) == set(DIRECTIONS)
    for name, row in figures.items():
        assert (row.trials, row.right) == (2, 1.0), name
        assert row.before == 0 or row.unit == "octaves", name  # tokens begin with a tempo that follows from all that is played
        assert max(row.after) < 0.5 if name not in ("fermata",) else row.after[0] == 0
    assert figures["forte"].effect == pytest.approx(7.5, abs=0.6) and figures["forte against piano"].effect == pytest.approx(15, abs=1)
    assert figures["slower"].effect == pytest.approx(0.25, abs=0.05) and figures["crescendo"].effect == pytest.approx(10, abs=2)


def test_directions_that_are_not_followed_go_no_way(score, space):
    excerpt = excerpts(score, 1)[0]
    deaf = {name: 0 * move for name, move in space.moves.items()}
    figures = summarise([direction_trials(excerpt, Obedient(space), StyleSpace(LATENTS, space.mean, space.components, deaf, {}), 0)])
    assert all(row.right == 0 and row.effect == 0 for row in figures.values())
    forgetful = summarise([direction_trials(excerpt, Obedient(space, forgets=7), space, 0)])
    assert forgetful["forte"].before > 0


def test_what_follows_is_compared(score, space):
    excerpt = excerpts(score, 1)[0]

    def render(part, choice, seed):
        plain, *others = Obedient(space)(part, choice, seed)
        after = Places(part).numbers > excerpt.bars.last
        for performed in others:
            performed.velocity[after] += 3
        return [plain, *others]

    figures = summarise([direction_trials(excerpt, render, space, 0)])
    assert figures["staccato"].inside[2] == pytest.approx(-0.25, abs=0.1)
    assert figures["staccato"].after[0] == 3 and figures["forte against piano"].after[0] == 0


def test_the_engine_renders_excerpts(performer, score, space):
    part = cut(score, 0, 4)[0]
    loud = StyleChoice(manner=space.moves["loudness"])
    render = Renderer(performer)
    plain, louder, again = render(part, [StyleChoice(), loud, StyleChoice()], 1)
    assert_same(plain, again)
    assert (louder.velocity - plain.velocity).mean() > 3 and (render(part, [StyleChoice()], 2)[0].onset_sec != plain.onset_sec).any()
    central = Renderer(performer, temperature=0)
    assert_same(central(part, [StyleChoice()], 1)[0], central(part, [StyleChoice()], 2)[0])


def assert_same(one, other, rows=slice(None)):
    for name in ("onset_sec", "duration_sec", "velocity"):
        np.testing.assert_array_equal(getattr(one, name)[rows], getattr(other, name)[rows])


def test_excerpts_are_played_as_perf_render_writes_them(tmp_path, performer):
    path = tmp_path / "piece.musicxml"
    bars = [attributes() + "".join(note(step, 4) for step in "CDEF"), *["".join(note(step, 4, 5) for step in "GAFD")] * 3]
    path.write_text(musicxml(bars))
    setup = Setup(performer, 3, {"temperature": 1.0, "level": MODEL}, request=StyleRequest())
    render_score(setup, path, [tmp_path / "written.mid"], ScoreOptions(on_bars=False))
    heard = Renderer(performer)(read_score(path), [StyleChoice()], 3)[0]
    struck = [event for event in read_midi_file(tmp_path / "written.mid").events if is_note_on(event.message)]
    assert [event.message[2] for event in struck] == heard.velocity.tolist() and len(struck) == 16
    times = np.array([event.time_ns for event in struck]) / 1e9
    np.testing.assert_allclose(times - times[0], heard.onset_sec - heard.onset_sec[0], atol=0.002)


def test_the_engine_changes_the_tempo_where_it_is_said(performer, score):
    part = cut(score, 0, 10)[0]
    still = np.zeros(STYLE)
    choice = [StyleChoice(), *(StyleChoice(directed=(Directed(still, "even", bars, octaves=0.5),)) for bars in (None, Bars(3, 6)))]
    plain, faster, within = Renderer(performer, 0)(part, choice, 1)
    for bars, by_all, by_some in ((Bars(1, 2), 0.5, 0), (Bars(4, 6), 0.5, 0.5), (Bars(8, 10), 0.5, 0)):
        tempo = Passage(part, plain, bars).tempo()
        assert Passage(part, faster, bars).tempo() - tempo == pytest.approx(by_all, abs=0.1)
        assert Passage(part, within, bars).tempo() - tempo == pytest.approx(by_some, abs=0.1)
    assert_same(within, plain, Places(part).numbers < 3)


def pianists(score):
    """A soft, slow one and a loud, fast one."""
    random = np.random.default_rng(5)
    quarters = score.notes["onset_quarter"]
    return np.stack(
        [
            tokens_of(score, played(score, pace * quarters, velocities=loudness + random.integers(-5, 5, len(quarters))))
            for pace, loudness in ((0.7, 40), (0.4, 90))
        ]
    )


def test_manners_are_compared_both_ways(performer, score):
    pairs = compare_pianists(score, pianists(score), Renderer(performer, 0), 0)
    assert len(pairs) == 2 and all(pair.own != pair.other for pair in pairs)
    same = compare_pianists(score, np.repeat(pianists(score)[:1], 3, axis=0), Renderer(performer, 0), 0)
    assert len(same) == 6 and all(pair.own == pair.other for pair in same)
    many = np.repeat(pianists(score), 4, axis=0)
    assert len(compare_pianists(score, many, Renderer(performer, 0), 0)) == MOST_PIANISTS * (MOST_PIANISTS - 1)
    assert compare_pianists(score, pianists(score)[:1], Renderer(performer, 0), 0) == []
    assert compare_pianists(cut(score, 0, 14)[0], pianists(cut(score, 0, 14)[0]), Renderer(performer, 0), 0) == []


def test_a_manner_is_learnt_outside_the_bars_and_nearer_to_its_own(score, space):
    """With a style reader that knows how loud notes are, and a performer that does as it is told."""
    excerpt = excerpts(score, 1)[0]
    asked = []

    class Networks:
        window = NOTES

        def read_score_window(self, tokens, features, window):
            notes = window.kept.stop - window.kept.start
            return np.zeros((notes, 1)), np.zeros((notes, STYLE)), np.zeros(notes)

        def read_style(self, tokens, segments):
            asked.append(len(tokens))
            return ((tokens[:, VELOCITY] - SPECIALS - 60) / 5)[:, None] * space.moves["loudness"]

    render = Obedient(space)
    render.performer = SimpleNamespace(networks=Networks())
    pairs = compare_pianists(score, pianists(score), render, 0)
    assert asked == [NOTES - (excerpt.rows.stop - excerpt.rows.start)] * 2
    assert all(pair.own < pair.other for pair in pairs)
    spoilt = pianists(score)
    spoilt[:, excerpt.rows] = spoilt[::-1, excerpt.rows]
    assert all(pair.own > pair.other for pair in compare_pianists(score, spoilt, render, 0))


def test_distances_are_in_deviations(score):
    part = cut(score, 0, 14)[0]
    quarters = part.notes["onset_quarter"]
    bars = Bars(1, 14)
    steady = Passage(part, played(part, 0.5 * quarters), bars)
    louder = Passage(part, played(part, 0.5 * quarters, velocities=60 + 2 * int(TYPICAL[0])), bars)
    faster = Passage(part, played(part, 0.25 * quarters, 0.45), bars)
    assert distance(steady, louder) == pytest.approx(2 / 3, abs=0.02)
    assert distance(steady, faster) == pytest.approx(1 / TYPICAL[1] / 3, abs=0.1)


@pytest.fixture(scope="module")
def pieces(score):
    score.markings["dynamic"][NOTES // 2 :] = 6
    other = made_up_score(90, seed=3)
    made = (("one", 1, score), ("one", 2, score), ("two", 3, other))
    items = [made_up_item(len(each.notes), seed, str(seed), name, each) for name, seed, each in made]
    return [(token_piece(items[:2]), score), (token_piece(items[:1]), score), (token_piece(items[2:]), other)]


def test_styles_of_pieces_are_counted_on(performer, pieces):
    notes = read_pieces(performer.networks, pieces[1:])
    assert len(notes.styles) == (NOTES - 1) + 89 and notes.styles.shape[1] == STYLE
    assert np.unique(notes.segments[:, 0]).tolist() == [0, 1] and (np.diff(notes.segments, axis=0) >= 0).all()
    bars = notes.segments[:, 1]
    assert bars[notes.pieces == 1].min() > bars[notes.pieces == 0].max()
    assert (notes.labels[:, 0] == 6).sum() == NOTES // 2


@pytest.mark.parametrize("few", [True, False])
def test_style_spaces_are_drawn(tmp_path, performer, pieces, space, few):
    notes = read_pieces(performer.networks, pieces if few else pieces * 2)
    draw_spaces(tmp_path / "spaces.png", notes, space, "styles")
    assert (tmp_path / "spaces.png").read_bytes()[:4] == b"\x89PNG"


def test_the_command(tmp_path, performer, pieces, monkeypatch):
    monkeypatch.setattr(styles_command, "load_token_pieces", lambda root, split, cache: [piece for piece, _ in pieces])
    monkeypatch.setattr(styles_command, "load_scores", lambda root, split, cache: [score for _, score in pieces])
    monkeypatch.setattr(styles_command, "load_performer", lambda model, lookahead: performer)
    options = ["score-performer", "--data", str(tmp_path), "--classifiers", "--picture", str(tmp_path / "s.png")]
    shown = CliRunner().invoke(app, [*options, "--json"], catch_exceptions=False)
    found = json.loads(shown.stdout)
    assert found["directions"]["forte"]["trials"] == 1 and found["directions"]["forte"]["right"] == 1
    assert found["transfer"]["pieces"] == 1 and found["transfer"]["comparisons"] == 2
    assert "pp" in found["classifiers"]["dynamic"]["too_few"] and (tmp_path / "s.png").exists()
    table = CliRunner().invoke(app, [*options, "--pieces", "two", "--trials", "0"], catch_exceptions=False).stdout
    assert "class prior" in table and "directions, applied" not in table
    nothing = CliRunner().invoke(app, ["score-performer", "--data", str(tmp_path), "--pieces", "three"])
    assert "no validation piece has 'three' in its name; they are: one, two" in str(nothing.exception)


def test_a_score_without_measures_is_no_excerpt(score):
    assert excerpts(_with(score, measures=np.empty(0, MEASURE_DTYPE)), 1) == []
    assert isinstance(excerpts(score, 1)[0], Excerpt)
