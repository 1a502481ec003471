"""What following and accompanying are judged by, on a performance that is known."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import symusic
from duos import LULLABY, lullaby, written_rendition

from engine.base.errors import PerfLiveError, UsageError
from engine.midi.events import Event
from engine.performers.registry import load_performer
from engine.runtime.following.practising.practice import HUMANS, Range, practise
from engine.runtime.following.rendition import Rendition
from engine.runtime.following.solo import written_sec
from engine.runtime.following.timing import Timing
from engine.score.piece import Piece
from engine.score.tables import TIME_SIGNATURE_DTYPE
from training.datasets.aligned import PERFORMED_DTYPE, AlignedPerformance
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE
from training.evaluation.ensemble.following import duet_command
from training.evaluation.ensemble.following.duets import DuetTake, Meeting, fit_timing, late
from training.evaluation.ensemble.following.practice_command import practice
from training.evaluation.ensemble.following.pymatchmaker import Matchmaker
from training.evaluation.ensemble.following.ranges import measure
from training.evaluation.ensemble.following.takes import STROKE_DTYPE, WHOLE, Take, of_hand
from training.evaluation.ensemble.following.trials import (
    beats_to_find_after_leaps,
    follow,
    judge,
    quarters_without_repeat,
    with_errors,
)

PIECE = lullaby()
PIANO = PIECE.tracks == 1


@pytest.fixture
def take() -> Take:
    rows = np.flatnonzero(PIANO)
    strokes = np.zeros(len(rows), STROKE_DTYPE)
    strokes["onset_sec"] = written_sec(PIECE.score, PIECE.score.notes["onset_quarter"][rows])
    strokes["pitch"], strokes["row"] = PIECE.score.notes["pitch"][rows], rows
    return Take("lullaby", "piano", PIECE.score, PIANO, strokes, written_sec(PIECE.score, PIECE.score.notes["onset_quarter"]))


def test_positions_are_judged_by_the_time_at_which_they_were_played(take: Take) -> None:
    true = PIECE.score.notes["onset_quarter"][take.strokes["row"]]
    assert judge(take, take.strokes, true).close.all()
    a_little = judge(take, take.strokes, true + 0.05)  # 40 ms at 76 quarters a minute
    assert a_little.close[:-3].all() and a_little.near.all()
    beside = judge(take, take.strokes, true + 0.5)
    assert not beside.close[:-3].any() and beside.near.all()
    assert not judge(take, take.strokes, true + 2).near.any()


def test_a_plain_performance_is_followed(take: Take) -> None:
    trial = judge(take, take.strokes, follow(take, take.strokes))
    assert trial.close.mean() > 0.97 and trial.exact.all()


@pytest.mark.parametrize(("beats", "beat_type", "beat"), ((6, 8, 1.5), (2, 2, 2.0), (3, 8, 0.5)))
def test_a_beat_is_that_of_the_metre(take: Take, beats: int, beat_type: int, beat: float) -> None:
    score = replace(take.score, time_signatures=np.array([(0, beats, beat_type)], TIME_SIGNATURE_DTYPE))
    played = replace(take, score=score)
    true = score.notes["onset_quarter"][take.strokes["row"]]
    assert judge(played, take.strokes, true - beat).in_beat.all()
    assert not judge(played, take.strokes, true - beat - 0.1).in_beat.any()


def test_a_part_is_both_hands_and_what_is_struck_besides() -> None:
    score = replace(PIECE.score, notes=PIECE.score.notes.copy())
    score.notes["staff"] = np.where(np.arange(len(score.notes)) % 10, 1, 2)
    performed = np.zeros(len(score.notes), PERFORMED_DTYPE)
    performed["onset_sec"] = written_sec(score, score.notes["onset_quarter"])
    played = np.zeros(len(performed) + 1, NOTE_DTYPE)
    played["onset_sec"], played["pitch"] = np.append(performed["onset_sec"], 0.25), np.append(score.notes["pitch"], 20)
    played.sort(order="onset_sec")
    item = AlignedPerformance("", "", score, performed, np.zeros(0, PEDAL_DTYPE), 1)
    both, right = (of_hand(item, played, hand) for hand in (WHOLE, "right"))
    assert both is not None and right is not None
    assert both.solo.all() and len(both.strokes) == len(played)
    assert both.strokes["row"][both.strokes["pitch"] == 20].tolist() == [-1]
    assert right.solo.tolist() == (np.arange(len(performed)) % 10 > 0).tolist() and len(right.strokes) < len(both.strokes)


def test_a_stroke_of_a_trill_may_be_anywhere_in_it_but_not_far_from_where_the_music_is(take: Take) -> None:
    """The piano part, whose first bars are made a trill of a bar: 24 sixths of a quarter less a little."""
    score = take.score
    count = 32
    notes, markings = np.repeat(score.notes[:1], count + 2), np.repeat(score.markings[:1], count + 2)
    notes["onset_quarter"] = np.append(np.arange(count) / 8, [4.0, 5.0])
    notes["pitch"] = np.append(60 + 2 * (np.arange(count) % 2), [64, 65])
    markings["ornament"], notes["is_grace"] = False, False
    other = notes[[0, count, count + 1]].copy()  # the other hand, at 0, 4 and 5 quarters
    other["pitch"] = 40
    trill = replace(score, notes=np.concatenate([notes, other]), markings=np.concatenate([markings, markings[:3]]))
    solo = np.arange(count + 5) < count + 2
    strokes = np.zeros(count, STROKE_DTYPE)
    strokes["onset_sec"], strokes["pitch"], strokes["row"] = np.arange(count) / 8, notes["pitch"][:count], np.arange(count)
    played = Take("trill", "right", trill, solo, strokes, trill.notes["onset_quarter"])
    true = notes["onset_quarter"][:count]
    trial = judge(played, strokes, np.clip(true - 0.5, 0, None))
    assert not trial.exact.any() and trial.in_trill.all() and not trial.close[4:].any()
    assert not judge(played, strokes, np.clip(true - 1.5, 0, None)).in_trill[12:].any()
    assert not judge(played, strokes, np.full(count, 5.0)).in_trill.any()


def repeated(take: Take, times: int) -> Take:
    """Return a take of a figure of two keys that comes ``times`` times, with a key of the other hand, and an onset after it."""
    count = 2 * times + 1
    notes, markings = np.repeat(take.score.notes[:1], count + times), np.repeat(take.score.markings[:1], count + times)
    notes["onset_quarter"] = np.append(np.arange(count) / 2, np.arange(times))
    notes["pitch"] = np.concatenate([60 + np.arange(count - 1) % 2 * 7, [72], np.full(times, 40)])
    solo = np.arange(len(notes)) < count
    strokes = np.zeros(count, STROKE_DTYPE)
    strokes["onset_sec"], strokes["pitch"], strokes["row"] = np.arange(count) / 2, notes["pitch"][:count], np.arange(count)
    return Take("figure", "right", replace(take.score, notes=notes, markings=markings), solo, strokes, notes["onset_quarter"].copy())


def test_of_a_figure_that_repeats_itself_one_time_is_not_told_from_another(take: Take) -> None:
    played = repeated(take, 6)
    true = played.score.notes["onset_quarter"][:13]
    trial = judge(played, played.strokes, np.clip(true - 1, 0, None))
    assert trial.in_figure.tolist() == [True] * 12 + [False] and not trial.close[3:].any() and trial.exact.all()
    assert not judge(played, played.strokes, np.clip(true - 2, 0, None)).in_figure[4:].any()
    assert not judge(played, played.strokes, np.full(13, 6.0)).in_figure[:12].any()
    twice = repeated(take, 2)
    assert not judge(twice, twice.strokes, np.full(5, 0.0)).in_figure[1:].any()


FOLLOWER_PROGRAM = """#!{python}
import json, sys
for line in sys.stdin:
    take = json.loads(line)
    if take["follower"] == "fails":
        sys.exit("out of memory")
    print(json.dumps(dict(quarters=[take["onset_quarter"][0]] * len(take["onset_sec"]), step_ms=[2.0])), flush=True)
"""


def test_another_python_follows_the_same_takes_and_what_it_fails_at_is_said(take: Take, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text(FOLLOWER_PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    with Matchmaker(program) as matchmaker:
        quarters, step_ms = matchmaker.follow("PitchHMM", take)
        assert quarters.tolist() == [PIECE.score.notes["onset_quarter"][PIANO][0]] * len(take.strokes) and step_ms == [2.0]
        with pytest.raises(PerfLiveError, match="fails gave no answer"):
            matchmaker.follow("fails", take)
    with pytest.raises(PerfLiveError, match="give the Python of its environment"):
        Matchmaker(tmp_path / "none")


def test_errors_are_as_many_as_said_and_belong_to_no_note_of_the_score(take: Take) -> None:
    many = Take("", "", take.score, take.solo, np.tile(take.strokes, 40), take.played_sec)
    strokes = with_errors(many.strokes, np.random.default_rng(0), rate=0.1)
    assert len(strokes) == pytest.approx(0.99 * len(many.strokes), rel=0.02)
    assert (strokes["row"] < 0).mean() == pytest.approx(0.18, abs=0.02)
    right = strokes[strokes["row"] >= 0]
    assert (right["pitch"] == PIECE.score.notes["pitch"][right["row"]]).all()
    assert (np.diff(strokes["onset_sec"]) >= 0).all()


def test_leaps_are_found_and_a_score_without_repeats_has_none_to_skip(take: Take) -> None:
    found = list(beats_to_find_after_leaps(take, np.random.default_rng(1), 8))
    assert all(value >= 0 for value in found)
    assert not list(quarters_without_repeat(take))


def test_shared_onsets_are_compared_in_the_mean_and_the_timing_is_that_which_meets() -> None:
    rendition = written_rendition(PIECE)
    onset_sec = rendition.time_at(PIECE.score.notes["onset_quarter"])
    solo = PIECE.tracks == 0
    off_sec = late(PIECE.score.notes, solo, onset_sec, onset_sec + 0.02)
    assert len(off_sec) > 30 and off_sec == pytest.approx(0.02)
    take = DuetTake(onset_sec, np.full(len(solo), 0.3), np.full(len(solo), 60))
    assert isinstance(fit_timing(PIECE, rendition, solo, [take]), Timing)


def test_no_take_is_compared_with_what_was_fitted_on_it_or_rehearsed_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three takes of the piano, which are louder towards the end, each the more so; what each of them learns from is noted."""
    rendition, solo = written_rendition(PIECE), PIECE.tracks == 0
    onset_sec, quarters = rendition.time_at(PIECE.score.notes["onset_quarter"]), PIECE.score.notes["onset_quarter"]
    takes = [DuetTake(onset_sec, np.full(len(solo), 0.3), np.where(quarters > 24, 60 + 10 * number, 50)) for number in range(3)]
    learnt: dict[str, list[list[str]]] = {"fitted": [], "rehearsed": [], "accompanied": []}

    def note(what: str, names: list[str]) -> None:
        learnt[what].append(names)

    def fit(piece: Piece, rendition: Rendition, solo: np.ndarray, others: list[DuetTake]) -> Timing:
        note("fitted", [str(number) for number, each in enumerate(takes) if any(each is other for other in others)])
        return Timing()

    def meet_none(piece: Piece, solo: np.ndarray, take: DuetTake, sent: list[Event]) -> Meeting:
        note("accompanied", [str(number) for number, each in enumerate(takes) if each is take])
        return Meeting(np.zeros(1), np.array([[1.0, 2.0], [1.0, 2.0]]))

    stubs = {
        "read_duets": lambda root: (PIECE, solo, takes),
        "read_rehearsals": lambda root, which, piece, solo: [f"{number}" for number in range(3)],
        "load_performer": lambda name, model: load_performer("passthrough", None),
        "begin_performance": lambda setup, piece: SimpleNamespace(stream=None),
        "render_through": lambda piece, stream: rendition,
        "rehearse": lambda piece, rendition, rehearsed: note("rehearsed", rehearsed) or rendition,
        "fit_timing": fit,
        "accompany": lambda *arguments: [],
        "meet": meet_none,
    }
    for name, stub in stubs.items():
        monkeypatch.setattr(duet_command, name, stub)
    duet_command.duet(Path("duets"), as_json=True)
    assert learnt["fitted"] == [["1", "2"], ["0", "2"], ["0", "1"], ["0", "1", "2"]]  # the last only says what it would be on all
    assert learnt["rehearsed"] == [each for first, second in ("12", "02", "01") for each in ([first], [second], *[[first, second]] * 2)]
    assert learnt["accompanied"] == [[number] for number in "012" for _ in range(5)]


def test_a_take_to_practise_with_says_in_which_bars_what_went_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voice = np.flatnonzero(PIECE.tracks == 0)
    notes = np.zeros(len(voice), NOTE_DTYPE)
    notes["onset_sec"] = written_sec(PIECE.score, PIECE.score.notes["onset_quarter"][voice])
    notes["duration_sec"], notes["pitch"], notes["velocity"] = 0.3, PIECE.score.notes["pitch"][voice], 70
    assert practise(PIECE.score, PIECE.tracks == 0, notes).bars["wrong"].sum() == 0
    notes["pitch"][10] += 1
    extra = notes[30:31].copy()
    extra["onset_sec"] += 0.2
    extra["pitch"] += 20
    played = np.sort(np.concatenate([np.delete(notes, 20), extra]), order="onset_sec")
    found = practise(PIECE.score, PIECE.tracks == 0, played)
    assert [int(found.bars[name].sum()) for name in ("wrong", "missed", "extra")] == [1, 1, 1]
    assert np.nanmedian(found.bars["quarters_per_minute"]) == pytest.approx(76, rel=0.02)

    track = symusic.Track()
    for onset_sec, duration_sec, pitch, velocity in played.tolist():
        track.notes.append(symusic.Note(round(960 * onset_sec), round(960 * duration_sec), pitch, velocity))
    file = symusic.Score(480)  # 120 quarters a minute: 960 ticks a second
    file.tracks.append(track)
    file.dump_midi(tmp_path / "take.mid")
    practice(LULLABY, tmp_path / "take.mid", follow="Voice", output=tmp_path / "take.png")
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if " all " in line][0].split()[3:10:2] == [str(len(voice)), "1", "1", "1"]
    assert "humans, from" in said and "top voice above" in said
    assert (tmp_path / "take.png").stat().st_size > 1000
    with pytest.raises(UsageError, match="give a name that ends in .png"):
        practice(LULLABY, tmp_path / "take.mid", output=tmp_path / "take.jpg")


def test_a_take_is_held_against_what_humans_keep_within(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The piano's first bars, its highest keys 12 steps above the others, one bar much louder than the rest."""
    rows = np.flatnonzero(PIANO)
    notes = np.zeros(len(rows), NOTE_DTYPE)
    quarters = PIECE.score.notes["onset_quarter"][rows]
    notes["onset_sec"], notes["duration_sec"] = written_sec(PIECE.score, quarters), 0.3
    notes["pitch"], notes["velocity"] = PIECE.score.notes["pitch"][rows], 50
    for quarter in np.unique(quarters):
        together = np.flatnonzero(quarters == quarter)
        notes["velocity"][together[notes["pitch"][together].argmax()]] += 12 if len(together) > 1 else 0
    loud = PIECE.score.measures[3]
    begin, end = loud["onset_quarter"], loud["onset_quarter"] + loud["duration_quarter"]
    notes["velocity"][(quarters >= begin) & (quarters < end)] += 40
    bars = practise(PIECE.score, PIANO, np.sort(notes, order="onset_sec")).bars
    voicing = bars["voicing"][np.isfinite(bars["voicing"])]
    assert len(voicing) > 5 and voicing == pytest.approx(12)
    humans = HUMANS.of(bars)
    outside = [humans.velocity.outside(value) for value in bars["velocity"]]
    assert [bar for bar, side in zip(bars["bar"], outside, strict=True) if side == 1] == [loud["number"]]
    assert HUMANS.voicing.outside(np.nan) == 0
    assert humans.tempo.low < 76 < humans.tempo.high
    assert Range(0, 1).outside(-0.1) == -1


def test_the_ranges_are_those_of_the_bars_of_performances() -> None:
    count = len(PIECE.score.notes)
    performed = np.zeros(count, PERFORMED_DTYPE)
    performed["onset_sec"], performed["velocity"] = written_sec(PIECE.score, PIECE.score.notes["onset_quarter"]), 64
    found = measure([AlignedPerformance("", "", PIECE.score, performed, np.zeros(0, PEDAL_DTYPE), 0)])
    assert found.tempo == pytest.approx((1, 1), abs=0.01) and found.velocity == (0, 0) and found.voicing == (0, 0)
