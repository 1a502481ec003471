"""A sink that makes a page of what it is sent: it sounds into a file of its own meanwhile, and all is written together at the end."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.files import check_writable
from engine.midi.events import Event
from engine.output.html.document import Sound, write_document
from engine.runtime.sinks import CollectingSink
from engine.sound.options import SoundOptions
from engine.sound.wav import WavSink

MP3_RATE = 44100
PLAIN_RATE = 22050  # of a WAV file, where nothing is there to compress it


class HtmlSink(CollectingSink):
    """Collects what is sent and lets it sound; writes both when closed."""

    def __init__(
        self,
        path: Path,
        title: str,
        sound: SoundOptions,
        show: Callable[[Sequence[Event], int], dict[str, Any]],
        human: Sequence[Event] = (),
    ):
        """``show`` is given what was sent and when the music began, and returns what is shown. ``human``: a performance that can be heard
        in its place, whose times count from where its sound begins.

        Raises PerfLiveError when the file could not be written in the end, or what makes the sound is missing.
        """
        super().__init__()
        self._path, self._title, self._show = check_writable(path), title, show
        self._folder = tempfile.TemporaryDirectory(prefix="perf-render-")
        self._heard = Path(self._folder.name) / "sound.wav"
        rate = sound.sample_rate or (MP3_RATE if _soundfile() else PLAIN_RATE)
        self._sound, self._human = replace(sound, sample_rate=rate, bits=16), human
        self._wav = WavSink(self._heard, self._sound)

    def start(self, origin_ns: int) -> None:
        super().start(origin_ns)
        self._wav.start(origin_ns)

    def send(self, event: Event) -> None:
        super().send(event)
        self._wav.send(event)

    def close(self) -> None:
        with self._folder:
            self._wav.close()
            shown = self._show(self.sent, self.origin_ns)
            write_document(self._path, self._title, shown, compressed(self._heard), self._of_human())

    def _of_human(self) -> Sound | None:
        """Return how the human sounds on the same instrument."""
        if not self._human:
            return None
        path = self._heard.with_name("human.wav")
        wav = WavSink(path, self._sound)
        wav.start(0)
        for event in self._human:
            wav.send(event)
        wav.close()
        return compressed(path)

    def abort(self) -> None:
        with self._folder:
            self._wav.abort()


def compressed(path: Path) -> Sound:
    """Return a WAV file as MP3 where python-soundfile is there, as it is where not."""
    soundfile = _soundfile()
    if soundfile is None:
        return Sound("audio/wav", path.read_bytes())
    packed = path.with_suffix(".mp3")
    samples, rate = soundfile.read(path, dtype="float32")
    if not len(samples):
        samples = np.zeros((rate // 10, 2), np.float32)  # a sound without a sample is no MP3
    soundfile.write(packed, samples, rate, format="MP3")
    return Sound("audio/mpeg", packed.read_bytes())


def _soundfile() -> Any:
    """Return the module, with a library that knows MP3; else None."""
    try:
        import soundfile
    except (ImportError, OSError):  # the latter without its library
        return None
    return soundfile if "MP3" in soundfile.available_formats() else None
