import subprocess
import sys
import time
from pathlib import Path

import mido
import pytest

from engine.base.errors import PerfLiveError
from engine.base.files import partial_files
from engine.midi.events import Event, note_off, note_on
from engine.midi.file import read_midi_file
from engine.runtime import recorder
from engine.runtime.recorder import Recorder

TICK_NS = 250_000


def notes(count: int, start: int = 0) -> list[Event]:
    numbers = range(start, start + count)
    return [Event(i * 40 * TICK_NS, note_on(0, 60 + i % 12, 64) if i % 2 else note_off(0, 60 + i % 12)) for i in numbers]


def test_a_take_is_what_was_sent(tmp_path):
    path = tmp_path / "take.mid"
    path.write_bytes(b"an older take")
    take = Recorder(path)
    take.start(1_000)
    for event in notes(100):
        take.send(event._replace(time_ns=event.time_ns + 1_000))
    take.send(Event(0, b"\xf8"))  # real-time messages have no place in a file
    assert path.read_bytes() == b"an older take"
    take.close()
    assert read_midi_file(path).events == notes(100)
    assert [entry.name for entry in tmp_path.iterdir()] == ["take.mid"]


def test_the_file_is_whole_after_every_single_write(tmp_path, monkeypatch):
    states = []

    def write_and_look(file, offset, data, write=recorder._write_at):
        write(file, offset, data)
        states.append(Path(file.name).read_bytes())

    monkeypatch.setattr(recorder, "_write_at", write_and_look)
    take = Recorder(tmp_path / "take.mid")
    take.start(0)
    take._closing.set()  # no thread: this test flushes
    take._writer.join()
    for i in range(5):
        for event in notes(10, start=10 * i):
            take.send(event)
        take._flush()
    assert len(states) == 16
    seen, copy = 0, tmp_path / "state.mid"
    for i, state in enumerate(states):
        copy.write_bytes(state)
        events = read_midi_file(copy).events
        assert events == notes(50)[: len(events)]
        assert len(events) >= seen
        assert len(events) == 10 * (i // 3)
        seen = len(events)
        assert len([message for message in mido.MidiFile(copy) if not message.is_meta]) >= seen
    take.close()


WORKER = """
import sys, time
from engine.midi.events import Event, note_on
from engine.runtime.recorder import Recorder
take = Recorder(sys.argv[1])
take.start(0)
for i in range(100_000):
    take.send(Event(i * 250_000, note_on(0, 60, 64)))
    if i % 100 == 0:
        time.sleep(0.01)
"""


def test_a_kill_leaves_a_whole_file(tmp_path):
    path = tmp_path / "take.mid"
    partial = tmp_path / "take.partial.mid"
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(path)])
    deadline = time.monotonic() + 60
    # The size alone tells nothing: what is being appended counts from its last step on.
    while not partial.exists() or partial.stat().st_size < 10_000 or len(read_midi_file(partial).events) <= 1000:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert partial_files(tmp_path) == []  # it is in use
    worker.kill()
    worker.wait()
    assert partial_files(tmp_path) == [partial]
    assert not path.exists()
    assert len(read_midi_file(partial).events) > 1000
    second = Recorder(path)  # the next run does not touch what the crash has left
    second.start(0)
    assert second.kept == tmp_path / "take.partial-2.mid" and partial_files(tmp_path) == [partial]
    second.close()
    assert second.kept == path
    assert read_midi_file(path).events == []
    assert len(read_midi_file(partial).events) > 1000


FULL_DISK = """
import resource, signal, sys, time
from engine.base.errors import PerfLiveError
from engine.midi.events import Event, note_on
from engine.runtime.recorder import Recorder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
take = Recorder(sys.argv[1])
take.start(0)
sent = 0
for i in range(30_000):
    take.send(Event(i * 250_000, note_on(0, 60, 64)))
    sent += 1
    if i % 1000 == 0:
        time.sleep(0.1)
try:
    take.close()
except PerfLiveError as error:
    print(sent, error.reported, len(take._waiting))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file size limit to stand for a full disk")
def test_a_full_disk_is_said_once_and_the_music_goes_on(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path / "take.mid")], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["30000", "True", "0"]
    assert done.stderr.count("\n") == 1
    assert "recording stopped: File too large; the music goes on" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["take.partial.mid"]
    assert len(read_midi_file(tmp_path / "take.partial.mid").events) > 0


def test_a_disk_that_falls_behind_fails_before_the_memory_does(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "MOST_WAITING", 10)
    monkeypatch.setattr(recorder, "FLUSH_S", 60)
    lines = []
    take = Recorder(tmp_path / "take.mid", lines.append)
    take.start(0)
    for event in notes(100):
        take.send(event)
    assert len(take._waiting) <= 11
    with pytest.raises(PerfLiveError) as caught:
        take.close()
    assert caught.value.reported
    assert len(lines) == 1


def test_an_unwritable_place_is_refused_before_playing(tmp_path):
    with pytest.raises(PerfLiveError, match="there is no folder"):
        Recorder(tmp_path / "no" / "take.mid")


def test_a_run_that_never_began_leaves_no_recording(tmp_path):
    Recorder(tmp_path / "a.mid").abort()
    take = Recorder(tmp_path / "b.mid")
    take.start(0)
    take.abort()
    assert list(tmp_path.iterdir()) == []
