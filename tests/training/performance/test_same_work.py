"""The same work under two titles is found by melody and harmony, in another key, at another tempo, and arranged; another one is not."""

import numpy as np
import pytest
import symusic

from engine.base.command_line import run
from training.evaluation.command import app
from training.performance.same_work import Work, find_alike, harmony_pieces, melody_pieces

TRIADS = {"I": (0, 4, 7), "ii": (2, 5, 9), "iii": (4, 7, 11), "IV": (5, 9, 12), "V": (7, 11, 14), "vi": (9, 12, 16)}


def composed(seed, quarters=160):
    """Return (N, 3) onset and duration in quarters and pitch: a melody in eighths over a chord a quarter."""
    random = np.random.default_rng(seed)
    chords = random.choice(list(TRIADS), quarters)
    notes = [(quarter, 1.0, 48 + pitch) for quarter, chord in enumerate(chords) for pitch in TRIADS[chord]]
    steps = np.cumsum(random.integers(-3, 4, 2 * quarters)) % 20
    notes += [(eighth / 2, 0.5, 72 + step) for eighth, step in enumerate(steps.tolist())]
    return np.array(notes, float)


def work(corpus, title, notes):
    return Work(corpus, title, melody_pieces(notes), harmony_pieces(notes))


def pairs(*works, **options):
    return [(each.first.title, each.second.title, each.melody, each.harmony) for each in find_alike(works, **options)]


def test_a_work_is_found_in_another_key_and_meter():
    notes = composed(1)
    moved = notes.copy()
    moved[:, 2] += 5
    augmented = notes * (2, 2, 1) + (3, 0, 0)  # twice as long, after three quarters of nothing
    others = [work("b", f"other {seed}", composed(seed)) for seed in range(2, 12)]
    assert pairs(work("a", "one", notes), work("b", "two", moved), *others) == [("one", "two", 1.0, 1.0)]
    ((_, _, melody, _),) = pairs(work("a", "one", notes), work("b", "two", augmented), *others)
    assert melody == 1.0


def test_a_melody_is_found_over_other_chords_and_chords_under_another_melody():
    one, two = composed(1), composed(2)
    over, under = (np.concatenate([first[first[:, 2] >= 71.5], second[second[:, 2] < 71.5]]) for first, second in ((one, two), (two, one)))
    ((_, _, melody, harmony),) = pairs(work("a", "one", one), work("b", "its melody", over))
    assert melody > 0.95 and harmony < 0.2
    found = pairs(work("a", "one", one[one[:, 2] < 71.5]), work("b", "its chords", under[under[:, 2] < 71.5]))
    assert found[0][:2] == ("one", "its chords") and found[0][3] == 1.0


def test_what_many_works_have_says_nothing():
    passage = composed(99, 120) + (200, 0, 0)  # as every collection has the same finale
    several = [work(name, name, np.concatenate([composed(seed), passage])) for seed, name in enumerate("abcdefghij")]
    assert len(pairs(*several[:2])) == 1
    assert pairs(*several) == []


def test_a_corpus_is_compared_with_itself_when_asked():
    several = [work("a", "one", composed(1)), work("a", "again", composed(1)), work("a", "other", composed(2))]
    assert pairs(*several) == []
    assert [each[:2] for each in pairs(*several, corpora_apart=False)] == [("one", "again")]


def write(path, notes, transpose=0):
    score = symusic.Score(480)
    track = symusic.Track("piano", 0, False)
    for onset, duration, pitch in notes.tolist():
        track.notes.append(symusic.Note(round(480 * onset), round(480 * duration), int(pitch) + transpose, 64))
    score.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    score.dump_midi(str(path))


def test_the_command_names_the_pairs(tmp_path, capsys):
    write(tmp_path / "one" / "Sonata" / "midi_score.mid", composed(1))
    write(tmp_path / "one" / "Sonata" / "played.mid", composed(3))  # a performance beside it is no work
    write(tmp_path / "two" / "opus.mid", composed(1), transpose=-2)
    write(tmp_path / "two" / "other.mid", composed(2))
    (tmp_path / "two" / "broken.mid").write_bytes(b"nothing")
    folders = [f"one={tmp_path / 'one'}", f"two={tmp_path / 'two'}"]
    assert run(app, "perf-eval", ["leakage", *folders]) == 0
    told, said = capsys.readouterr()
    assert "one: 1 of 1 works read" in told and "two: 2 of 3 works read" in told and "broken.mid" in said
    (line,) = [line for line in told.splitlines() if "Sonata" in line]
    assert "two: opus.mid" in line and line.count("100%") == 2 and "1 pairs" in told


@pytest.mark.parametrize(
    ("given", "expected"),
    [("nowhere", "not a name and a folder"), ("a=nowhere", "not a name and a folder"), ("a={0} a={0}", "two corpora are called 'a'")],
)
def test_corpora_that_are_none_are_refused_in_one_line(tmp_path, capsys, given, expected):
    write(tmp_path / "opus.mid", composed(1))
    assert run(app, "perf-eval", ["leakage", *given.format(tmp_path).split()]) != 0
    assert expected in capsys.readouterr().err
