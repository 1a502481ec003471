"""A program beside perf-live: a keyboard or a sound module. ``python -m engine.bench.reliability.stage.peer keys|synth CLIENT LOG``.

A process of its own, so that it can be killed. It obeys lines on standard input, of which all but ``send`` are answered with ``done``:

- ``send HEX ...``: send messages at once;
- ``flood NOTES A_SECOND``: as many notes, each with its end, spread over keys and channels (an on and an off are two messages);
- ``close``, ``open``: take the port away and bring it back;
- ``prompt``: from now on be stopped by nothing but what is in real time, as an instrument that is no program;
- ``sync``: do nothing, when all that was said before is done.

Each message that was sent or heard goes into LOG before anything else happens, as a time, a length and its bytes.
"""

import os
import sys
import time
from contextlib import ExitStack
from typing import Any

import rtmidi

from engine.bench.reliability.stage.log import encode
from engine.midi import ports
from engine.midi.events import note_off, note_on
from engine.midi.ports import jack
from engine.midi.ports.ring import Ring
from engine.runtime.real_time import real_time

KEYS, SYNTH = "keys", "synth"
FLOOD_KEYS, FLOOD_CHANNELS = range(24, 104), (0, 1, 2)


class Peer:
    def __init__(self, kind: str, client: str, log: str):
        self._kind, self._client = kind, client
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._prompt = ExitStack()
        self._ring = Ring()
        if kind == KEYS:
            jack.share_graph()  # it tells the ring of the server's periods
        self._midi = self._open()

    def _open(self) -> Any:
        """Return a client with an open port. python-rtmidi opens a virtual port once, so that one that comes back is a client's."""
        made = rtmidi.MidiOut if self._kind == KEYS else rtmidi.MidiIn
        midi = ports.new_client(made, "jack", self._client)
        if self._kind == SYNTH:
            midi.ignore_types(sysex=False, timing=False, active_sense=False)
            midi.set_callback(lambda message, _: self._keep(bytes(message[0])))
        midi.open_virtual_port(self._kind)
        return midi

    def obey(self, words: list[str]) -> None:
        match words:
            case ["send", *messages]:
                for message in messages:
                    self._send(bytes.fromhex(message))
                return
            case ["flood", notes, per_second]:
                self._flood(int(notes), float(per_second))
            case ["prompt"]:
                self._prompt.enter_context(real_time())
            case ["close"]:
                self.close()
            case ["open"]:
                self._midi = self._open()
        print("done", flush=True)

    def close(self) -> None:
        ports.release(self._midi)

    def _send(self, message: bytes) -> None:
        self._keep(message)
        self._ring.make_room(len(message), given_up=lambda: False)
        self._midi.send_message(message)

    def _flood(self, notes: int, per_second: float) -> None:
        begun_s = time.monotonic()
        for number in range(notes):
            time.sleep(max(0.0, begun_s + number / per_second - time.monotonic()))
            channel, key = FLOOD_CHANNELS[number % len(FLOOD_CHANNELS)], FLOOD_KEYS[number % len(FLOOD_KEYS)]
            self._send(note_on(channel, key, 1 + number % 127))
            self._send(note_off(channel, key))

    def _keep(self, message: bytes) -> None:
        os.write(self._log, encode(time.monotonic_ns(), message))


def main() -> None:
    peer = Peer(*sys.argv[1:])
    print("done", flush=True)
    for line in sys.stdin:
        peer.obey(line.split())
    peer.close()


if __name__ == "__main__":
    main()
