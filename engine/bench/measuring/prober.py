"""Plays a pattern to the programs under test through ports of its own, and notes when each message left and what came back when."""

import gc
import os
import time
from collections.abc import Callable, Sequence

import rtmidi

from engine.base.errors import PerfLiveError
from engine.base.quiet import quiet_stderr
from engine.bench.measuring.programs import PERIOD_FRAMES, RATE_HZ
from engine.bench.measuring.takes import NS_PER_S, Slot
from engine.midi import ports
from engine.midi.ports import jack

TURN_NS = 9 * PERIOD_FRAMES * NS_PER_S // RATE_HZ  # 12 ms: whole periods, so that both programs meet JACK at the same phase of one
BETWEEN_NS = 6_000_000  # how long after a slot's notes its other messages follow
SLOTS_PER_BLOCK = 124  # four seconds, after which the other program goes first
PAUSE_NS = 50_000_000  # between two blocks
LEAD_NS = 200_000_000  # before the first message
PATIENCE_S = 2.0  # for the last messages to come back
POLL_S = 0.02


class Target:
    """The prober's two ports for one program: it reads from ``input_name`` and writes to ``output_name``. Raises PerfLiveError."""

    def __init__(self, name: str):
        keys_client, synth_client = (f"perf-bench-{os.getpid()}-{name}-{part}" for part in ("keys", "synth"))
        self.input_name, self.output_name = f"{keys_client}:keys", f"{synth_client}:synth"
        self.sent_ns: list[int] = []
        self.late_ns: list[int] = []  # of each group of messages: how long after it was due it left
        self.received: list[tuple[int, bytes]] = []  # (when, message)
        jack.silence()
        try:
            with quiet_stderr():
                self._keys = ports.new_client(rtmidi.MidiOut, "jack", keys_client)
                self._synth = ports.new_client(rtmidi.MidiIn, "jack", synth_client)
        except rtmidi.RtMidiError as error:
            raise PerfLiveError(f"no JACK server answers: {error}; start one, or unset JACK_DEFAULT_SERVER") from error
        keep, now_ns = self.received.append, time.monotonic_ns
        self._synth.ignore_types(sysex=False, timing=False, active_sense=False)
        self._synth.set_callback(lambda message, _: keep((now_ns(), bytes(message[0]))))
        self._keys.open_virtual_port("keys")
        self._synth.open_virtual_port("synth")

    def send(self, due_ns: int, messages: Sequence[bytes]) -> None:
        """Wait until ``due_ns``, then send; each message is stamped just before it is handed to rtmidi."""
        time.sleep(max(0, due_ns - time.monotonic_ns()) / NS_PER_S)
        self.late_ns.append(time.monotonic_ns() - due_ns)
        for message in messages:
            self.sent_ns.append(time.monotonic_ns())
            self._keys.send_message(message)

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *_: object) -> None:
        for port in (self._synth, self._keys):
            ports.release(port)


def play(slots: Sequence[Slot], targets: Sequence[Target], on_pause: Callable[[int], None]) -> None:
    """Play every slot to one target, then to the other, and wait for what comes back; ``on_pause`` learns how many slots are done.

    Whatever else there is to do here (progress, a look at the programs) is done in the pauses, where nothing is measured.
    """
    order = list(targets)
    gc.collect()
    gc.disable()
    try:
        due_ns = time.monotonic_ns() + LEAD_NS
        for number, slot in enumerate(slots):
            if number and number % SLOTS_PER_BLOCK == 0:
                order.reverse()
                due_ns += PAUSE_NS
                on_pause(number)
            _play_slot(slot, order, due_ns)
            due_ns += slot.duration_ns
        _await_answers(targets)
    finally:
        gc.enable()
    on_pause(len(slots))


def _play_slot(slot: Slot, order: Sequence[Target], due_ns: int) -> None:
    for turn, target in enumerate(order):
        target.send(due_ns + turn * TURN_NS, slot.together)
        if slot.between:
            target.send(due_ns + turn * TURN_NS + BETWEEN_NS, slot.between)


def _await_answers(targets: Sequence[Target]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while any(len(target.received) < len(target.sent_ns) for target in targets) and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
