"""More than anybody plays: floods of messages, long system exclusives, every key of every channel at once."""

from collections.abc import Iterator

from engine.base.errors import PerfLiveError
from engine.bench.reliability.stage.between_ports import Stage, await_
from engine.midi.events import SYSTEM_EXCLUSIVE, note_off, note_on

MESSAGES_A_SECOND = 10_000
FLOOD_PATIENCE_S = 30.0
EXCLUSIVE_BYTES, PART_BYTES = 64 * 1024, 13_108  # JACK takes no message of 64 KiB: five in a row
KEYS_AT_ONCE, CHANNELS = 128, 16
PIECES = (b"\x90", b"\x90\x3c", b"\xb0\x40", b"\xe0\x01", b"\x3c\x40", b"\x3c", b"\xf7", b"\xf2\x01")


def flood(stage: Stage, seconds: float) -> None:
    """Play 10,000 messages a second for so long, and wait until all was heard."""
    notes_a_second = MESSAGES_A_SECOND // 2  # each has an end
    stage.keys.ask(f"flood {round(seconds * notes_a_second)} {notes_a_second}")
    stage.await_heard(FLOOD_PATIENCE_S)


def long_exclusive(stage: Stage) -> None:
    """Send 64 KiB of system exclusive. Raises PerfLiveError when they do not come through as they are."""
    before, parts = len(_exclusives_of(stage)), list(_exclusives())
    stage.keys.send(*parts)
    await_(lambda: _exclusives_of(stage)[before:] == parts, "system exclusives are lost or changed")


def _exclusives_of(stage: Stage) -> list[bytes]:
    return [message for message in stage.heard() if message[0] == SYSTEM_EXCLUSIVE]


def _exclusives() -> Iterator[bytes]:
    for begin in range(0, EXCLUSIVE_BYTES, PART_BYTES):
        yield b"\xf0\x7d" + bytes((begin + place) % 128 for place in range(min(PART_BYTES, EXCLUSIVE_BYTES - begin) - 3)) + b"\xf7"


def every_key(stage: Stage) -> None:
    """Press all keys of all channels at once, and release them. Raises PerfLiveError when not all of them sound."""
    places = [(channel, key) for channel in range(CHANNELS) for key in range(KEYS_AT_ONCE)]
    stage.keys.send(*(note_on(channel, key, 1 + key % 127) for channel, key in places))
    stage.await_heard()
    if stage.delivered().stuck != len(places):
        raise PerfLiveError(f"{stage.delivered().stuck} of {len(places)} keys sound")
    stage.keys.send(*(note_off(channel, key) for channel, key in places))
    stage.await_silence()


def pieces(stage: Stage) -> None:
    """Send pieces of messages, as a faulty program does, between notes."""
    for piece in PIECES:
        stage.keys.send(note_on(0, 60, 64), piece, note_off(0, 60))
    stage.await_heard()
