"""More than anybody plays: floods of messages, long system exclusives, every key of every channel at once."""

from collections.abc import Iterator

from engine.base.errors import PerfLiveError
from engine.bench.reliability.outcome import Fault, lasting
from engine.bench.reliability.stage import Stage, await_
from engine.midi.events import note_off, note_on

MESSAGES_A_SECOND = 10_000
FLOOD_PATIENCE_S = 120.0
EXCLUSIVE_BYTES, PART_BYTES = 64 * 1024, 13_108  # JACK takes no message of 64 KiB: five in a row
KEYS_AT_ONCE, CHANNELS = 128, 16


def flood(seconds: float) -> Fault:
    """Return the fault that 10,000 messages a second come in for so long."""

    def inject(stage: Stage) -> None:
        notes_a_second = MESSAGES_A_SECOND // 2  # each has an end
        stage.keys.ask(f"flood {round(seconds * notes_a_second)} {notes_a_second}")
        stage.await_heard(FLOOD_PATIENCE_S)

    return lasting(inject)


@lasting
def long_exclusive(stage: Stage) -> None:
    parts = list(_exclusives())
    for part in parts:
        stage.keys.send(part)
    await_(lambda: [message for message in stage.heard() if message[0] == 0xF0] == parts, "system exclusives are lost or changed")


def _exclusives() -> Iterator[bytes]:
    for begin in range(0, EXCLUSIVE_BYTES, PART_BYTES):
        yield b"\xf0\x7d" + bytes((begin + place) % 128 for place in range(min(PART_BYTES, EXCLUSIVE_BYTES - begin) - 3)) + b"\xf7"


@lasting
def every_key(stage: Stage) -> None:
    places = [(channel, key) for channel in range(CHANNELS) for key in range(KEYS_AT_ONCE)]
    stage.keys.send(*(note_on(channel, key, 1 + key % 127) for channel, key in places))
    stage.await_heard()
    if stage.delivered().stuck != len(places):
        raise PerfLiveError(f"{stage.delivered().stuck} of {len(places)} keys sound")
    stage.keys.send(*(note_off(channel, key) for channel, key in places))
    stage.await_silence()
