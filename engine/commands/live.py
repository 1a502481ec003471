"""``perf-live``: from a port or file, through a performer, to ports, files and the sound card."""

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from engine.base.clock import Clock, MonotonicClock, VirtualClock
from engine.base.command_line import run_and_exit, single_command
from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import MIDI_SUFFIXES
from engine.base.saying import print_line
from engine.commands import options
from engine.commands.device_options import DeviceOptions
from engine.commands.grouped import grouped
from engine.commands.listing import Section, print_list
from engine.commands.questions import Asked, PerformerName, flags_of, with_questions
from engine.commands.routing_options import DuoFlags, RoutingFlags
from engine.commands.signals import stop_on_signals
from engine.commands.sound_options import SoundFlags
from engine.commands.viewing import announce, check_page, check_show, page_address, viewed
from engine.midi.file import read_midi_file
from engine.midi.performed_mark import find_marks
from engine.output.endpoints import Endpoints, Opened, check_reachable
from engine.output.viewing.page.address import Address
from engine.output.viewing.page.address import check_available as check_page_available
from engine.performers.controls import Control
from engine.performers.setup import Wanted
from engine.runtime.report import Report
from engine.runtime.steering.osc import bind, check_available, steered_by_osc
from engine.runtime.steering.pads import parse_pad
from engine.runtime.steering.requests import NOBODY
from engine.runtime.steering.typed_lines import stay_running_in_background, steered_by_lines
from engine.systems import Kind

if TYPE_CHECKING:
    from engine.midi.clock.ableton_link import LinkSession
    from engine.output.viewing.page.start_screen import Choice
    from engine.runtime.following.performer import Following
    from engine.session import Session

EXAMPLES = (
    "perf-live --page",
    "perf-live --in DAW --out Synth --performer dexter --lookahead 2",
    "perf-live --score duet.musicxml --follow Primo --in Keyboard --out Module",
)


ScoreOption = Annotated[
    Path | None,
    typer.Option(
        "--score",
        metavar="FILE",
        help="Play a score; type help and return for what you can tell it.",
        rich_help_panel=options.SCORES,
    ),
]


ConductOption = Annotated[
    str | None,
    typer.Option(
        "--conduct",
        metavar="PAD",
        help="Let a key (C2) or a controller (cc64) of --in give the beat of the score; it waits for two taps.",
        rich_help_panel=options.SCORES,
    ),
]


PlayOption = Annotated[
    Path | None,
    typer.Option(
        "--play", metavar="FILE.mid", help="Play a take back, untouched; says whether it was performed.", rich_help_panel=options.DEVICES
    ),
]


class Doors(NamedTuple):
    """Where other programs of this computer reach the run."""

    osc: socket | None
    page: Address | None
    start_again: threading.Event | None  # is set when the run is to end for another one, which is chosen on the page


class TypedScore(NamedTuple):
    """The score to be played, if one is, and how, as it is typed."""

    path: Path | None
    repeats: bool
    asked: Asked
    conduct: str | None


@dataclass(frozen=True)
class Typed:
    """How to play and with what, as it is typed."""

    devices: DeviceOptions
    performer: str | None
    mode: options.Mode | None
    playing: options.PlayingOptions
    left_alone: RoutingFlags
    model: Path | None
    sound: SoundFlags
    duo: DuoFlags = DuoFlags()

    def over_preset(self) -> "Typed":
        """Return what is typed, and what the preset says of what is not. Raises UsageError."""
        if not self.playing.preset:
            return self
        from engine.commands.presets import load_preset  # pydantic takes a tenth of a second to import

        preset = load_preset(self.playing.preset)
        return Typed(
            preset.under(self.devices),
            self.performer or preset.performer,
            self.mode or preset.mode,
            preset.under(self.playing),
            preset.under(self.left_alone),
            self.model or preset.model,
            preset.under(self.sound),
            self.duo,
        )

    def endpoints(self, score: TypedScore) -> Endpoints:
        devices = self.devices
        return Endpoints(
            tuple(devices.inputs or ()),
            tuple(devices.outputs or ()),
            devices.record,
            devices.virtual,
            devices.api,
            self.sound.options(),
            score.path,
            None if score.conduct is None else parse_pad(score.conduct),
            follows=self.duo.follow is not None,
        )

    def wanted(self, of_score: bool, asked: Mapping[str, Any] | None = None) -> Wanted:
        """Return how to perform, checked. Raises UsageError."""
        playing = self.playing if self.mode is None else options.with_settings(self.playing, f"mode={self.mode}")
        kind = Kind.SCORES if of_score else Kind.IMPROVISES if self.mode else Kind.NOTES
        more: tuple[Control, ...] = ()
        if self.duo.follow is not None:
            from engine.runtime.following.controls import CONTROLS as more
        return options.combine(self.performer, playing, self.left_alone, self.model, asked or {}, more).of(kind)

    def playing_back(self, take: Path) -> "Typed":
        """Return how to play a take back as it is, and say whether it was performed. Raises UsageError or PerfLiveError for what is no
        MIDI file.
        """
        if take.suffix.lower() not in MIDI_SUFFIXES:
            raise UsageError(f"--play {str(take)!r}: a take is a MIDI file; give a name that ends in {', '.join(MIDI_SUFFIXES)}")
        for text in find_marks(read_midi_file(take)):
            print_line(f"{take}: {text}", sys.stdout)
        devices = replace(self.devices, inputs=[str(take)])
        return Typed(devices, "passthrough", None, options.PlayingOptions(), RoutingFlags(), None, self.sound)

    @property
    def begins_on_page(self) -> bool:
        """Whether no end is typed, and the page asks what to play."""
        devices = self.devices
        return devices.page and not (devices.inputs or devices.outputs or devices.virtual or devices.record)

    def chosen(self, choice: "Choice") -> "Typed":
        """Return it with what was chosen on the page, which wins. Raises UsageError."""
        devices = replace(self.devices, inputs=list(choice.inputs) or None, outputs=list(choice.outputs) or None)
        preset = Path(choice.preset) if choice.preset else None
        playing = replace(self.playing, preset=preset, lookahead_s=choice.lookahead_s or self.playing.lookahead_s)
        mode = options.Mode(choice.mode) if choice.mode else self.mode
        duo = replace(self.duo, follow=choice.follows) if choice.follows else self.duo
        mine = replace(self, devices=devices, performer=choice.performer or self.performer, mode=mode, playing=playing, duo=duo)
        return mine.over_preset()

    def check_osc(self, all_files: bool) -> None:
        """Raise UsageError where OSC cannot be heard."""
        if self.devices.osc_port is not None:
            if all_files:
                raise UsageError("--osc steers a live run, and both ends are files here; leave it out")
            check_available()

    def check_link(self, ends: Endpoints) -> None:
        """Raise UsageError where no Link session can be followed."""
        if self.devices.link:
            if ends.input_is_file or ends.all_files:
                raise UsageError("--link is for what is played live, and a file keeps its own time; leave it out")
            from engine.midi.clock.ableton_link import check_available as check_link_available

            check_link_available()

    def with_preset(self, of_score: bool, name: str) -> Wanted:
        """Return how a preset wants to play, of what is typed only the model and what is left alone. Raises UsageError."""
        alone = Typed(self.devices, None, None, options.PlayingOptions(preset=Path(name)), self.left_alone, self.model, self.sound)
        return alone.over_preset().wanted(of_score)

    def presets(self) -> list[str]:
        """Return the names of the presets that there are."""
        from engine.commands.presets import preset_names

        return preset_names()

    def save(self, name: str, entries: Mapping[str, Any]) -> str:
        """Keep it as a preset, with the ``entries`` that have changed since. Return the line that says so."""
        from engine.commands.presets import save_preset

        devices = replace(self.devices, record=None)  # the next take is another one
        channels = sorted(channel + 1 for channel in self.left_alone.routing().excluded_channels)
        model = str(self.model.absolute()) if self.model else None
        return save_preset(name, (devices, self.left_alone, self.sound), {**entries, "exclude": channels, "model": model})


def live(
    *,
    devices: DeviceOptions,
    performer: PerformerName = None,  # type: ignore[assignment]
    mode: Annotated[
        options.Mode | None,
        typer.Option(
            help="Improvise: go on when you stop, or play along; as --performer performance-rnn --set mode=MODE.",
            rich_help_panel=options.PERFORMING,
        ),
    ] = None,
    playing: options.PlayingOptions,
    left_alone: RoutingFlags,
    model: options.ModelOption = None,
    score: ScoreOption = None,
    conduct: ConductOption = None,
    play: PlayOption = None,
    no_repeats: options.NoRepeatsOption = False,
    duo: DuoFlags,
    asked: Asked,
    sound: SoundFlags,
    list_all: Annotated[bool, typer.Option("--list", help="List ports, audio devices and performers.")] = False,
    listed: Annotated[Section | None, typer.Argument(help="With --list: only these; controls are all that can be set.")] = None,
) -> None:
    """Play; your notes come out performed. Stop with Ctrl-C."""
    if list_all:
        return print_list(listed, devices.api)
    if listed:
        raise UsageError(f"{listed.value!r} says what --list is to list; give --list as well, or leave it out")
    typed = Typed(devices, performer, mode, playing, left_alone, model, sound, duo).over_preset()
    if (no_repeats or asked) and score is None:
        named = ", ".join(filter(None, ["--no-repeats" if no_repeats else "", flags_of(asked)]))
        raise UsageError(f"{named}: for scores; leave it out, or give --score FILE")
    if typed.begins_on_page and score is None and play is None:
        return _start_on_page(typed, conduct)
    if play is not None:
        if devices.inputs or score or performer or mode:
            raise UsageError(f"--play {str(play)!r} plays a take as it is; leave --in, --score, --performer and --mode out")
        typed = typed.playing_back(play)
    _check_and_play(typed, TypedScore(score, not no_repeats, asked, conduct))


def _check_and_play(
    typed: Typed, score: TypedScore, page: Address | None = None, start_again: threading.Event | None = None
) -> Report:
    """Play, once all is checked that can be before anything is loaded; ``page`` is where the start screen is."""
    ends = typed.endpoints(score)
    ends.check()
    following = typed.duo.following(score.path, bool(ends.inputs or ends.virtual), score.conduct is not None)
    typed.check_osc(ends.all_files)
    typed.check_link(ends)
    check_show(typed.devices.show, ends.all_files)
    check_page(typed.devices, ends)
    wanted = typed.wanted(score.path is not None, score.asked)
    ends.check_written([*wanted.files(), *(typed.duo.rehearsed or ())])
    ends.check_routing(wanted.routing)
    check_reachable(ends)
    if following is not None and score.path:
        from engine.session import read_to_perform

        following.check(read_to_perform(score.path, score.repeats, wanted.routing))
    with (
        nullcontext() if typed.devices.osc_port is None else bind(typed.devices.osc_port) as osc,
        nullcontext(page) if page else page_address(typed.devices) as address,
    ):
        return _play(typed, wanted, following, ends, score.repeats, Doors(osc, address, start_again))


def _start_on_page(typed: Typed, conduct: str | None) -> None:
    """Let what is to be played be chosen on the page, again and again."""
    check_page_available()
    from engine.commands.presets import preset_names
    from engine.output.viewing.page.start_screen import choose_and_play

    with page_address(typed.devices) as page:
        if page:
            announce(page, typed.devices)
            choose_and_play(page, preset_names(), typed.devices.api, partial(_play_chosen, typed, conduct))


def _play_chosen(typed: Typed, conduct: str | None, choice: "Choice", file: Path | None, page: Address) -> str | None:
    """Play what was chosen on the start screen. Return the line that says how it went, None when it is not to be shown again."""
    from engine.output.viewing.page.start_screen import What

    chosen, start_again = typed.chosen(choice), threading.Event()
    if choice.what is What.TAKE and file:
        chosen = chosen.playing_back(file)
    of_score = choice.what in (What.SCORE, What.DUO)
    score = TypedScore(file, True, Asked(), conduct) if of_score else TypedScore(None, True, Asked(), None)
    report = _check_and_play(chosen, score, page, start_again)
    return report.in_words() if start_again.is_set() or not report.stopped else None


def _play(typed: Typed, wanted: Wanted, following: "Following | None", ends: Endpoints, repeats: bool, doors: Doors) -> Report:
    """Load the performer, open the ends and play; say what became of it, however it ends."""
    from engine.session import guarded_by_ports, open_live

    clock: Clock = VirtualClock() if ends.all_files else MonotonicClock()
    setup = wanted.load()
    if following is not None:
        from engine.runtime.following.performer import accompanying

        setup = accompanying(setup, following)
    session, opened = open_live(setup, ends, clock, repeats)
    steered = nullcontext() if ends.all_files else _steered(session, typed, wanted, ends, opened, doors)
    with stop_on_signals(session), guarded_by_ports(session, opened, typed.devices.exit_on_loss):
        print_line(f"ready: {opened.source_name} -> {wanted.system.name} -> {', '.join(opened.sink_names)}", sys.stdout)
        if ends.pad:
            print_line("tap two beats, and the music begins with the third", sys.stdout)
        try:
            with steered:
                report = session.run()
        finally:
            if not (ends.all_files and session.report().stopped):
                _tell(session, opened.audio.underruns if opened.audio else 0)
    if report.stopped and ends.all_files:
        raise KeyboardInterrupt  # nothing was written
    if unfinished := [file.name for file in session.files if not file.complete]:
        raise PerfLiveError(f"stopped before {', '.join(map(repr, unfinished))} was complete")
    return report


def _tell(session: "Session", underruns: int) -> None:
    """Say what was played and where it was kept."""
    report = session.report()
    if report.events_out or report.stopped:
        print_line(report.in_words(underruns), sys.stdout)
    if kept := [str(file.kept) for file in session.files if file.kept]:
        print_line(f"kept: {', '.join(kept)}", sys.stdout)


@contextmanager
def _steered(session: "Session", typed: Typed, wanted: Wanted, ends: Endpoints, opened: Opened, doors: Doors) -> Iterator[None]:
    """Let the run be steered while it plays."""
    rig = session.rig
    rig.route = f"{opened.source_name} -> {', '.join(opened.sink_names)}"
    if ends.score is None:
        rest = replace(wanted, routing=replace(wanted.routing, perform_drums=wanted.routing.perform_drums and not ends.input_is_file))
        rig.let_exchange(rest.exchanged)  # of a file the drums are performed already
    rig.let_save(typed.save)
    rig.let_load(partial(typed.with_preset, ends.score is not None), typed.presets, exchanges=ends.score is None)
    if doors.start_again:
        rig.let_start_again(doors.start_again.set)
    stay_running_in_background()
    with ExitStack() as stack:
        if doors.osc:
            stack.enter_context(steered_by_osc(session.steering, doors.osc))
        if typed.devices.link:
            rig.beat = link = _link_session(session, opened, MonotonicClock())
            stack.enter_context(link.followed())
        if not typed.devices.show and not doors.start_again:  # a line that is waited for would be taken from the next run
            stack.enter_context(steered_by_lines(session.steering, sys.stdin))
        if doors.page and not doors.start_again:
            announce(doors.page, typed.devices)
        stack.enter_context(viewed(session, opened, typed.devices, doors.page))
        yield


def _link_session(session: "Session", opened: Opened, clock: Clock) -> "LinkSession":
    """Return the session whose beat is heard beside the ports; where a score plays, its transport is obeyed instead."""
    from engine.midi.clock.ableton_link import LinkSession

    if opened.inputs:
        return LinkSession(clock, opened.inputs.hear, lambda plays: None)
    return LinkSession(clock, lambda event: None, lambda plays: session.steering.post(["play" if plays else "pause"], NOBODY))


def create_app() -> typer.Typer:
    """Return the command, with the options of all systems that there are."""
    return single_command(grouped(with_questions(Kind.SCORES)(live)), *EXAMPLES)


app = create_app()


def main() -> None:
    run_and_exit(app, "perf-live")
