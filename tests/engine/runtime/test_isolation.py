"""A disk that stalls or is full keeps nothing else waiting; what was written is kept and named."""

import os
import subprocess
import sys
import threading
import time

import pytest
from engine_runs import PIECE, ObservedSink, assert_nothing_sounds
from test_live import PATIENCE_S, Peer, playing

from engine.base.clock import MonotonicClock
from engine.base.errors import PerfLiveError
from engine.midi.events import Event, note_off, note_on
from engine.midi.file import MidiTimeline, read_midi_file
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.runtime import isolation
from engine.runtime.isolation import IsolatedSink
from engine.runtime.loop import Engine
from engine.runtime.recorder import Recorder
from engine.runtime.sinks import CollectingSink
from engine.runtime.sources import FileSource


@pytest.fixture
def lines(monkeypatch):
    said = []
    monkeypatch.setattr(isolation, "say", said.append)
    return said


class FileStandIn(CollectingSink):
    """Keeps how it ended; ``fails_at`` so many events its disk is full."""

    def __init__(self, kept=None, fails_at=None):
        super().__init__()
        self.kept, self.ended, self._fails_at = kept, None, fails_at

    def send(self, event):
        if len(self.sent) == self._fails_at:
            raise OSError(28, "No space left on device")
        super().send(event)

    def close(self):
        self.ended = "closed"
        if len(self.sent) == self._fails_at:
            raise OSError(28, "No space left on device")

    def abort(self):
        self.ended = "aborted"


class FifoSink(FileStandIn):
    """Writes to a FIFO that nobody reads: a disk that takes a little and then stalls."""

    def __init__(self, path):
        super().__init__(path)
        os.mkfifo(path)
        self._fifo = os.open(path, os.O_RDWR)
        self.stalled = threading.Event()

    def send(self, event):
        threading.Timer(0.2, self.stalled.set).start()
        os.write(self._fifo, bytes(1 << 20))
        super().send(event)


@pytest.mark.jack
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_stalled_disk_does_not_keep_the_port_beside_it_and_is_not_waited_for_when_there_is_no_time(jack_server, tmp_path, lines):
    peer = Peer()
    try:
        disk = FifoSink(tmp_path / "take.wav")
        isolated = IsolatedSink(disk, "take.wav")
        music = [message for pitch in range(40, 60) for message in (note_on(0, pitch, 64), note_off(0, pitch))]
        with playing(isolated) as engine:
            peer.play([note_on(0, 80, 1)])
            peer.wait_for(1)
            assert disk.stalled.wait(PATIENCE_S)
            peer.play(music)
            peer.wait_for(41)
            engine.stop()
            peer.wait_for(42)  # what sounds is released, although the file is not complete
            time.sleep(0.2)
            assert not isolated.complete
            engine.hurry()
        assert peer.heard == [note_on(0, 80, 1), *music, note_off(0, 80)]
        assert disk.ended is None and not isolated.complete and isolated.kept == tmp_path / "take.wav"
        assert lines == []
    finally:
        peer.close()


def test_a_full_disk_is_said_once_and_the_others_go_on(lines, tmp_path):
    clock, performer = MonotonicClock(), PassthroughPerformer()
    full, other = FileStandIn(tmp_path / "take.partial.wav", fails_at=4), ObservedSink(clock)
    isolated = IsolatedSink(full, "take.wav")
    events = [event._replace(time_ns=event.time_ns // 10) for event in PIECE]
    engine = Engine(FileSource(MidiTimeline(events), clock), performer, performer.create_stream(0, {}), [isolated, other], clock)
    with pytest.raises(PerfLiveError) as caught:
        engine.run()
    assert caught.value.reported
    assert lines == [
        "'take.wav' is not complete: No space left on device; the music goes on; "
        f"what came before is in {str(tmp_path / 'take.partial.wav')!r}"
    ]
    assert len(full.sent) == 4 and full.ended == "closed"
    assert [event.message for event in other.sent] == [event.message for event in PIECE]
    assert_nothing_sounds(other.sent)


def test_a_disk_that_is_too_far_behind_has_failed(lines, monkeypatch):
    monkeypatch.setattr(isolation, "MOST_WAITING", 10)
    let_go = threading.Event()

    class Slow(FileStandIn):
        def send(self, event):
            let_go.wait()
            super().send(event)

    slow = Slow()
    isolated = IsolatedSink(slow, "take.wav")
    isolated.start(0)
    for number in range(100):
        isolated.send(Event(number, note_on(0, 60, 64)))
    let_go.set()
    with pytest.raises(PerfLiveError, match=r"'take.wav' is not complete: its disk is 10 events behind; .* nothing of it is kept"):
        isolated.close()
    assert len(lines) == 1
    assert [event.time_ns for event in slow.sent] == list(range(len(slow.sent))) and 10 <= len(slow.sent) <= 13


def test_all_that_was_sent_is_there_when_it_is_closed_and_a_run_that_never_began_leaves_nothing(lines, tmp_path):
    recorder = IsolatedSink(Recorder(tmp_path / "take.mid"), "take.mid")
    recorder.start(0)
    events = [Event(number * 1_000_000, note_on(0, number % 128, 64)) for number in range(5000)]
    for event in events:
        recorder.send(event)
    recorder.close()
    assert recorder.complete and recorder.kept == tmp_path / "take.mid"
    assert read_midi_file(recorder.kept).events == events
    never = IsolatedSink(Recorder(tmp_path / "never.mid"), "never.mid")
    never.abort()
    assert never.kept is None
    assert [path.name for path in tmp_path.iterdir()] == ["take.mid"]


FULL_DISK = """
import resource, sys
from pathlib import Path
from engine.base.errors import PerfLiveError
from engine.base.saying import finish_saying
from engine.midi.events import Event, note_on
from engine.runtime.isolation import IsolatedSink
from engine.sound.wav import WavSink
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, 5_000_000))
take = IsolatedSink(WavSink(Path(sys.argv[1]), keeps=True), "take.wav")
take.start(0)
for second in range(60):
    take.send(Event(second * 1_000_000_000, note_on(0, 60, 100)))
try:
    take.close()
except PerfLiveError as error:
    print(error.reported, take.kept.name)
finish_saying()
"""


@pytest.mark.sound
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file size limit to stand for a full disk")
def test_the_sound_that_a_full_disk_has_taken_can_be_played(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path / "take.wav")], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["True", "take.partial.wav"]
    assert done.stderr.count("\n") == 1 and "File too large; the music goes on; what came before is in" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["take.partial.wav"]
    data = (tmp_path / "take.partial.wav").read_bytes()
    frames = (len(data) - 58) // 8  # the header of a WAV file of floats has 58 bytes, and a frame 8
    assert frames > 44100 and int.from_bytes(data[54:58], "little") // 8 >= frames - 32768
