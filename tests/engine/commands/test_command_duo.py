"""perf-live --follow: a soloist from a file, whom the rest of the score accompanies."""

import time
from pathlib import Path

import numpy as np
import pytest
import synthetic_dexter
from command_line import Command, assert_refused, command
from duos import LULLABY, lullaby, sung
from jack_stage import stage

from engine.commands.live import app
from engine.midi.events import Event, is_note_off, is_note_on
from engine.midi.file import MidiTimeline, Track, read_midi_file
from engine.output.file_sinks import TakeMaterial
from engine.performers.setup import Wanted

PIECE = lullaby()
VOICE = PIECE.tracks == 0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic_dexter.write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def perf_live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str], models: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    write(Path("voice.mid"), sung(PIECE, VOICE))
    live = command(app, "perf-live", capfd)
    return lambda *arguments: live(*arguments, "--model", models)


def write(path: Path, events: list[Event]) -> None:
    sink = TakeMaterial(MidiTimeline(events, (Track((), 0),))).midi_sink(path)
    sink.start(0)
    for event in events:
        sink.send(event)
    sink.close()


def pitches(path: str) -> list[int]:
    return sorted(event.message[1] for event in read_midi_file(Path(path)).events if is_note_on(event.message))


def test_the_piano_comes_with_the_voice_and_the_voice_goes_through(perf_live: Command) -> None:
    ended = perf_live("--score", LULLABY, "--follow", "voice", "--in", "voice.mid", "--out", "duo.mid", "--set", "balance=-4")
    assert (ended.status, ended.error) == (0, "")
    assert f"{(~VOICE).sum()} notes played, none late" in ended.output
    assert pitches("duo.mid") == sorted(PIECE.score.notes["pitch"].tolist())


def test_the_same_input_gives_the_same_music(perf_live: Command) -> None:
    said = ("--score", LULLABY, "--follow", "auto", "--in", "voice.mid", "--set", "wait=on", "--seed", 3)
    for name in ("one.mid", "other.mid"):
        ended = perf_live(*said, "--out", name)
        assert (ended.status, ended.error) == (0, "you play Voice\n")
    assert read_midi_file(Path("one.mid")).events == read_midi_file(Path("other.mid")).events


SCORE = ("--score", str(LULLABY))
REFUSED = {
    "a part that is not there": (
        (*SCORE, "--follow", "Oboe", "--in", "voice.mid"),
        "perf-live: --follow 'Oboe': the score has no such part; allowed: Voice, Piano, right, left, auto\n",
    ),
    "no score": (("--follow", "Voice", "--in", "voice.mid"), "a part of a score; give --score FILE as well"),
    "a conductor as well": (
        (*SCORE, "--follow", "Voice", "--in", "voice.mid", "--conduct", "C2"),
        "the beat is the soloist's or yours; leave one of them out",
    ),
    "nobody": ((*SCORE, "--follow", "Voice"), "there is nobody to follow; give --in PORT, or --in FILE.mid"),
    "a rehearsal of nobody": (
        (*SCORE, "--rehearsed", "voice.mid"),
        "--rehearsed: for who accompanies you; leave it out, or give --follow PART",
    ),
    "a take that would be lost": (
        (*SCORE, "--follow", "Voice", "--in", "voice.mid", "--rehearsed", "duo.mid"),
        "'duo.mid' would be written over an input; give another name",
    ),
    "a take that a recording would be written over": (
        (*SCORE, "--follow", "Voice", "--in", "Keyboard", "--rehearsed", "hers.mid", "--record", "hers.mid"),
        "'hers.mid' would be written over an input; give another name",
    ),
    "a loop of nobody": ((*SCORE, "--loop", "2-4"), "--loop: for who accompanies you; leave it out, or give --follow PART"),
    "no bars": ((*SCORE, "--follow", "Voice", "--in", "voice.mid", "--loop", "two"), "expected a first and a last bar, as in 12-16"),
    "bars that are not there": ((*SCORE, "--follow", "Voice", "--in", "voice.mid", "--loop", "90-99"), "bar 90: the score has no such bar"),
    "a control of nobody": (("--in", "voice.mid", "--set", "wait=on"), "no control is called 'wait'"),
}


@pytest.mark.parametrize("arguments, said", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_followed_is_said_in_one_line(perf_live: Command, arguments: tuple[str, ...], said: str) -> None:
    assert_refused(perf_live(*arguments, "--out", "duo.mid"), 2, said)
    assert not Path("duo.mid").exists()


@pytest.mark.parametrize("more, said", ((("--follow", "Oboe"), "no such part"), (("--follow", "Voice", "--loop", "90-99"), "no such bar")))
def test_what_the_score_does_not_have_is_said_before_a_model_is_loaded(
    perf_live: Command, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr(Wanted, "load", lambda wanted: pytest.fail("a model is loaded"))
    assert_refused(perf_live(*SCORE, *more, "--in", "voice.mid", "--out", "duo.mid"), 2, said)


def test_a_take_without_the_accompaniment_is_said_before_a_model_is_loaded(perf_live: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Wanted, "load", lambda wanted: pytest.fail("a model is loaded"))
    Path("empty.mid").touch()
    said = (*SCORE, "--follow", "Voice", "--in", "voice.mid", "--out", "duo.mid")
    assert_refused(perf_live(*said, "--rehearsed", "voice.mid"), 1, "9% of the accompaniment's notes are played in it, and 9")
    assert_refused(perf_live(*said, "--rehearsed", "empty.mid"), 1, "cannot read 'empty.mid': empty; give a standard MIDI file")
    assert_refused(perf_live(*said, "--rehearsed", "none.mid"), 1, "cannot read 'none.mid': No such file")
    assert not Path("duo.mid").exists()


def test_the_accompaniment_is_as_it_was_rehearsed(perf_live: Command) -> None:
    write(Path("hers.mid"), sung(PIECE, ~VOICE, pace=1.5, velocity=33))
    write(Path("his.mid"), sung(PIECE, ~VOICE, pace=1.2, velocity=37))
    said = (*SCORE, "--follow", "Voice", "--in", "voice.mid", "--out", "duo.mid")
    ended = perf_live(*said, "--rehearsed", "hers.mid", "--rehearsed", "his.mid")
    assert (ended.status, ended.error) == (0, "")
    piano = [event.message for event in read_midi_file(Path("duo.mid")).events if is_note_on(event.message) and event.message[0] & 15 == 1]
    velocities = [message[2] for message in piano]
    assert len(piano) == (~VOICE).sum()
    assert np.ptp(velocities[-20:]) <= 8  # the singer's loudness, which does not change, may have moved all of them


@pytest.mark.jack
def test_between_ports_the_voice_is_heard_at_once_and_the_piano_meets_it(jack_server: str, models: Path) -> None:
    """A singer with human timing and two wrong notes, twice as fast as is written, so that it takes seconds."""
    random, pace = np.random.default_rng(0), 0.5
    events = [event._replace(time_ns=event.time_ns + round(random.normal(0, 8e6))) for event in sung(PIECE, VOICE, pace)][:48]
    with stage("duo", "--score", LULLABY, "--follow", "Voice", "--slower", "2", "--model", models) as opened:
        begun_ns = time.monotonic_ns()
        for index, event in enumerate(sorted(events, key=lambda event: event.time_ns)):
            time.sleep(max(0.0, (event.time_ns + begun_ns - time.monotonic_ns()) / 1e9))
            wrong = index // 2 in (10, 15)  # a note and its end
            opened.play(bytes((*event.message[:1], event.message[1] + wrong, *event.message[2:])))
        time.sleep(1.5)
        opened.tell("pause")
        time.sleep(0.5)  # what it releases is on its way
        heard = opened.rest()
        status, errors = opened.end()
    begun = [message for message in heard if is_note_on(message)]
    last = float(np.sort(PIECE.score.notes["onset_quarter"][VOICE])[23])
    expected = (PIECE.score.notes["onset_quarter"][~VOICE] <= last).sum()
    assert sum(message[0] & 15 == 0 for message in begun) == 24
    assert expected * 0.9 <= len(begun) - 24 <= expected + 12
    assert len(begun) <= sum(is_note_off(message) for message in heard)
    assert (status, errors) == (0, "")


def test_loops_and_hints_are_understood(perf_live: Command) -> None:
    said = ("--follow", "Voice", "--in", "voice.mid", "--loop", "2-4", "--hint", "--slower", ".8")
    ended = perf_live(*SCORE, *said, "--out", "duo.mid")
    assert (ended.status, ended.error) == (0, "")
    assert len(pitches("duo.mid")) < len(PIECE.score.notes)
