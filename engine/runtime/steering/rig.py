"""What every live run can be told, whatever plays: controls, silence, recordings, an account of itself, another performer."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from engine.base.errors import PerfLiveError, UsageError
from engine.midi.events import Event
from engine.performers.controls import KEPT, Control, consumed_controllers, find_control, parse_controller_map, parse_settings
from engine.performers.protocol import MOST_SEED, PerformerStream, WindowedStream
from engine.performers.setup import Setup, Wanted
from engine.runtime.loop import Engine
from engine.runtime.recorder import Recording
from engine.runtime.report import Report
from engine.runtime.sinks import Sink
from engine.runtime.sources import Source
from engine.runtime.steering.replaying import Replaying
from engine.runtime.steering.requests import Asker, Command, Steering

SWITCH = {"on": True, "off": False}
TAKE, TAKES = "take-%Y-%m-%d-%H-%M-%S.mid", "take-*.mid"  # what a take is called that is given no name, and all of them


@runtime_checkable
class SteeredSource(Protocol):
    """A source that can be told something itself."""

    def commands(self, set_control: Callable[[str, float], None]) -> list[Command]:
        """Return what it can be told; some of that sets controls."""


class Beat(Protocol):
    """Tells the tempo and the place in the bar, and says whose they are."""

    def describe(self) -> str:
        """Return it in words."""

    def tell_again(self) -> None:
        """Tell the place once more."""


class Begun(NamedTuple):
    """A performance by another performer, ready to play."""

    setup: Setup
    stream: PerformerStream


class Loaded(NamedTuple):
    """What a preset says, ready to take hold: a performance by another performer, unless the present one goes on, and its controls."""

    begun: Begun | None
    controls: Mapping[str, float]
    controller_map: Mapping[int, Control]
    consumed: frozenset[int]


class Rig:
    """The commands to one engine. All that they change is changed on the loop's own thread.

    ``setup`` is of the performer that plays, ``route`` says where from and where to. ``mapped`` holds the name of the control that each
    controller moves, also of those that only another performer has.
    """

    def __init__(self, engine: Engine, setup: Setup, source: Source, sinks: Sequence[Sink], report: Callable[[], Report] | None = None):
        self.engine, self.setup = engine, setup
        self.report = report or engine.report
        self.route = ""
        self.beat: Beat | None = None  # what is followed beside the source
        self.mapped = {number: control.name for number, control in setup.controller_map.items()}
        self.muted = False
        self.take: Path | None = None  # that was kept last
        self._recorder = next((sink for sink in sinks if isinstance(sink, Recording)), None)
        self.steering = Steering(source.wake)
        self.steering.add(self._commands(), lambda: engine.performer.controls)
        self.replaying = Replaying(engine, self.steering, lambda: self.take)
        if isinstance(source, SteeredSource):
            self.steering.add(source.commands(engine.set_control))
        engine.settings.update(setup.controls)
        engine.steer = self.steering.obey

    def _commands(self) -> list[Command]:
        return [
            Command("set CONTROL VALUE", "set a control; CONTROL VALUE is enough", self._set),
            Command("learn CONTROL", "let the next controller that you move set it; CONTROL! keeps it from the output", self._learn),
            Command("panic", "end every sound and begin anew", self._panic),
            Command("mute [on|off]", "go on unheard, or be heard again", self._mute),
            Command("status", "what plays, how it is set and how it goes", lambda words, asker: self.describe()),
            Command("record [FILE|off]", "keep what is sent in a MIDI file", self._record),
            Command("quit", "end", self._quit),
        ]

    def _set(self, words: Sequence[str], asker: Asker) -> str:
        control = find_control(self.engine.performer.controls, words[0])
        is_number_of_choice = words[1].isdecimal() and int(words[1]) < len(control.choices)  # as a button or a fader says it
        self.engine.set_control(control.name, float(words[1]) if is_number_of_choice else control.parse(words[1]))
        return f"{control.name} {control.describe(self.engine.settings[control.name])}"

    def _learn(self, words: Sequence[str], asker: Asker) -> str:
        engine = self.engine
        control = find_control(engine.performer.controls, words[0].removesuffix(KEPT))

        def learn(number: int) -> None:
            engine.controller_map[number], self.mapped[number] = control, control.name
            engine.consumed = engine.consumed - {number} | ({number} if words[0].endswith(KEPT) else set())
            asker.acknowledge(f"controller {number} moves {control.name}")

        engine.learn = learn
        return f"move the controller that is to set {control.name}"

    def _panic(self, words: Sequence[str], asker: Asker) -> str:
        self.replaying.end()
        self.engine.panic()
        self._tell_beat()
        return "silent"

    def _tell_beat(self) -> None:
        """Let a stream that begins now know where in the bar it is."""
        if self.beat:
            self.beat.tell_again()

    def _mute(self, words: Sequence[str], asker: Asker) -> str:
        if words and words[0] not in SWITCH:
            raise UsageError(f"got {words[0]!r}, allowed: {', '.join(SWITCH)}")
        self.muted = SWITCH[words[0]] if words else not self.muted
        self.engine.mute(self.muted)
        return "muted" if self.muted else "heard"

    def _quit(self, words: Sequence[str], asker: Asker) -> str:
        self.engine.stop()
        return "ends"

    @property
    def recording(self) -> str | None:
        """The file that is being recorded."""
        return self._recorder.name if self._recorder else None

    def describe(self) -> str:
        """Return what plays, how it is set and how it goes, in one line."""
        return "; ".join(self._account())

    def _account(self) -> Iterator[str]:
        engine = self.engine
        yield f"{engine.performer.name} plays{self.route and f', {self.route}'}"
        known = {control.name: control for control in engine.performer.controls}
        set_to = [f"{name} {known[name].describe(value)}" for name, value in engine.settings.items() if name in known]
        if set_to:
            yield ", ".join(set_to)
        if engine.controller_map:
            yield ", ".join(f"controller {number} moves {control.name}" for number, control in sorted(engine.controller_map.items()))
        if self.beat:
            yield self.beat.describe()
        yield self.report().in_words()
        if self.muted:
            yield "muted"
        if self.recording:
            yield f"records {self.recording}"
        if self.replaying.name:
            yield f"plays {self.replaying.name} back"

    def _record(self, words: Sequence[str], asker: Asker) -> str | None:
        if self._recorder and words and words[0] != "off":
            raise UsageError(f"{self._recorder.name} is being recorded; type record off first")
        if self._recorder:
            self._end_recording(self._recorder, asker)
            return None
        if words and words[0] == "off":
            return "nothing is recorded"
        path = Path(words[0] if words else time.strftime(TAKE))
        self.steering.do_in_background(lambda: self._open_recorder(path), self._begin_recording, asker)
        return None

    def _open_recorder(self, path: Path) -> Recording:
        if path.suffix.lower() not in (".mid", ".midi"):
            raise UsageError(f"{str(path)!r}: a recording is a MIDI file; give a name that ends in .mid")
        if path.exists():
            raise PerfLiveError(f"{str(path)!r} is there already; give another name")
        recorder = Recording(path, self.setup.mark)
        recorder.start(self.engine.now_ns())
        return recorder

    def _begin_recording(self, recorder: Recording) -> str:
        if self._recorder:
            recorder.abort()
            raise UsageError(f"{self._recorder.name} is being recorded; type record off first")
        self._recorder = recorder
        self.engine.add_sink(recorder)
        return f"records {recorder.name}"

    def _end_recording(self, recorder: Recording, asker: Asker) -> None:
        def close(releases: list[Event]) -> None:
            for event in releases:
                recorder.send(event)
            threading.Thread(target=self._keep, args=(recorder, asker), name="recording", daemon=True).start()

        self._recorder = None
        self.engine.remove_sink(recorder, close)

    def _keep(self, recorder: Recording, asker: Asker) -> None:
        try:
            recorder.close()
        except PerfLiveError as error:
            asker.refuse(str(error))
        else:
            self.take = Path(recorder.name)
            asker.acknowledge(f"kept {recorder.name}")

    def let_exchange(self, load: Callable[[str, float | None], Setup]) -> None:
        """Let the performer be exchanged; ``load`` loads one by its name and its look-ahead in seconds."""

        def exchange(words: Sequence[str], asker: Asker) -> None:
            lookahead_s = _seconds(words[1]) if len(words) > 1 else None
            self.steering.do_in_background(lambda: _begin(load(words[0], lookahead_s)), self._exchange, asker)

        def begin_anew(words: Sequence[str], asker: Asker) -> None:
            setup = replace(self.setup, seed=_seed(words[0]))
            self.steering.do_in_background(lambda: _begin(setup), lambda begun: f"{self._exchange(begun)}, seed {setup.seed}", asker)

        self.steering.add(
            [
                Command("performer NAME [SECONDS]", "let another play, with a look-ahead of so many seconds", exchange),
                Command("seed NUMBER", "let the same performer begin anew with another seed", begin_anew),
            ]
        )

    def let_start_again(self, starts: Callable[[], None]) -> None:
        """Let the run be ended for another one; ``starts`` takes note of it."""
        end = self.steering.commands["quit"].carry_out

        def start(words: Sequence[str], asker: Asker) -> str | None:
            starts()
            return end(words, asker)

        self.steering.add([Command("start", "end, and go back to the start screen", start)])

    def let_load(self, read: Callable[[str], Wanted], names: Callable[[], Sequence[str]], exchanges: bool) -> None:
        """Let a preset take hold while it plays: ``read`` says what one wants, ``names`` which there are. A performer of a score cannot be
        exchanged; then only its controls are set.
        """

        def prepare(name: str) -> Loaded:
            wanted = read(name)
            if exchanges and wanted.plays_scores:
                raise UsageError(f"{name!r} is for scores, and notes are played here; start it with --score FILE --preset {name}")
            if exchanges:
                setup = wanted.load()
                return Loaded(_begin(setup), setup.controls, setup.controller_map, setup.consumed)
            performer = self.engine.performer
            if wanted.system.name != performer.name:
                raise UsageError(f"{name!r} is for {wanted.system.name}, and {performer.name} plays this score; begin again with it")
            mapped = parse_controller_map(performer.controls, wanted.controllers)
            return Loaded(None, parse_settings(performer.controls, wanted.settings), mapped, consumed_controllers(wanted.controllers))

        def load(words: Sequence[str], asker: Asker) -> None:
            if words:
                self.steering.do_in_background(lambda: prepare(words[0]), partial(self._load, words[0]), asker)
            else:
                self.steering.do_in_background(names, ", ".join, asker)

        self.steering.add([Command("preset [NAME]", "play as a preset says; without a name, which there are", load)])

    def _load(self, name: str, loaded: "Loaded") -> str:
        engine = self.engine
        if loaded.begun:
            self._exchange(loaded.begun)
        for control in engine.performer.controls:
            engine.set_control(control.name, loaded.controls.get(control.name, control.default))
        self.mapped |= {number: control.name for number, control in loaded.controller_map.items()}
        engine.controller_map |= loaded.controller_map
        engine.consumed = (engine.consumed - loaded.controller_map.keys()) | loaded.consumed
        return f"{engine.performer.name} plays as {name} says"

    def let_save(self, save: Callable[[str, Mapping[str, Any]], str]) -> None:
        """Let how it plays be kept; ``save`` keeps it under a name and returns the line that says so."""

        def keep(words: Sequence[str], asker: Asker) -> None:
            entries = self.entries()
            self.steering.do_in_background(lambda: save(words[0], entries), lambda line: line, asker)

        self.steering.add([Command("save PRESET", "keep how it plays, and with what; --preset PRESET starts it again", keep)])

    def entries(self) -> dict[str, Any]:
        """Return how it plays now, as the entries of a preset."""
        engine = self.engine
        known = {control.name: control for control in engine.performer.controls}
        return {
            "performer": engine.performer.name,
            "seed": self.setup.seed,
            "lookahead": engine.performer.latency_ns / 1e9,
            "set": {name: known[name].describe(value) for name, value in engine.settings.items() if name in known},
            "cc": {number: name + KEPT * (number in engine.consumed) for number, name in self.mapped.items()},
        }

    def _exchange(self, begun: Begun) -> str:
        engine, performer = self.engine, begun.setup.performer
        known = {control.name: control for control in performer.controls}
        engine.exchange(performer, begun.stream, begun.setup.routing.perform_drums)
        self._tell_beat()
        self.setup = begun.setup
        engine.controller_map = {number: known[name] for number, name in self.mapped.items() if name in known}
        for name, value in engine.settings.items():
            if name in known and known[name].allows(value):
                engine.set_control(name, value)
        return f"{performer.name} plays"


def _begin(setup: Setup) -> Begun:
    """Begin a performance of notes as they come, so far that it can play at once."""
    stream = setup.performer.perform(None, setup.request, setup.controls, setup.seed, live=True)
    if isinstance(stream, WindowedStream):
        stream.work_ahead()
    return Begun(setup, stream)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_SEED:
        raise UsageError(f"got {text!r} for the seed; allowed: 0 to {MOST_SEED}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"got {text!r} for the look-ahead; give seconds, as in 2") from None
