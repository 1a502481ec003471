"""``import engine``: what the commands do, from Python, byte for byte."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ELISE, PRELUDE, assert_refused, command

import engine
from engine import Event, PerfLiveError, UsageError
from engine.commands.live import app as live_app
from engine.commands.render import app as render_app
from engine.midi.events import is_note_on, note_off, note_on
from engine.midi.file import read_midi_file
from engine.performers.velocity.networks import VelocityModel
from engine.systems import Request


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, engine; print(*(name for name in sys.modules if name.startswith('engine.') or name in ('numpy', 'typer')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_every_public_name_is_there() -> None:
    for name in engine.__all__:
        assert getattr(engine, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'rendr'"):
        _ = engine.rendr


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        ([], {}),
        (["--performer", "passthrough"], {"performer": "passthrough"}),
        (["--seed", "3", "--set", "temperature=1", "--set", "hint=on"], {"seed": 3, "controls": {"temperature": 1, "hint": "on"}}),
        (["--performer", "dexter", "--seed", "2"], {"performer": "dexter", "seed": 2}),
        (["--performer", "score-performer", "--direct", "forte"], {"performer": "score-performer", "request": {"direct": ["forte"]}}),
        (["--performer", "dexter", "--lookahead", "2"], {"performer": "dexter", "lookahead": 2}),
        (["--exclude", "1"], {"exclude": [1]}),
    ],
)
def test_render_gives_the_bytes_of_the_command(options: list[str], keywords: dict[str, object], capfd: pytest.CaptureFixture[str]) -> None:
    ended = command(render_app, "perf-render", capfd)(ELISE, "-o", "command.mid", *options)
    assert (ended.status, ended.error) == (0, "")
    report = engine.render(ELISE, "python.mid", **keywords)
    assert (report.notes > 0 or "exclude" in keywords) and Path("command.mid").read_bytes() == Path("python.mid").read_bytes()


def test_an_improvisation_gives_the_bytes_of_the_command(capfd: pytest.CaptureFixture[str]) -> None:
    perf_render = command(render_app, "perf-render", capfd)
    perf_render("-o", "command.mid", "--seconds", 3, "--seed", 5, "--primer", PRELUDE, "--without-primer")
    report = engine.render(None, "python.mid", seed=5, request={"seconds": 3, "primer": str(PRELUDE), "without_primer": True})
    assert report.notes == sum(is_note_on(event.message) for event in read_midi_file("python.mid").events) > 0
    assert Path("command.mid").read_bytes() == Path("python.mid").read_bytes()
    perf_render("-o", "alone.mid", "--seconds", 3)
    engine.render(None, ["alone_too.mid", "alone.png"], request={"seconds": 3})
    assert Path("alone.mid").read_bytes() == Path("alone_too.mid").read_bytes() and Path("alone.png").exists()


def test_play_gives_the_bytes_of_the_command(capfd: pytest.CaptureFixture[str]) -> None:
    ended = command(live_app, "perf-live", capfd)("--in", PRELUDE, "--out", "command.mid", "--cc", "1=dynamics")
    assert (ended.status, ended.error) == (0, "")
    engine.play(PRELUDE, "python.mid", controllers={1: "dynamics"})
    assert Path("command.mid").read_bytes() == Path("python.mid").read_bytes()
    command(live_app, "perf-live", capfd)("--score", ELISE, "--out", "score.mid", "--seed", 2)
    engine.play(None, "score_too.mid", score=ELISE, seed=2)
    assert Path("score.mid").read_bytes() == Path("score_too.mid").read_bytes()


def test_a_stream_is_fed_with_ones_own_events() -> None:
    performer = engine.load_performer("velocity")
    stream = performer.perform(None, Request(), {"strength": 1.0}, seed=0, live=False)
    sent = stream.feed(Event(0, note_on(0, 60, 64))) + stream.feed(Event(500_000_000, note_off(0, 60))) + stream.finish()
    assert [event.message[1] for event in sent] == [60, 60] and is_note_on(sent[0].message)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: engine.render(PRELUDE, "x.mid", performer="velo"), "no performer is called 'velo'"),
        (lambda: engine.render(PRELUDE, "x.mid", controls={"loud": 1}), "no control is called 'loud'"),
        (lambda: engine.render(PRELUDE, "x.mid", controls={"tempo": 1}), "'velocity' has no control 'tempo', .*dexter or score-performer"),
        (lambda: engine.render(PRELUDE, "x.mid", "dexter", lookahead=2, controls={"tempo": 1}), "'dexter' has it for scores"),
        (lambda: engine.play(PRELUDE, "x.mid", controllers={1: "density"}), "has no control 'density', .*--performer performance-rnn"),
        (lambda: engine.render(PRELUDE, "x.mid", controls={"strength": 2}), "'strength': got 2"),
        (lambda: engine.render(PRELUDE, "x.mid", seed=-1), "seed: got -1, expected a whole number from 0 to"),
        (lambda: engine.render(PRELUDE, "x.mid", performer="velocity", request={"knob": ["a=1"]}), "does not hear --knob"),
        (lambda: engine.render(None, "x.mid"), "nothing to perform"),
        (lambda: engine.play(None, "x.mid"), "nothing to play from"),
        (lambda: engine.load_performer("dexter", model="nowhere"), "give the folder"),
        (lambda: engine.load_performer("velocity", lookahead=float("inf")), "lookahead: got inf, expected seconds from 0 to 3600"),
        (lambda: engine.render(PRELUDE, "x.mid", lookahead=float("nan")), "lookahead: got nan"),
        (lambda: engine.render(3, "x.mid"), "input: got 3, expected the name of a file"),
        (lambda: engine.render(PRELUDE, 3), "output: got 3, expected a name, or a list"),
        (lambda: engine.render(PRELUDE, []), r"output: got \[\], expected a name, or a list of one name or more"),
        (lambda: engine.render(PRELUDE, ["x.mid", b"y.mid"]), "output: got"),
        (lambda: engine.render(PRELUDE, "x.mp3"), "'x.mp3' is no output that can be made; give a file that ends in .mid"),
        (lambda: engine.render(PRELUDE, ["x.mid", "./x.mid"]), "'x.mid' would be written twice"),
        (lambda: engine.render(PRELUDE, PRELUDE), "would be written over an input"),
        (lambda: engine.render(PRELUDE, "x.mid", engine.list_performers()[0]), "performer: got System.*expected a name: dexter"),
        (lambda: engine.render(PRELUDE, "x.mid", seed="3"), "seed: got '3', expected a whole number"),
        (lambda: engine.render(PRELUDE, "x.mid", controls=["strength=1"]), "controls: got .*expected a dictionary, as in"),
        (lambda: engine.render(PRELUDE, "x.mid", request=["deadpan"]), "request: got .*expected a dictionary"),
        (lambda: engine.render(PRELUDE, "x.mid", request={3: 4}), "does not hear 3"),
        (lambda: engine.render(PRELUDE, "x.mid", "score-performer", request={"direct": "forte"}), r"'forte'.*give \['forte'\]"),
        (lambda: engine.render(PRELUDE, "x.mid", "score-performer", request={"direct": [3]}), r"direct: got \[3\], expected a list"),
        (lambda: engine.render(PRELUDE, "x.mid", "score-performer", request={"deadpan": "no"}), "deadpan: got 'no', expected True"),
        (lambda: engine.render(PRELUDE, "x.mid", "score-performer", request={"style_seed": 1.5}), "style_seed: got 1.5"),
        (lambda: engine.render(PRELUDE, "x.mid", "dexter", request={"transfer": 3}), "transfer: got 3, expected the name of a file"),
        (lambda: engine.render(PRELUDE, "x.mid", "performance-rnn", request={"seconds": 3}), "seconds: an improvisation has no input"),
        (lambda: engine.render(None, "x.mid", request={"seconds": "3"}), "seconds: got '3', expected a number"),
        (lambda: engine.render(None, "x.mid", request={"seconds": 3, "beam": 99}), "beam: got 99, expected a whole number from 0 to 16"),
        (lambda: engine.render(PRELUDE, "x.mid", exclude="1"), "exclude: got '1', expected a list of channels from 1 to 16"),
        (lambda: engine.render(PRELUDE, "x.mid", exclude=[0]), "exclude: got 0, expected a whole number from 1 to 16"),
        (lambda: engine.render(PRELUDE, "x.wav", sound="neural"), r"sound: got 'neural', expected engine.SoundOptions"),
        (lambda: engine.render(PRELUDE, "x.wav", sound=engine.SoundOptions(reverb=5)), "reverb: got 5, expected a number from 0 to 1"),
        (lambda: engine.render(PRELUDE, "x.wav", sound=engine.SoundOptions("neural", instrument="tuba")), "instrument: got 'tuba'"),
        (lambda: engine.render(PRELUDE, "x.mid", sound=engine.SoundOptions(reverb=0)), "none is made; add an output that ends in .wav"),
        (lambda: engine.render(PRELUDE, "x.mid", score=engine.ScoreOptions(repeats=False)), "score: nothing is performed as a score"),
        (lambda: engine.render(PRELUDE, "x.mid", "dexter", score=engine.ScoreOptions(beside=PRELUDE)), "beside: .* in .png"),
        (lambda: engine.load_performer("velocity").perform(None, {}, {}, 0, False), r"request: got \{\}, expected .*Request"),
        (lambda: engine.load_performer("velocity").perform(None, Request(), {}, -1, False), "seed: got -1"),
        (lambda: engine.load_performer("dexter").perform("a.mid", Request(), {}, 0, False), "material: got 'a.mid', expected a Piece"),
        (lambda: engine.load_performer("velocity").perform("a.mid", Request(), {}, 0, False), "plays notes as they come, not scores"),
        (lambda: engine.play(3, "x.mid"), "input: got 3"),
        (lambda: engine.play(PRELUDE, []), "nowhere to play to"),
        (lambda: engine.play(PRELUDE, "x.mid", controllers=["1=strength"]), "controllers: got .*expected a dictionary"),
        (lambda: engine.play(PRELUDE, "x.mid", record=3), "record: got 3, expected the name of a file"),
    ],
)
def test_wrong_calls_are_told_in_one_line_and_write_nothing(call, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        call()
    assert not list(Path().iterdir())


def test_outputs_never_replace_what_is_read() -> None:
    for name in ("own.mid", "hers.mid"):
        Path(name).write_bytes(PRELUDE.read_bytes())
    with pytest.raises(UsageError, match="'own.mid' would be written over an input"):
        engine.render("own.mid", ["x.mid", "own.mid"])
    with pytest.raises(UsageError, match="'hers.mid' would be written over an input"):
        engine.render("own.mid", "hers.mid", "dexter", request={"transfer": "hers.mid"})
    with pytest.raises(UsageError, match="'hers.mid' would be written over an input"):
        engine.play(None, "hers.mid", "dexter", score="own.mid", request={"transfer": "hers.mid"})
    assert sorted(path.name for path in Path().iterdir()) == ["hers.mid", "own.mid"]
    assert Path("own.mid").read_bytes() == Path("hers.mid").read_bytes() == PRELUDE.read_bytes()


def test_a_folder_that_cannot_be_made_is_one_line() -> None:
    Path("file").write_bytes(b"")
    with pytest.raises(PerfLiveError, match="cannot create the folder 'file': .*choose another one"):
        engine.render(PRELUDE, "file/x.mid", "passthrough")


def test_a_name_that_is_too_long_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PerfLiveError, match="more than 255 bytes; give a shorter one"):
        engine.render(PRELUDE, "x" * 300 + ".mid")
    assert_refused(command(render_app, "perf-render", capfd)(PRELUDE, "-o", "x" * 300 + ".mid"), 1, "give a shorter one")


def test_truth_values_are_on_and_off() -> None:
    engine.render(PRELUDE, "word.mid", controls={"hint": "off"})
    engine.render(PRELUDE, "truth.mid", controls={"hint": False})
    assert Path("word.mid").read_bytes() == Path("truth.mid").read_bytes()


def test_a_file_that_cannot_be_read_leaves_nothing_behind() -> None:
    Path("broken.mid").write_bytes(b"MThd")
    with pytest.raises(PerfLiveError):
        engine.render("broken.mid", "x.mid")
    assert [path.name for path in Path().iterdir()] == ["broken.mid"]


def test_a_run_that_has_ended_keeps_no_model_in_memory(tmp_path: Path) -> None:
    gc.collect()
    gc.disable()  # it comes seldom by itself, as models are few objects
    try:
        before = len(models_in_memory())
        for number in range(3):
            engine.render(PRELUDE, tmp_path / f"{number}.mid", performer="velocity")
        assert len(models_in_memory()) - before <= 2  # the last one's, of each style
    finally:
        gc.enable()


def models_in_memory() -> list[VelocityModel]:
    return [each for each in gc.get_objects() if type(each) is VelocityModel]
