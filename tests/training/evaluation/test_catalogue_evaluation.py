"""perf-eval catalogue measures what stands in the accounts of perf-render."""

import json

import pytest
from command_line import command

from engine.commands.render import app as render_app
from engine.midi.events import Event, note_off, note_on
from engine.midi.file import write_midi_file
from training.evaluation.command import app

QUARTER_NS = 500_000_000  # 120 a minute
SPREAD_NS = 20_000_000


def write_take(path, velocity, held, quarter_ns=QUARTER_NS, spread_ns=0):
    """Write four bars of chords of two keys, one a quarter, each held for a share of it; the upper key comes later."""
    events = []
    for number in range(16):
        for key, late_ns in ((60 + number % 5, 0), (72 + number % 5, spread_ns)):
            onset_ns = number * quarter_ns + late_ns
            events += [Event(onset_ns, note_on(0, key, velocity)), Event(onset_ns + round(held * quarter_ns), note_off(0, key))]
    write_midi_file(path, sorted(events))


def account_of(path, performer, takes, error=""):
    common = {"settings": {"system": performer, "settings": []}, "score": {"repeats": True}, "notes": 32, "seconds": 2.0, "error": error}
    rows = [{"input": str(score), "outputs": [str(take)], **common} for score, take in takes]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def perf_eval(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    write_take(tmp_path / "score.mid", 64, 1.0)
    write_take(tmp_path / "loud.mid", 100, 0.5)
    write_take(tmp_path / "slow.mid", 40, 0.25, 2 * QUARTER_NS, SPREAD_NS)
    return command(app, "perf-eval", capfd)


def figures(ended):
    assert ended.status == 0, ended.error
    return {
        name: {figure: value["figure"] for figure, value in found.items() if figure != "performances"}
        for name, found in json.loads(ended.output)["performers"].items()
    }


def test_performers_are_measured_beside_each_other(perf_eval, tmp_path):
    loud = account_of(tmp_path / "a.jsonl", "dexter", [("score.mid", "loud.mid")])
    slow = account_of(tmp_path / "b.jsonl", "score-performer", [("score.mid", "slow.mid")])
    found = figures(perf_eval("catalogue", loud, slow, "-o", tmp_path / "both.png", "--json"))
    assert found["dexter"] == pytest.approx(
        {
            "velocity": 100,
            "velocity, deviation": 0,
            "tempo": 120,
            "tempo, deviation": 0,
            "articulation": 50,
            "chords spread by": 0,
            "pedal down": 0,
            "notes performed": 16,
        },
        abs=0.1,
    )
    slow_figures = found["score-performer"]
    assert (slow_figures["velocity"], slow_figures["tempo"]) == pytest.approx((40, 60), abs=0.1)
    assert slow_figures["articulation"] == pytest.approx(25, abs=0.5)
    assert slow_figures["chords spread by"] == pytest.approx(10, abs=0.1)  # from the middle of a chord
    assert (tmp_path / "both.png").stat().st_size > 10_000


def test_the_account_of_a_real_run_is_read(perf_eval, tmp_path, capfd):
    perf_render = command(render_app, "perf-render", capfd)
    assert perf_render("score.mid", "-o", "out", "--performer", "dexter", "--manifest", "made.jsonl").status == 0
    ended = perf_eval("catalogue", "made.jsonl")
    assert ended.status == 0 and "dexter (1)" in ended.output and "beats a minute" in ended.output


def test_one_performer_in_two_manifests_is_told_apart_and_what_failed_is_said(perf_eval, tmp_path):
    first = account_of(tmp_path / "first.jsonl", "dexter", [("score.mid", "loud.mid")])
    second = account_of(tmp_path / "second.jsonl", "dexter", [("score.mid", "slow.mid"), ("score.mid", "slow.mid")])
    failed = account_of(tmp_path / "failed.jsonl", "velocity", [("score.mid", "gone.mid")], error="no")
    ended = perf_eval("catalogue", first, second, failed, "--json")
    assert set(figures(ended)) == {"dexter, first", "dexter, second"}
    assert json.loads(ended.output)["left_out"] == 1 and "left out: score.mid: it was not performed as a MIDI file" in ended.error
    assert json.loads(ended.output)["performers"]["dexter, second"]["performances"] == 1  # performed again: the last one counts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json\n{}\n", "is no manifest: line 1 is 'no json'"),
        ('{"input": 3}\n\n', "is no manifest: line 1"),
        ("", "no performance in the manifests can be measured"),
    ],
)
def test_what_is_no_manifest_is_refused_in_one_line(perf_eval, tmp_path, text, said):
    (tmp_path / "bad.jsonl").write_text(text)
    ended = perf_eval("catalogue", tmp_path / "bad.jsonl")
    assert ended.status and said in ended.error and ended.error.strip().count("perf-eval:") == 1
    ended = perf_eval("catalogue", tmp_path / "bad.jsonl", "-o", "picture.svg")
    assert "give a name that ends in .png" in ended.error
    assert "cannot read" in perf_eval("catalogue", "nothing.jsonl").error
