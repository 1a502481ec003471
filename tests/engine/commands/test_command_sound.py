"""The commands' ways to hear: rate and width of files, gain and reverb, and the neural synthesizer, on a model of sines."""

import wave
from pathlib import Path

import numpy as np
import pytest
from command_line import PRELUDE, Command, assert_refused, command
from synthetic_sound import write

from engine.commands.live import app as live_app
from engine.commands.render import app as render_app
from engine.midi.events import Event, note_off, note_on
from engine.midi.file import write_midi_file
from engine.sound.performance_net import synthesizer as neural
from engine.sound.performance_net.stream import open_model

SECOND_NS = 1_000_000_000


@pytest.fixture
def perf_render(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    write_midi_file("note.mid", [Event(SECOND_NS, note_on(0, 69, 100)), Event(2 * SECOND_NS, note_off(0, 69))])
    rendered = command(render_app, "perf-render", capfd)
    return lambda *arguments: rendered(*arguments, "--performer", "passthrough")


def read(name: str) -> tuple[np.ndarray, int, int]:
    """Return samples (frames, 2) from -1 to 1, their rate and bits."""
    with wave.open(name) as file:
        width, frames = file.getsampwidth(), file.getnframes()
        data = np.frombuffer(file.readframes(frames), np.uint8).reshape(frames, 2, width)
        rate = file.getframerate()
    return np.pad(data, ((0, 0), (0, 0), (4 - width, 0))).view("<i4")[..., 0] / 2**31, rate, 8 * width


def begin_sec(samples: np.ndarray, rate: int) -> float:
    return float(np.flatnonzero(np.abs(samples[:, 0]) > np.abs(samples).max() / 100)[0] / rate)


@pytest.mark.sound
def test_a_file_is_of_the_rate_width_and_loudness_asked_for(perf_render: Command) -> None:
    assert perf_render("note.mid", "-o", "plain.wav").status == 0
    ended = perf_render("note.mid", "-o", "other.wav", "--rate", 48000, "--bits", 24, "--gain", -12, "--reverb", 0)
    assert (ended.status, ended.error) == (0, "")
    (plain, *described), (other, *others) = read("plain.wav"), read("other.wav")
    assert (described, others) == ([44100, 16], [48000, 24])
    assert begin_sec(other, 48000) == pytest.approx(begin_sec(plain, 44100), abs=0.005) == pytest.approx(1, abs=0.02)
    assert 3 < np.abs(plain).max() / np.abs(other).max() < 5
    assert len(other) / 48000 < len(plain) / 44100


@pytest.mark.sound
def test_however_loud_nothing_is_cut_off(perf_render: Command) -> None:
    assert perf_render(PRELUDE, "-o", "loud.wav", "--loudness", "off", "--gain", 40).status == 0
    samples = read("loud.wav")[0]
    assert 0.95 < np.abs(samples).max() < 0.99
    assert (np.abs(samples) > 0.975).mean() < 0.05


def test_a_neural_file_has_notes_in_their_places(perf_render: Command, monkeypatch: pytest.MonkeyPatch, capfd, tmp_path: Path) -> None:
    model = open_model(str(write(tmp_path / "sines.onnx")))
    monkeypatch.setattr(neural, "load_sound_model", lambda path=None: model)
    ended = perf_render("note.mid", "-o", "neural.wav", "--sound", "neural")
    assert (ended.status, ended.error) == (0, "")
    samples, rate, _ = read("neural.wav")
    assert rate == 44100 and begin_sec(samples, rate) == pytest.approx(1, abs=0.03)
    assert len(samples) > 2.1 * rate
    perf_render("note.mid", "-o", "faster.wav", "--sound", "neural", "--rate", 48000)
    assert begin_sec(read("faster.wav")[0], 48000) == pytest.approx(1, abs=0.03)
    live = command(live_app, "perf-live", capfd)
    assert live("--in", "note.mid", "--out", "neural:live.wav", "--performer", "passthrough").status == 0
    assert Path("live.wav").read_bytes() == Path("neural.wav").read_bytes()
    assert not np.array_equal(samples[:, 0], samples[:, 1])  # a room
    assert live("--in", "note.mid", "--out", "neural:dry.wav", "--performer", "passthrough", "--reverb", 0).status == 0
    dry = read("dry.wav")[0]
    assert np.array_equal(dry[:, 0], dry[:, 1])


def test_an_instrument_of_ones_own_is_a_file(perf_render: Command) -> None:
    """The model of sines plays an A without partials; the piano that ships has some."""
    write(Path("sines.onnx"))
    ended = perf_render("note.mid", "-o", "own.wav", "--sound", "neural", "--instrument", "sines.onnx", "--reverb", 0)
    assert (ended.status, ended.error) == (0, "")
    samples, rate, _ = read("own.wav")
    spectrum = np.abs(np.fft.rfft(samples[int(1.2 * rate) : int(1.8 * rate), 0]))
    near = slice(round(0.6 * 400), round(0.6 * 480))  # 440 Hz, to the bin of the model
    assert (spectrum[near] ** 2).sum() > 0.99 * (spectrum**2).sum()
    missing = perf_render("note.mid", "-o", "out.wav", "--sound", "neural", "--instrument", "none.onnx")
    assert_refused(missing, 1, "cannot read 'none.onnx'", ".onnx file of perf-export")
    Path("mine").mkdir()
    assert_refused(perf_render("note.mid", "-o", "out.wav", "--sound", "neural", "--instrument", "mine"), 1, "mine/performance_net.onnx'")
    Path("sines.onnx").rename("mine/performance_net.onnx")
    assert perf_render("note.mid", "-o", "folder.wav", "--sound", "neural", "--instrument", "mine", "--reverb", 0).status == 0
    assert Path("folder.wav").read_bytes() == Path("own.wav").read_bytes()
    Path("text.onnx").write_text("words")
    assert_refused(perf_render("note.mid", "-o", "out.wav", "--sound", "neural", "--instrument", "text.onnx"), 1, "text.onnx: not a model")
    assert not Path("out.wav").exists()


def test_what_is_said_of_sound_and_of_no_use_is_one_line(perf_render: Command) -> None:
    assert_refused(perf_render("note.mid", "-o", "out.mid", "--gain", 3), 2, "are for sound, and none is made", "-o FILE.wav")
    assert_refused(perf_render("note.mid", "-o", "out.wav", "--sound", "neutral"), 2, "--sound", "neural")
    fluidsynth = perf_render("note.mid", "-o", "out.wav", "--instrument", "cello")
    assert_refused(fluidsynth, 2, "--instrument is of the neural sound", "--sound neural")
    assert_refused(perf_render("note.mid", "-o", "out.mid", "--instrument", "cello"), 2, "are for sound, and none is made")
    assert_refused(perf_render("note.mid", "-o", "out.wav", "--sound", "neural", "--instrument", "kazoo"), 2, "'kazoo'", "flute", ".onnx")
    assert not Path("out.wav").exists()


def test_the_instrument_asked_for_plays(perf_render: Command, monkeypatch: pytest.MonkeyPatch, capfd, tmp_path: Path) -> None:
    model, loaded = open_model(str(write(tmp_path / "sines.onnx"))), []
    monkeypatch.setattr(neural, "load_sound_model", lambda path: loaded.append(path.name) or model)
    assert perf_render("note.mid", "-o", "a.wav", "--sound", "neural", "--instrument", "violin").status == 0
    live = command(live_app, "perf-live", capfd)
    assert live("--in", "note.mid", "--out", "neural:b.wav", "--performer", "passthrough", "--instrument", "cello").status == 0
    assert perf_render("note.mid", "-o", "c.wav", "--sound", "neural", "--instrument", "piano").status == 0
    assert loaded == ["performance_net_violin.onnx", "performance_net_cello.onnx", "performance_net.onnx"]
    refused = live("--in", "note.mid", "--out", "d.wav", "--performer", "passthrough", "--instrument", "cello")
    assert_refused(refused, 2, "--instrument is of the neural sound", "--out neural")
