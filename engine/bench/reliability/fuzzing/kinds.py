"""What nonsense is made of each kind, and what it is given to. Each raises PerfLiveError, or anything else where there is a defect."""

import contextlib
import io
import json
import math
import queue
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, cast

from engine.base.clock import VirtualClock
from engine.base.command_line import run
from engine.base.errors import PerfLiveError, one_line
from engine.base.on_demand import load_object
from engine.bench.reliability.fuzzing.damage import damaged, damaged_text, damaged_xml, word
from engine.bench.reliability.fuzzing.seeds import of_suffix
from engine.midi.events import CONTROL_CHANGE, SYSTEM_EXCLUSIVE, Event, is_whole, note_on
from engine.midi.file import read_midi_file, write_midi_file
from engine.performers.registry import known_controls
from engine.performers.setup import Setup, Wanted
from engine.runtime.sinks import NoteCounter
from engine.runtime.sources import PortSource
from engine.runtime.steering import osc
from engine.runtime.steering.requests import Asker, Steering
from engine.runtime.steering.typed_lines import split
from engine.score.piece import read_piece
from engine.session import Session, render_take
from engine.systems import find_system, performers

MS = 1_000_000
MOST_MESSAGES, MOST_GAP_MS = 60, 400
LIVE_PERFORMERS = ("passthrough", "velocity", "performance-rnn")
STATUSES = (0x80, 0x90, 0x90, 0x90, 0xA0, 0xB0, 0xB0, 0xC0, 0xD0, 0xE0, *range(0xF0, 0x100))
LENGTHS = {0xC0: 2, 0xD0: 2, 0xF1: 2, 0xF2: 3, 0xF3: 2}  # bytes of a message; of others of channels 3, of the system 1
CONTROLLERS = (0, 1, 6, 32, 38, 64, 66, 67, 98, 99, 100, 101, 120, 121, 123, 124, 125, 126, 127)
EXCLUSIVES = (b"\x7e\x7f\x09\x01", b"\x7f\x7f\x06\x44\x06\x01\x20\x00\x00\x00\x00")  # General MIDI on; go to a place
COMMANDS = ("help", "set", "learn", "panic", "mute", "status", "record", "performer", "save", "quit", "play", "seek", "loop")
UNFORESEEN = re.compile(r"(^|: )[A-Z]\w*(Error|Exception|Interrupt): ")  # the name of an exception, which is no reason
GOLDEN = (math.sqrt(5) - 1) / 2
BROKEN_SHARE = 0.05  # of messages as a faulty program sends them
OPTIONS = ("--seed", "--lookahead", "--exclude", "--keyswitches", "--drums", "--performer", "--cc", "--set", "--timing", "--direct")


@dataclass(frozen=True)
class Kind:
    """``make`` returns a case, which is kept in a file that ends in ``suffix``; ``run`` is given that file. ``share``: of all cases."""

    share: float
    suffix: str
    make: Callable[[Random], bytes]
    run: Callable[[Path], None]


def _damaged_file(suffix: str) -> Callable[[Random], bytes]:
    return lambda random: damaged(random.choice(of_suffix(suffix)), random, of_suffix(suffix))


def _damaged_text(suffix: str) -> Callable[[Random], bytes]:
    def make(random: Random) -> bytes:
        text = random.choice(of_suffix(suffix)).decode()
        if text.startswith("<?xml") and random.random() < 0.8:
            return damaged_xml(text, random).encode()
        data = damaged_text(text, random).encode()
        return damaged(data, random) if random.random() < 0.2 else data

    return make


def _read_midi(path: Path) -> None:
    read_midi_file(path)


def _perform_midi(path: Path) -> None:
    """Read it as a take and as a score, and perform the take."""
    timeline = read_midi_file(path)
    render_take(_setup("passthrough"), timeline, [path.with_name("performed.mid")], path.stem)
    read_piece(path)


def _messages(random: Random) -> bytes:
    """Return a performer's name and messages with the milliseconds before them: many of notes, some cut short or never defined."""
    gaps_ms = [random.choice((0, 0, random.randint(0, MOST_GAP_MS))) for _ in range(random.randint(1, MOST_MESSAGES))]
    return json.dumps([random.choice(LIVE_PERFORMERS), [[gap_ms, _message(random).hex()] for gap_ms in gaps_ms]]).encode()


def _message(random: Random) -> bytes:
    status = random.choice(STATUSES)
    if random.random() < BROKEN_SHARE:
        return random.choice((b"", b"\x3c\x40", *(bytes((status, 60, 64, 200)[:length]) for length in range(1, 5))))
    if status == SYSTEM_EXCLUSIVE:
        return b"\xf0" + random.choice((*EXCLUSIVES, random.randbytes(random.randrange(64)))) + random.choice((b"\xf7", b"\xf7", b""))
    first = random.choice(CONTROLLERS) if status == CONTROL_CHANGE and random.random() < 0.7 else random.randrange(128)
    channel = random.choice((0, 0, 9, random.randrange(16))) if status < SYSTEM_EXCLUSIVE else 0
    return bytes((status | channel, first, random.choice((0, 1, 64, 127))))[: LENGTHS.get(status, 3 if status < SYSTEM_EXCLUSIVE else 1)]


class _Port:
    """An input port whose messages are all there."""

    def __init__(self, events: Iterable[Event]):
        self.inbox: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        for event in events:
            self.inbox.put(event)

    def close(self) -> None:
        pass


def _play_messages(path: Path) -> None:
    """Play them into a performer, which is stopped where no more come."""
    name, messages = json.loads(path.read_text())
    clock, now_ns = VirtualClock(), 0
    events = []
    for gap_ms, message in messages:
        now_ns += gap_ms * MS
        if is_whole(bytes.fromhex(message)):  # what else comes ends at the input port
            events.append(Event(now_ns, bytes.fromhex(message)))
    source = PortSource(_Port(events), clock)
    source.exhausted = True
    Session(_setup(name), source, [NoteCounter()], clock).run()


def _words(random: Random, controls: Sequence[str]) -> list[str]:
    """Return a command and its arguments, of which some mean something."""
    words = [random.choice((*COMMANDS, *controls, word(random)))]
    for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
        words.append(random.choice((*controls, *LIVE_PERFORMERS, "on", "off", "64", word(random))))
    return words


def _steered(say: Callable[[Random, Sequence[str]], str]) -> Callable[[Random], bytes]:
    """Return what makes a case: a performer's name, what it is told, as ``say`` makes it, and messages that come besides."""

    def make(random: Random) -> bytes:
        name = random.choice(LIVE_PERFORMERS)
        controls = [control.name for control in known_controls(name)] or ["strength"]
        told = [say(random, controls) for _ in range(random.randint(1, 20))]
        return json.dumps([name, told, [_message(random).hex() for _ in range(random.randint(0, 20))]]).encode()

    return make


def _line(random: Random, controls: Sequence[str]) -> str:
    line = " ".join(_words(random, controls))
    return line if random.random() < 0.9 else damaged_text(line, random)


def _packet(random: Random, controls: Sequence[str]) -> str:
    """Return an OSC message or a bundle of two, in hexadecimal digits; one in three is damaged."""
    packet = _osc_message(random, _words(random, controls))
    if random.random() < 0.2:
        parts = (packet, _osc_message(random, _words(random, controls)))
        packet = b"#bundle\0" + bytes(7) + b"\1" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return (packet if random.random() < 0.67 else damaged(packet, random)).hex()


def _osc_message(random: Random, words: Sequence[str]) -> bytes:
    """Return a message (Open Sound Control 1.0): the address, the types of its arguments, the arguments, each filled up to four bytes."""
    parts = random.randint(1, len(words))
    tags, data = ",", b""
    for each in words[parts:]:
        number = random.randbytes(4)
        tag, argument = random.choice((("s", _filled(each)), ("i", number), ("f", number), ("T", b""), ("N", b"")))
        tags, data = tags + tag, data + argument
    return _filled("/" + "/".join(words[:parts])) + _filled(tags) + data


def _filled(text: str) -> bytes:
    data = text.encode() + b"\0"
    return data + bytes(-len(data) % 4)


class _TypedSource(PortSource):
    """A port that is played to while lines are typed, one before each event."""

    def __init__(self, port: _Port, clock: VirtualClock, lines: Sequence[str], tell: Callable[[str], None]):
        super().__init__(port, clock)
        self._lines, self._tell = list(lines), tell

    @property
    def exhausted(self) -> bool:  # type: ignore[override]
        return not self._lines and self._port.inbox.empty()

    def receive(self, until_ns: int | None) -> Event | None:
        if self._lines:
            self._tell(self._lines.pop(0))
        return super().receive(until_ns)


def _steer(path: Path, tell: Callable[[str, Steering, Callable[[str], None]], None]) -> None:
    """Tell a run that is played to. What is refused is refused in one line, and for a reason that is foreseen."""
    name, told, messages = json.loads(path.read_text())
    refused: list[str] = []
    whole = [message for text in messages if is_whole(message := bytes.fromhex(text))]
    port = _Port(Event(number * MS, message) for number, message in enumerate(whole))
    clock = VirtualClock()
    source = _TypedSource(port, clock, told, lambda each: tell(each, session.steering, refused.append))
    session = Session(_setup(name), source, [NoteCounter()], clock)
    session.rig.let_exchange(lambda other, lookahead_s: _setup(other))
    session.run()
    if wrong := [reason for reason in refused if "\n" in reason or UNFORESEEN.search(reason)]:
        raise AssertionError(wrong[0])


def _type(line: str, steering: Steering, refuse: Callable[[str], None]) -> None:
    try:
        words = split(line)
    except ValueError as error:
        refuse(one_line(f"{line.strip()}: {error}"))
    else:
        if words:
            steering.post(words, Asker(lambda answer: None, refuse))


class _Answerer:
    def __init__(self, refuse: Callable[[str], None]):
        self._refuse = refuse

    def send(self, address: str, line: str) -> None:
        if address == "/error":
            self._refuse(line)


def _send_osc(packet: str, steering: Steering, refuse: Callable[[str], None]) -> None:
    for words in osc.read_packet(bytes.fromhex(packet)) or ():
        osc.obey(words, steering, cast(Any, _Answerer(refuse)))


def _read_preset(path: Path) -> None:
    load_object("engine.commands.presets:load_preset")(path)


def _render_by_preset(path: Path) -> None:
    """Perform a short take as the preset says."""
    _call_render(path, ["INPUT.mid", "-o", "OUTPUT.mid", "--preset", str(path)])


def _values(random: Random) -> bytes:
    """Return a performer's name, what its controls are set to, and which controllers move them; much of it odd."""
    name = random.choice(list(performers()))
    controls = [control.name for control in known_controls(name)]
    settings = [_setting(random, name) if random.random() < 0.8 else word(random) for _ in range(random.randint(0, 3))]
    moved = [f"{random.randrange(140)}={random.choice((*controls, word(random)))}" for _ in range(random.randint(0, 2))]
    return json.dumps([name, settings, [random.choice((each, each, each + "!", word(random))) for each in moved]]).encode()


def _check_values(path: Path) -> None:
    name, settings, controllers = json.loads(path.read_text())
    Wanted(find_system(name), settings=settings, controllers=controllers).check()


def _setting(random: Random, name: str) -> str:
    """Return what sets a control of a performer, one in four to an odd value."""
    controls = known_controls(name)
    if not controls:
        return word(random)
    control = random.choice(controls)
    allowed = random.choice(control.choices or (f"{random.uniform(control.minimum, control.maximum):.3g}",))
    return f"{control.name}={random.choice((allowed, allowed, allowed, word(random)))}"


def _arguments(random: Random) -> bytes:
    """Return a command line of perf-render whose controls and other options have odd values."""
    name = random.choice(list(performers()))
    words = ["INPUT.mid", "-o", "OUTPUT.mid", "--performer", name]
    for _ in range(random.randint(1, 4)):
        if known_controls(name) and random.random() < 0.5:
            words += ["--set", _setting(random, name)]
        else:
            words += random.choice((("--cc", f"{random.randrange(140)}={word(random)}"), (random.choice(OPTIONS), word(random))))
    return json.dumps(words).encode()


def _render(path: Path) -> None:
    """Run perf-render, which performs a short take where it refuses nothing."""
    _call_render(path, json.loads(path.read_text()))


def _call_render(path: Path, words: Sequence[str]) -> None:
    names = {name: str(path.with_name(name)) for name in ("INPUT.mid", "OUTPUT.mid")}
    write_midi_file(names["INPUT.mid"], [Event(400 * MS * number, note_on(0, 60 + number, 64)) for number in range(4)])
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        status = run(load_object("engine.commands.render:app"), "perf-render", [names.get(each, each) for each in words])
    said = errors.getvalue()
    if "this is a defect" in said or "Traceback" in said:
        raise AssertionError(said)
    if status:
        raise PerfLiveError(said.rstrip("\n"))


@cache
def _setup(name: str) -> Setup:
    return Wanted(find_system(name)).load()


def _read(path: Path) -> None:
    read_piece(path)


KINDS: dict[str, Kind] = {
    "midi-file": Kind(0.29, ".mid", _damaged_file(".mid"), _read_midi),
    "take": Kind(0.004, ".mid", _damaged_file(".mid"), _perform_midi),
    "port": Kind(0.2, ".json", _messages, _play_messages),
    "musicxml": Kind(0.002, ".musicxml", _damaged_text(".musicxml"), _read),
    "mei": Kind(0.001, ".mei", _damaged_text(".mei"), _read),
    "humdrum": Kind(0.001, ".krn", _damaged_text(".krn"), _read),
    "abc": Kind(0.001, ".abc", _damaged_text(".abc"), _read),
    "preset": Kind(0.15, ".yaml", _damaged_text(".yaml"), _read_preset),
    "preset-run": Kind(0.004, ".yaml", _damaged_text(".yaml"), _render_by_preset),
    "value": Kind(0.16, ".json", _values, _check_values),
    "option-run": Kind(0.007, ".json", _arguments, _render),
    "typed": Kind(0.1, ".json", _steered(_line), partial(_steer, tell=_type)),
}
if find_spec("pythonosc"):
    KINDS["osc"] = Kind(0.08, ".json", _steered(_packet), partial(_steer, tell=_send_osc))


def make_case(kind: str, seed: int, number: int) -> bytes:
    """Return the input of a case, the same each time."""
    return KINDS[kind].make(Random(f"{seed} {number} {kind}"))


def kind_of(number: int) -> str:
    """Return the kind of a case: the kinds take turns, each as often as its share says, by multiples of the golden ratio."""
    shares = list(accumulate(kind.share for kind in KINDS.values()))
    return list(KINDS)[bisect_right(shares, (number + 0.5) * GOLDEN % 1 * shares[-1])]
