"""The text in a MIDI file that says that it was performed, by whom and with which seed, so that nobody takes it for a human's.

It is a text event (Standard MIDI Files 1.0, meta event 01) at the beginning of the first track.
"""

from dataclasses import replace
from importlib.metadata import version

from engine.midi.chunks import KeptEvent, read_length
from engine.midi.file import MidiTimeline, encode_length

TEXT = b"\xff\x01"
BEGINNING = "performed by perf-live "


def performed_mark(performer: str, seed: int) -> str:
    """Return the text."""
    return f"{BEGINNING}{version('perf-live')}, {performer} (seed {seed})"


def mark(timeline: MidiTimeline, text: str) -> MidiTimeline:
    """Return a file that says ``text``; "" says nothing, nor does a file without tracks."""
    if not text or not timeline.tracks:
        return timeline
    first, *others = timeline.tracks
    data = text.encode()
    own = KeptEvent(0, 0, TEXT + encode_length(len(data)) + data)
    return replace(timeline, tracks=(replace(first, kept=(*first.kept, own)), *others))


def find_marks(timeline: MidiTimeline) -> list[str]:
    """Return what a file says of its having been performed, the first performance first."""
    texts = [event.data for track in timeline.tracks for event in track.kept if event.data[:2] == TEXT]
    told = [text[read_length(text, 2)[1] :].decode(errors="replace") for text in texts]
    return [text for text in told if text.startswith(BEGINNING)]
