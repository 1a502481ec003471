"""``perf-eval listen-answers``: what was planted in answers is found, chance is chance, and answers that are none are refused."""

import csv
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.base.command_line import run
from training.evaluation.command import app
from training.evaluation.listening.analysis import agreement, analyse, estimate, taken
from training.evaluation.listening.answers import COLUMNS, Results

SOURCES = ("human", "dexter, sampled", "dexter, mean", "as written")
LISTENERS, EXCERPTS = 24, 10


def simulate(lifelike: list[float], seed: int = 0, listeners: int = LISTENERS) -> Results:
    """Return answers of listeners and about excerpts that differ, who take for the human what they find the most lifelike."""
    random = np.random.default_rng(seed)
    shape = listeners, EXCERPTS, len(SOURCES)
    own = 0.4 * random.normal(size=(listeners, 1, 1)) + 0.3 * random.normal(size=(1, EXCERPTS, 1))
    felt = np.array(lifelike) + own + 0.7 * random.normal(size=shape)
    ratings = {"lifelike": felt, "liking": 3 + own + 0.7 * random.normal(size=shape)}
    names = tuple(f"listener {number}" for number in range(listeners))
    return Results(SOURCES, names, random.integers(0, 20, listeners), ratings, felt.argmax(axis=2), np.full(shape[:2], 3.0))


def test_planted_effects_are_found() -> None:
    figures = analyse(simulate([4.0, 3.6, 3.0, 2.0]), "human")
    for source, planted in zip(SOURCES, [4.0, 3.6, 3.0, 2.0], strict=True):
        rated = figures.ratings["lifelike"][source]
        assert rated.low < planted < rated.high and rated.high - rated.low < 0.8
    for pair, planted in {"human - as written": 2.0, "dexter, sampled - dexter, mean": 0.6, "human - dexter, sampled": 0.4}.items():
        difference = figures.differences["lifelike"][pair]
        assert 0 < difference.low < planted < difference.high, pair
        assert figures.differences["liking"][pair].low < 0 < figures.differences["liking"][pair].high
    shares = [figures.taken[source].share for source in SOURCES]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1)
    assert figures.taken["human"].low > 0.25 > figures.taken["as written"].high
    assert figures.taken["human"].by_chance < 1e-6


def test_random_answers_are_at_chance() -> None:
    """Of the intervals of twenty simulations nearly all hold chance, and no difference."""
    inside = []
    for seed in range(20):
        figures = analyse(simulate([3.0] * 4, seed, listeners=6), "human")
        inside += [each.low <= figures.chance <= each.high for each in figures.taken.values()]
        inside += [each.low <= 0 <= each.high for each in figures.differences["lifelike"].values()]
    assert 0.88 <= np.mean(inside) <= 1
    assert figures.chance == 0.25


def test_intervals_count_listeners_and_excerpts() -> None:
    """Answers that differ by listener only are as uncertain as listeners are: four answers of each add nothing."""
    by_listener = np.repeat(np.random.default_rng(0).normal(size=(12, 1, 1)), 40, axis=1)
    (of_listeners,), (of_excerpts,) = estimate(by_listener), estimate(by_listener.transpose(1, 0, 2))
    expected = 2 * 1.96 * by_listener[:, 0, 0].std() / 12**0.5
    for found in (of_listeners, of_excerpts):
        assert found.high - found.low == pytest.approx(expected, rel=0.1)
        assert found.mean == pytest.approx(by_listener.mean())


def test_how_often_one_is_taken_for_the_human() -> None:
    never = taken(0, 20, 0.25)
    assert (never.share, never.low) == (0, 0) and never.high == pytest.approx(1 - 0.025 ** (1 / 20))  # Clopper and Pearson
    assert taken(5, 20, 0.25).by_chance == pytest.approx(1)
    assert taken(20, 20, 0.25).by_chance == pytest.approx(0.25**20)


def test_agreement_of_listeners() -> None:
    random = np.random.default_rng(0)
    one = random.integers(1, 6, (1, 8, 4)).astype(float)
    assert agreement(np.repeat(one, 3, axis=0)) == pytest.approx(1)
    assert agreement(random.integers(1, 6, (40, 30, 4)).astype(float)) == pytest.approx(0, abs=0.02)
    assert agreement(one) is None and agreement(np.full((3, 2, 4), 2.0)) is None
    # Within the three clips of two listeners the squared differences are 1, 0 and 1.
    pairs = [(one - other) ** 2 for one, other in combinations([1, 2, 4, 4, 3, 2], 2)]
    assert agreement(np.array([[[1.0, 4, 3]], [[2, 4, 2]]])) == pytest.approx(1 - (2 / 3) / np.mean(pairs))


# Files


def write_key(folder: Path) -> Path:
    """Write the key of two excerpts by two sources."""
    shared = {"piece": "Bach/one", "recording": "one.match", "measures": [1, 4], "onset_quarter": 0.0, "notes": 9}
    excerpts = [
        {"excerpt": 1, **shared, "clips": {"01-a.wav": "human", "01-b.wav": "as written"}},
        {"excerpt": 2, **shared, "clips": {"02-a.wav": "as written", "02-b.wav": "human"}},
    ]
    key = {"kit": "abc", "seed": 0, "temperature": 0.5, "sound_font": "x.sf2", "sources": ["human", "as written"], "excerpts": excerpts}
    path = folder / "key.json"
    path.write_text(json.dumps(key), encoding="utf-8")
    return path


def answers(listener: str = "anna") -> dict[str, Any]:
    """Return answers in an order of the page's own: the human is rated 5 and 4, is liked 3 and 2, and is found once."""
    second = [{"clip": "02-b.wav", "lifelike": 4, "liking": 2}, {"clip": "02-a.wav", "lifelike": 1, "liking": 1}]
    first = [{"clip": "01-a.wav", "lifelike": 5, "liking": 3}, {"clip": "01-b.wav", "lifelike": 2, "liking": 4}]
    excerpts = [
        {"excerpt": 2, "clips": second, "person": "02-b.wav", "confidence": 5},
        {"excerpt": 1, "clips": first, "person": "01-b.wav", "confidence": 2},
    ]
    return {"kit": "abc", "listener": listener, "years_of_training": 7.5, "device": "headphones", "excerpts": excerpts}


def save(folder: Path, content: object, name: str = "anna.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def save_table(folder: Path, listener: str, change: dict[str, str] | None = None) -> Path:
    """Write the same answers as they are typed from paper."""
    rows = []
    for excerpt in answers()["excerpts"]:
        for clip in excerpt["clips"]:
            sure = excerpt["confidence"] if clip["clip"] == excerpt["person"] else ""
            said = {"kit": "abc", "listener": listener, "years_of_training": 7.5, "excerpt": excerpt["excerpt"]}
            rows.append({**said, **clip, "person": sure})
    rows[1] |= {"listener": "", "years_of_training": ""} | (change or {})  # the first row says it
    path = folder / f"{listener}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def call(folder: Path, *arguments: object) -> int:
    return run(app, "perf-eval", ["listen-answers", *map(str, arguments), "--key", str(write_key(folder))])


def test_answers_of_the_page_and_from_paper_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = save(tmp_path, answers()), save_table(tmp_path, "bert")
    assert call(tmp_path, *given, "--json", "--picture", tmp_path / "said.png") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["listeners"] == [{"listener": name, "years_of_training": 7.5, "share_right": 0.5} for name in ("anna", "bert")]
    assert said["ratings"]["lifelike"]["human"]["mean"] == 4.5 and said["ratings"]["lifelike"]["as written"]["mean"] == 1.5
    assert said["differences"]["liking"]["human - as written"]["mean"] == 0
    assert said["taken"]["human"]["times"] == 2 and said["taken"]["human"]["share"] == 0.5 == said["chance"]
    assert said["agreement"] == {"lifelike": 1, "liking": 1} and said["confidence"] == {"right": 5, "wrong": 2}
    assert (tmp_path / "said.png").read_bytes().startswith(b"\x89PNG")
    assert call(tmp_path, given[0]) == 0
    shown = capsys.readouterr().out
    assert "1 listener, 2 excerpts" in shown and "human - as written" in shown and "lifelike unknown" in shown and "Fewer than 12" in shown


def changed(place: tuple[Any, ...], value: object) -> dict[str, Any]:
    """Return answers with another value at a place; None takes it away."""
    content: Any = answers()
    within = content
    for part in place[:-1]:
        within = within[part]
    if value is None:
        del within[place[-1]]
    else:
        within[place[-1]] = value
    return content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("nothing", "not JSON in line 1; give files that the page of perf-eval listen saved"),
        ("[1]", "no JSON object; give files that the page of perf-eval listen saved"),
        (changed(("kit",), "xyz"), "of the test 'xyz', and the key is of 'abc'; give the key that was made with it"),
        (changed(("excerpts", 0), None), "no answer about 02-a.wav, 02-b.wav; leave the file out, or complete it"),
        (changed(("excerpts", 1, "clips", 1), None), "no answer about 01-b.wav; leave the file out, or complete it"),
        (changed(("excerpts", 0, "excerpt"), 3), "the test has no excerpt 3; it has 1 to 2"),
        (changed(("excerpts", 0, "excerpt"), 1), "excerpt 1 has no clip '02-a.wav'; it has 01-a.wav, 01-b.wav"),
        (changed(("excerpts",), answers()["excerpts"] * 2), "two answers about excerpt 1; leave one"),
        (changed(("excerpts", 0, "clips"), answers()["excerpts"][0]["clips"] * 2), "two answers about excerpt 2; leave one"),
        (changed(("excerpts", 0, "person"), "01-a.wav"), "excerpt 2 has no clip '01-a.wav'; it has 02-a.wav, 02-b.wav"),
        (changed(("excerpts", 0, "clips", 0, "lifelike"), 6), "excerpts.0.clips.0.lifelike: got 6, allowed: 5 or less"),
        (changed(("excerpts", 0, "confidence"), 0), "excerpts.0.confidence: got 0, allowed: 1 or more"),
        (changed(("listener",), ""), "listener: got ''"),
        (changed(("years_of_training",), None), "years_of_training is missing; add it"),
        (
            changed(("excerpts", 0, "clips", 0, "like"), 1),
            "nothing is called 'excerpts.0.clips.0.like'; allowed: clip, lifelike, liking; did",
        ),
        (changed(("listener",), None), "no answers of a listener; give files that the page of perf-eval listen saved"),
        (changed(("years",), 3), "nothing is called 'years'; allowed: kit, listener, years_of_training"),
    ],
)
def test_answers_that_are_none_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: object, said: str) -> None:
    assert call(tmp_path, save(tmp_path, content)) == 2
    assert capsys.readouterr().err.startswith(f"perf-eval: {str(tmp_path / 'anna.json')!r}: {said}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"person": "3"}, "excerpt 2 has two rows with a number in 'person'; leave one"),
        ({"liking": ""}, "excerpts.0.clips.1.liking: got '', expected a whole number"),
        ({"clip": "02-b.wav"}, "no answer about 02-a.wav"),
    ],
)
def test_tables_that_are_wrong_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], said: str) -> None:
    path = save_table(tmp_path, "bert", change)
    assert call(tmp_path, path) == 2
    assert capsys.readouterr().err.startswith(f"perf-eval: {str(path)!r}: {said}")


def test_files_that_are_not_there_and_listeners_who_are_there_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, again = save(tmp_path, answers()), save(tmp_path, answers(), "again.json")
    assert call(tmp_path, first, again) == 2
    assert capsys.readouterr().err == f"perf-eval: {str(again)!r}: listener 'anna' is in {str(first)!r} too; leave one of them out\n"
    for name in ("none.json", "none.csv"):
        assert call(tmp_path, tmp_path / name) == 2
        assert "No such file or directory; expected a" in capsys.readouterr().err
    save(tmp_path, "1,2\n3,4\n", "other.csv")
    assert call(tmp_path, tmp_path / "other.csv") == 2
    assert "expected the columns kit, listener" in capsys.readouterr().err
    assert run(app, "perf-eval", ["listen-answers", str(first), "--key", str(first)]) == 2
    assert "no key of a test; give key_for_experimenter_only.json" in capsys.readouterr().err
