"""perf-render with a human performance: transfer from it, its descriptors, and its curves in the picture."""

from pathlib import Path

import numpy as np
import pytest
from command_line import ELISE, Command, assert_refused, command
from score_fixtures import attributes, musicxml, note
from synthetic_dexter import write_models

from engine.commands.live import app as live_app
from engine.commands.render import app
from engine.midi.events import is_note_on
from engine.midi.file import read_midi_file

FREE = ("--timing", "absolute")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def perf_render(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, models: Path) -> Command:
    """In a folder with a score and a performance of it."""
    monkeypatch.chdir(tmp_path)
    bars = [(attributes() if bar == 0 else "") + "".join(note("CDEFGAB"[(bar + k) % 7], 4) for k in range(4)) for bar in range(12)]
    Path("score.musicxml").write_text(musicxml(bars))
    rendered = command(app, "perf-render", capfd)

    def call(*arguments: object) -> object:
        return rendered(*arguments, "--model", models)

    call("score.musicxml", "-o", "human.mid", "--seed", 9, "--set", "temperature=1", *FREE)
    return call


def notes(path: str) -> np.ndarray:
    events = [event for event in read_midi_file(path).events if is_note_on(event.message)]
    return np.array([(event.time_ns / 1e9, event.message[1], event.message[2]) for event in events])


def test_transfer_plays_as_the_reference_does_or_leaves_it_behind(perf_render: Command) -> None:
    for depth in (0, 1):
        ended = perf_render("score.musicxml", "-o", f"{depth}.mid", "--transfer", "human.mid", "--set", f"depth={depth}", *FREE)
        assert (ended.status, ended.error) == (0, "")
    perf_render("score.musicxml", "-o", "plain.mid", *FREE)
    human, copy = notes("human.mid"), notes("0.mid")
    np.testing.assert_array_equal(copy[:, 1:], human[:, 1:])
    np.testing.assert_allclose(copy[:, 0] - copy[0, 0], human[:, 0] - human[0, 0], atol=0.002)
    assert Path("1.mid").read_bytes() == Path("plain.mid").read_bytes() != Path("0.mid").read_bytes()


def test_live_transfers_as_well(perf_render: Command, capfd: pytest.CaptureFixture[str], models: Path) -> None:
    perf_render("score.musicxml", "-o", "rendered.mid", "--transfer", "human.mid", *FREE)
    live = command(live_app, "perf-live", capfd)
    ended = live("--score", "score.musicxml", "--out", "live.mid", "--transfer", "human.mid", "--model", models)
    assert (ended.status, ended.error) == (0, "")
    assert Path("rendered.mid").read_bytes() == Path("live.mid").read_bytes()
    assert_refused(live("--in", ELISE, "--out", "x.mid", "--transfer", "human.mid"), 2, "--transfer", "--score FILE")


def test_descriptors_from_a_table(perf_render: Command) -> None:
    Path("table.csv").write_text("onset_quarter,melodiousness\n0,0\n24,3\n")
    for name, more in (("plain.mid", ()), ("described.mid", ("--descriptors", "table.csv"))):
        perf_render("score.musicxml", "-o", name, "--set", "temperature=0", *more, *FREE)
    plain, described = notes("plain.mid")[:, 2], notes("described.mid")[:, 2]
    np.testing.assert_array_equal(described[:24], plain[:24])
    assert (described[24:] > plain[24:]).all()


def test_a_human_is_drawn_beside_it(perf_render: Command) -> None:
    heights = []
    for more in ((), ("--beside", "human.mid")):
        ended = perf_render("score.musicxml", "-o", "out.png", *more)
        assert (ended.status, ended.error) == (0, "")
        heights.append(int.from_bytes(Path("out.png").read_bytes()[20:24], "big"))
    assert heights[1] > heights[0] + 300


@pytest.mark.parametrize(
    ("arguments", "status", "fragments"),
    [
        (("score.musicxml", "-o", "out.mid", "--transfer", ELISE), 1, ["elise", "of the score's notes", "at least 60%"]),
        (("score.musicxml", "-o", "out.mid", "--transfer", "none.mid"), 1, ["none.mid"]),
        (("score.musicxml", "human.mid", "-o", "out", "--transfer", "human.mid"), 2, ["2 inputs"]),
        (("score.musicxml", "-o", "out.mid", "--beside", "human.mid"), 2, ["--beside", "--to png"]),
        (("score.musicxml", "-o", "out.png", "--beside", ELISE), 1, ["elise", "of the score's notes"]),
        (("score.musicxml", "-o", "out.mid", "--descriptors", "none.csv"), 1, ["none.csv", "No such file"]),
        (("score.musicxml", "-o", "out.mid", "--set", "depth=2"), 2, ["depth", "0 to 1"]),
    ],
)
def test_what_does_not_fit_is_refused(perf_render: Command, arguments: tuple[object, ...], status: int, fragments: list[str]) -> None:
    assert_refused(perf_render(*arguments), status, *fragments)
    assert not Path("out.mid").exists() and not Path("out.png").exists()
