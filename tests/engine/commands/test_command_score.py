"""perf-render and perf-live --score: from a score to a file, the same offline and live, and conducted in between."""

import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import synthetic_dexter
import synthetic_score_performer
from command_line import ELISE, PRELUDE, Command, assert_refused, command
from score_fixtures import attributes, barline, musicxml, note

from engine.base.clock import MonotonicClock, VirtualClock
from engine.commands.live import app as live_app
from engine.commands.render import app
from engine.midi.events import Event, is_note_off, is_note_on
from engine.midi.file import read_midi_file
from engine.performers.dexter.controls import CONTROLS
from engine.performers.setup import Setup, Wanted
from engine.runtime.loop import Engine
from engine.runtime.sinks import CollectingSink
from engine.runtime.steering.conductor import ConductedSource
from engine.runtime.steering.requests import Asker
from engine.runtime.steering.rig import Rig
from engine.session import Session, open_performance
from engine.systems import Kind, find_system, performers

PERF_LIVE = "from engine.commands.live import main; main()"
WRITERS = {"dexter": synthetic_dexter.write_models, "score-performer": synthetic_score_performer.write_models}


@pytest.fixture(scope="module", params=performers(Kind.SCORES))
def performer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def models(performer: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return WRITERS[performer](tmp_path_factory.mktemp("models"))


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Go where a score is: two bars to be repeated, and one."""
    monkeypatch.chdir(tmp_path)
    measures = [attributes() + barline('<repeat direction="forward"/>') + note("C", 8) + note("E", 8)]
    measures += [note("D", 16) + barline('<repeat direction="backward"/>'), note("C", 16)]
    Path("score.musicxml").write_text(musicxml(measures))


@pytest.fixture
def perf_render(folder: None, capfd: pytest.CaptureFixture[str], performer: str, models: Path) -> Command:
    rendered = command(app, "perf-render", capfd)
    return lambda *arguments: rendered(*arguments, "--performer", performer, "--model", models)


@pytest.fixture
def perf_live(capfd: pytest.CaptureFixture[str], performer: str, models: Path) -> Command:
    live = command(live_app, "perf-live", capfd)
    return lambda *arguments: live(*arguments, "--performer", performer, "--model", models)


def pitches(path: str) -> list[int]:
    return [event.message[1] for event in read_midi_file(path).events if is_note_on(event.message)]


@pytest.mark.parametrize("performer", ["dexter"], indirect=True)
def test_a_score_is_performed_by_dexter_unless_another_is_chosen(folder: None, capfd: pytest.CaptureFixture[str], models: Path) -> None:
    ended = command(live_app, "perf-live", capfd)("--score", "score.musicxml", "--out", "live.mid", "--model", models)
    assert (ended.status, ended.error) == (0, "") and "-> dexter ->" in ended.output


def test_a_score_is_performed_with_its_repeats_or_without(perf_render: Command) -> None:
    ended = perf_render("score.musicxml", "-o", "out.mid")
    assert (ended.status, ended.output, ended.error) == (0, "performed 1 of 1 files, 7 notes: out.mid\n", "")
    assert pitches("out.mid") == [60, 64, 62, 60, 64, 62, 60]
    perf_render("score.musicxml", "-o", "once.mid", "--no-repeats")
    assert pitches("once.mid") == [60, 64, 62, 60]


def test_the_tempo_map_has_the_performance_s_tempo_or_stands_still(perf_render: Command) -> None:
    for name, timing in (("bars.mid", "tempo-map"), ("free.mid", "absolute")):
        perf_render(PRELUDE, "-o", name, "--timing", timing, "--seed", 7)
    on_bars, free, written = (read_midi_file(name) for name in ("bars.mid", "free.mid", PRELUDE))
    assert len(on_bars.tempos) > 300 and not free.tempos
    assert len(on_bars.events) == len(free.events) > 2 * 549
    for one, other in zip(on_bars.events, free.events, strict=True):
        assert abs(one.time_ns - other.time_ns) < 50_000_000
    for track, kept in zip(on_bars.tracks, written.tracks, strict=True):
        names = [event.data for event in kept.kept if event.data[1] != 0x51]
        texts = [event.data for event in track.kept if event.data[1] != 0x51 and b"performed by perf-live" not in event.data]
        assert texts == names


def test_rendered_in_free_time_equals_live(perf_render: Command, perf_live: Command, performer: str) -> None:
    said = ("--seed", 4, "--set", "tempo=1.5", "--set", "temperature=0.9")
    perf_render(ELISE, "-o", "rendered.mid", "--timing", "absolute", *said)
    ended = perf_live("--score", ELISE, "--out", "live.mid", *said)
    assert (ended.status, ended.error) == (0, "")
    assert performer in ended.output and "notes played, none late" in ended.output
    assert (" windows" in ended.output) == (performer == "dexter")
    assert Path("rendered.mid").read_bytes() == Path("live.mid").read_bytes()


def test_a_folder_of_scores_becomes_a_folder(perf_render: Command) -> None:
    os.mkdir("in")
    Path("score.musicxml").rename("in/score.musicxml")
    Path("in/take.mid").write_bytes(ELISE.read_bytes())
    Path("in/broken.mei").write_text("no")
    ended = perf_render("in", "-o", "out", "--to", "mid", "--to", "png")
    assert_refused(ended, 1, "in/broken.mei", "damaged")
    assert sorted(os.listdir("out")) == ["score.mid", "score.png", "take.mid", "take.png"]


def test_a_score_of_one_note_is_performed_and_drawn(perf_render: Command) -> None:
    Path("one.musicxml").write_text(musicxml([attributes() + note("C", 16)]))
    ended = perf_render("one.musicxml", "-o", "out", "--to", "mid", "--to", "png")
    assert (ended.status, ended.error) == (0, "")
    assert pitches("out/one.mid") == [60] and Path("out/one.png").stat().st_size > 1000


REST = "<note><rest/><duration>16</duration></note>"
DRUM = "<note><unpitched><display-step>C</display-step><display-octave>5</display-octave></unpitched><duration>4</duration></note>"


def tuplet(step: str, duration: int, actual: int, normal: int) -> str:
    ratio = f"<time-modification><actual-notes>{actual}</actual-notes><normal-notes>{normal}</normal-notes></time-modification>"
    return note(step, duration).replace("<staff>", f"{ratio}<staff>")


SCORES = {
    "empty_bars": ([attributes() + REST, "", REST, note("C", 8) + note("D", 8), REST, ""],),
    "three_notes": ([attributes() + note("C", 4) + note("D", 4) + note("E", 8)],),
    "with_drums": ([attributes() + note("C", 8) + note("E", 8)], [attributes() + 4 * DRUM]),
    "drums_only": ([attributes() + 4 * DRUM],),
    "256ths": ([attributes(divisions=64) + "".join(note("CDEFGAB"[k % 7], 1) for k in range(64)) + note("C", 192)],),
    "tuplets": ([attributes(divisions=105) + "".join(tuplet("CDEFGAB"[k % 7], 420 // 7, 7, 4) for k in range(7))],),
    "no_tempo_and_an_upbeat": ([attributes(3) + note("G", 4), note("C", 12), attributes(6, 8) + note("D", 12)],),
}
REFUSED = {
    "no_notes": (musicxml([attributes() + REST]), "no notes"),
    "malformed": (musicxml([attributes() + note("C", 16)])[:-40], "damaged"),
    "empty": ("", "it is empty"),
    "large": (musicxml([attributes() + note("C", 16)]) + "<!--" + 50_000_000 * "x" + "-->", "50 MB"),
}


def test_unusual_scores_are_performed_or_refused_in_a_line_each(perf_render: Command) -> None:
    os.mkdir("in")
    for name, parts in SCORES.items():
        Path(f"in/{name}.musicxml").write_text(musicxml(*parts))
    for name, (text, _) in REFUSED.items():
        Path(f"in/{name}.musicxml").write_text(text)
    ended = perf_render("in", "-o", "out")
    assert ended.status == 1
    lines = ended.error.splitlines()
    assert len(lines) == len(REFUSED)
    for line, (name, (_, reason)) in zip(lines, sorted(REFUSED.items()), strict=True):
        assert f"in/{name}.musicxml" in line and reason in line
    counts = {path.stem: len(pitches(str(path))) for path in Path("out").iterdir()}
    sizes = {"empty_bars": 2, "three_notes": 3, "with_drums": 6, "drums_only": 4, "256ths": 65, "tuplets": 7, "no_tempo_and_an_upbeat": 3}
    assert counts == sizes


def test_ornaments_and_rolled_chords_are_played_on_the_bars_of_the_score(perf_render: Command, perf_live: Command) -> None:
    trill, turn = (f"<ornaments><{sign}/></ornaments>" for sign in ("trill-mark", "turn"))
    chord = "".join(note(step, 16, 3, "<chord/>" * (place > 0), "<arpeggiate/>") for place, step in enumerate("CEGB"))
    Path("signs.musicxml").write_text(musicxml([attributes() + note("A", 8, notations=trill) + note("G", 8, notations=turn), chord]))
    ended = perf_render("signs.musicxml", "-o", "out", "--to", "mid", "--to", "png")
    assert (ended.status, ended.error) == (0, "")
    played = pitches("out/signs.mid")
    assert f" {len(played)} notes" in ended.output
    assert played[:4] == [69, 71, 69, 71] and played[-8:] == [69, 67, 65, 67, 48, 52, 55, 59]
    file = read_midi_file("out/signs.mid")
    onsets = [file.tempo_map.to_tick(event.time_ns) / file.division for event in file.events if is_note_on(event.message)]
    assert onsets[0] == pytest.approx(0, abs=0.2) and onsets[-8] == pytest.approx(2, abs=0.2) and onsets[-1] == pytest.approx(4, abs=0.5)
    assert len(set(onsets[-4:])) == 4
    perf_render("signs.musicxml", "-o", "free.mid", "--timing", "absolute")
    perf_live("--score", "signs.musicxml", "--out", "live.mid")
    assert Path("free.mid").read_bytes() == Path("live.mid").read_bytes() and pitches("free.mid") == played


@pytest.mark.parametrize(
    ("arguments", "status", "fragments"),
    [
        (("score.musicxml", "-o", "out.mid", "--set", "tempp=1"), 2, ["tempp", "did you mean 'tempo'?"]),
        (("score.musicxml", "-o", "out.mid", "--lookahead", "1"), 2, ["--lookahead", "leave"]),
        (("none.musicxml", "-o", "out.mid"), 1, ["none.musicxml", "No such file"]),
    ],
)
def test_what_cannot_be_done_is_refused(
    perf_render: Command, arguments: tuple[str, ...], status: int, fragments: list[str]
) -> None:
    assert_refused(perf_render(*arguments), status, *fragments)
    assert not Path("out.mid").exists()


def test_live_notes_are_refused(perf_live: Command) -> None:
    assert_refused(perf_live("--in", ELISE, "--out", "x.mid"), 2, "--score FILE", "--lookahead 2")


def test_scores_and_takes_are_told_apart(folder: None, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rendered = command(app, "perf-render", capfd)
    no_scores = rendered("score.musicxml", "-o", "out.mid", "--performer", "velocity")
    assert_refused(no_scores, 2, "plays no scores", "--performer dexter")
    assert_refused(rendered(ELISE, "-o", tmp_path / "out.mid", "--timing", "absolute"), 2, "--timing", "--performer dexter")
    assert_refused(command(live_app, "perf-live", capfd)("--in", ELISE, "--out", "x.mid", "--no-repeats"), 2, "--no-repeats", "--score")
    assert_refused(command(live_app, "perf-live", capfd)("--in", ELISE, "--score", ELISE, "--out", "x.mid"), 2, "one file")


class Conducted:
    """A stream that writes down what it is told, without the times."""

    ended = running = False
    controls = CONTROLS

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        def hear(*arguments: object) -> None:
            timed = name not in ("set_control", "leave_loop")
            self.told.append((name, *(arguments[:-1] if timed else arguments)))

        return hear


def test_lines_conduct() -> None:
    said: list[str] = []
    refused: list[str] = []
    stream, performer = Conducted(), SimpleNamespace(name="conducted", controls=CONTROLS, latency_ns=0)
    source = ConductedSource(cast(Any, stream), MonotonicClock())
    engine = Engine(source, cast(Any, performer), cast(Any, stream), [], MonotonicClock())
    steering = Rig(engine, Setup(cast(Any, performer)), source, []).steering
    asker = Asker(said.append, refused.append)
    for line in ("play", "toggle", "pause", "seek 12", "loop 3 5", "loop off", "tempo 0.8", "help", "seek x", "tempo 9", "dance", "quit"):
        steering.post(line.split(), asker)
    steering.obey()
    assert source.exhausted
    started, paused = [("start",)], [("pause",)]
    told = [("seek", 12), ("loop", 3, 5), ("leave_loop",), ("set_control", "tempo", 0.8)]
    assert stream.told == started + started + paused + told + paused
    assert said[:7] == ["plays", "plays", "paused", "bar 12", "loops bars 3 to 5", "no loop", "tempo 0.8"]
    assert "seek BAR" in said[7] and said[8:] == ["ends"]
    assert len(refused) == 3 and "'x'" in refused[0] and "0.25 to 4" in refused[1] and "dance: not a command" in refused[2]


def test_a_port_conducts_and_is_played_along() -> None:
    stream = Conducted()
    source = ConductedSource(stream, MonotonicClock())
    played = Event(5, b"\x90\x40\x40")
    for message in (b"\xfc", b"\xfa", b"\xfb", played.message):
        source._inbox.put(Event(5, message))
    assert [source.receive(None) for _ in range(4)] == [None, None, None, played]
    assert stream.told == [("pause",), ("restart",), ("start",)]


def test_a_controller_that_is_played_moves_a_control_while_the_score_plays(performer: str, models: Path) -> None:
    """As with perf-live --score X --in KEYS --cc 1=tempo, on a virtual clock."""
    setup = Wanted(find_system(performer), controllers=["1=tempo"], model=models).load()
    performance, clock = open_performance(setup, PRELUDE), VirtualClock()
    keys = SimpleNamespace(inbox=queue.SimpleQueue(), close=lambda: None)

    class Player(CollectingSink):
        """Moves the wheel when a hundred notes have begun."""

        def send(self, event: Event) -> None:
            super().send(event)
            if is_note_on(event.message) and sum(is_note_on(each.message) for each in self.sent) == 100:
                keys.inbox.put(Event(clock.now_ns(), b"\xb0\x01\x7f"))

    source, player = ConductedSource(performance.stream, clock, keys), Player()
    Session(setup, source, [player], clock, performance).run()
    sent = player.sent
    onsets = np.array([event.time_ns for event in sent if is_note_on(event.message)]) / 1e9
    assert len(onsets) == 549
    before, after = np.median(np.diff(onsets[:100])), np.median(np.diff(onsets[150:450]))
    assert 3 < before / after < 5.5
    wheel = [index for index, event in enumerate(sent) if event.message == b"\xb0\x01\x7f"]
    assert len(wheel) == 1 and sum(is_note_on(event.message) for event in sent[: wheel[0]]) == 100


@pytest.mark.jack
@pytest.mark.parametrize("performer", ["dexter"], indirect=True)
def test_a_player_in_real_time_obeys_and_ends(jack_server: str, models: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.mid"
    arguments = ["--score", str(ELISE), "--virtual", "score-player", "--api", "jack", "--record", str(kept), "--model", str(models)]
    program = subprocess.Popen(
        [sys.executable, "-c", PERF_LIVE, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdin and program.stdout
    assert program.stdout.readline().startswith("ready: ")
    for line, seconds in (("tempo 4", 1.5), ("pause", 0.1), ("seek 5", 0.1), ("play", 1.5), ("quit", 0)):
        program.stdin.write(line + "\n")
        program.stdin.flush()
        time.sleep(seconds)
    output, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (0, "")
    tempo, *others = output.splitlines()[:5]
    assert tempo.partition(",")[0] == "tempo 4" and others == ["paused", "bar 5", "plays", "ends"] and " played, " in output
    events = read_midi_file(kept).events
    assert len([event for event in events if is_note_on(event.message)]) > 5
    assert sum(is_note_on(event.message) - is_note_off(event.message) for event in events) == 0
