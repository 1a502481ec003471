"""perf-render and perf-live --score in a style, by ScorePerformer, and what cannot be told in a line; see also test_command_score."""

from pathlib import Path

import numpy as np
import pytest
from command_line import ELISE, Command, assert_refused, command
from score_fixtures import attributes, musicxml, note
from synthetic_score_performer import LATENTS, STYLE, write_models

from engine.commands.live import app as live_app
from engine.commands.render import app
from engine.midi.events import is_note_on
from engine.midi.file import read_midi_file
from engine.performers.score_performer.performer import STYLE_SPACE_FILE
from models.score_performer.style_space import StyleSpace

BARS = 8


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_models(tmp_path_factory.mktemp("models"))
    moves = {"loudness": np.eye(STYLE)[0]}
    StyleSpace(LATENTS, np.zeros(STYLE), np.eye(STYLE), moves, {"loudness": "louder"}).save(folder / STYLE_SPACE_FILE)
    return folder


@pytest.fixture
def perf_render(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, models: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    bars = [attributes() * (bar == 0) + "".join(note(step, 4) for step in "CEDF") for bar in range(BARS)]
    Path("score.musicxml").write_text(musicxml(bars))
    rendered = command(app, "perf-render", capfd)
    return lambda *arguments: rendered(*arguments, "--model", models)


@pytest.fixture
def perf_live(capfd: pytest.CaptureFixture[str], models: Path) -> Command:
    live = command(live_app, "perf-live", capfd)
    return lambda *arguments: live(*arguments, "--model", models)


def velocities(path: str) -> list[int]:
    return [event.message[2] for event in read_midi_file(path).events if is_note_on(event.message)]


CHOSEN = ("--performer", "score-performer")


def test_a_score_is_performed_and_drawn(perf_render: Command) -> None:
    ended = perf_render("score.musicxml", "-o", "out", "--to", "mid", "--to", "png", *CHOSEN)
    assert (ended.status, ended.output, ended.error) == (0, f"performed 1 of 1 files, {4 * BARS} notes: out\n", "")
    assert len(read_midi_file("out/score.mid").tempos) > BARS and len(set(velocities("out/score.mid"))) > 2
    assert Path("out/score.png").stat().st_size > 1000


def test_a_direction_is_heard_the_same_live(perf_render: Command, perf_live: Command) -> None:
    said = ("--seed", 4, "--direct", "crescendo", *CHOSEN)
    perf_render("score.musicxml", "-o", "rendered.mid", "--timing", "absolute", *said)
    ended = perf_live("--score", "score.musicxml", "--out", "live.mid", *said)
    assert (ended.status, ended.error) == (0, "") and " played, none late\n" in ended.output
    assert Path("rendered.mid").read_bytes() == Path("live.mid").read_bytes()


def test_what_is_said_of_styles_is_heard(perf_render: Command) -> None:
    """And is said to the performer that knows styles."""
    for name, said in {"plain": CHOSEN, "loud": (*CHOSEN, "--direct", "forte:bars=5-8"), "soft": ("--knob", "loudness=-1")}.items():
        assert perf_render("score.musicxml", "-o", f"{name}.mid", *said).status == 0
    plain, loud, soft = (np.array(velocities(f"{name}.mid")) for name in ("plain", "loud", "soft"))
    assert (loud[:16] == plain[:16]).all() and (loud[16:] > plain[16:]).all() and (soft < plain).all()
    reference = ("--style-from", "loud.mid", "--style-bars", "1-4")
    assert perf_render("score.musicxml", "-o", "like.mid", *reference).status == 0
    assert velocities("like.mid") != plain.tolist()


@pytest.mark.parametrize(
    ("arguments", "status", "fragments"),
    [
        (("score.musicxml", "--set", "steps=3"), 2, ["no control 'steps'", "choose --performer dexter"]),
        (("score.musicxml", "--transfer", "plain.mid"), 2, ["--transfer", "--style-from"]),
        (("score.musicxml", "--direct", "cresendo"), 2, ["'cresendo'", "did you mean 'crescendo'?"]),
        (("score.musicxml", "--direct", "piano:bars=7-9"), 1, ["bars 7-9", "1 to 8"]),
        (("score.musicxml", "--style-from", "none.mid"), 1, ["none.mid"]),
        (("score.musicxml", "--style-amount", "0.5"), 2, ["--style-from"]),
    ],
)
def test_what_cannot_be_done_is_refused(
    perf_render: Command, arguments: tuple[str, ...], status: int, fragments: list[str]
) -> None:
    perf_render("score.musicxml", "-o", "plain.mid", *CHOSEN)
    assert_refused(perf_render(*arguments, "-o", "out.mid", *CHOSEN), status, *fragments)
    assert not Path("out.mid").exists()


def test_performers_without_styles_refuse_them(capfd: pytest.CaptureFixture[str], perf_render: Command) -> None:
    rendered = command(app, "perf-render", capfd)
    no_styles = rendered("score.musicxml", "-o", "out.mid", "--performer", "dexter", "--deadpan")
    assert_refused(no_styles, 2, "'dexter' does not hear --deadpan", "--performer score-performer")
    assert_refused(rendered(ELISE, "-o", "out.mid", "--deadpan"), 2, "'velocity' does not hear --deadpan", "--performer score-performer")
    assert_refused(command(live_app, "perf-live", capfd)("--in", ELISE, "--out", "x.mid", "--deadpan"), 2, "--deadpan", "--score")
