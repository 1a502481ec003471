"""``perf-render``: MIDI files and scores, and folders of them, performed offline by the same engine on a virtual clock."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.base.command_line import print_error, run_and_exit, single_command
from engine.base.errors import UsageError
from engine.base.files import check_readable
from engine.commands import options, sound_options
from engine.commands.grouped import grouped
from engine.commands.questions import Asked, PerformerName, flags_of, with_questions
from engine.commands.rendering.flags import BatchFlags
from engine.commands.rendering.jobs import Job, plan_jobs, plan_takes
from engine.commands.rendering.work import Outcome, Work
from engine.commands.routing_options import Drums, RoutingFlags
from engine.commands.signals import stop_on_signals
from engine.output.file_sinks import HTML, PICTURE, SOUND
from engine.performers.protocol import MOST_TAKES
from engine.performers.setup import Wanted, improvisation_settings, make_request
from engine.sound.options import FLUIDSYNTH, SoundOptions, check_used
from engine.systems import Kind, performers

if TYPE_CHECKING:
    from engine.commands.rendering.manifest import Manifest
    from engine.session import ScoreOptions

NOTHING = "give an INPUT to perform, or --performer performance-rnn with --seconds to improvise"
EXAMPLES = (
    "perf-render take.mid -o performed.mid",
    "perf-render piece.musicxml -o performed.wav --performer dexter --seed 3 --set temperature=0.8",
    "perf-render -o new.mid --performer performance-rnn --seconds 60 --primer take.mid",
)


@dataclass(frozen=True)
class ScoreFlags:
    """The options for scores that every performer of scores has. ``beside`` belongs to one score, or to one take."""

    no_repeats: options.NoRepeatsOption = False
    timing: Annotated[
        options.Timing | None,
        typer.Option(
            "--timing",
            help="Of a performed score: its tempo in the tempo map, or free. (default: tempo-map)",
            rich_help_panel=options.SCORES,
        ),
    ] = None
    beside: Annotated[
        Path | None,
        typer.Option(
            "--beside",
            metavar="FILE.mid",
            help="A human performance of the same music, to draw beside it in the .png or .html.",
            rich_help_panel=options.SCORES,
        ),
    ] = None

    def flags(self) -> list[str]:
        """Return the flags for scores that are given, as they are typed."""
        said = (("--no-repeats", self.no_repeats), ("--timing", self.timing))
        return [flag for flag, value in said if value]

    def files(self, asked: Mapping[str, object]) -> list[Path]:
        """Return the files that are read besides the score."""
        return [path for path in (self.beside, *asked.values()) if isinstance(path, Path)]

    def options(self) -> "ScoreOptions":
        """Return the options as the session knows them."""
        from engine.session import ScoreOptions

        return ScoreOptions(not self.no_repeats, self.timing is not options.Timing.ABSOLUTE, self.beside)

    def check(self, jobs: Sequence[Job], asked: Mapping[str, object]) -> None:
        """Raise UsageError when an option does not go with these jobs."""
        of_one = [name for name, value in asked.items() if isinstance(value, Path)]
        if (self.beside or of_one) and (many := len({job.input for job in jobs})) > 1:
            named = ", ".join([*(["--beside"] if self.beside else []), flags_of(of_one)]).strip(", ")
            raise UsageError(f"{named}: of one score, and there are {many} inputs; give one")
        if self.beside:
            check_readable(self.beside, "a MIDI file")
        if self.beside and not any(path.suffix.lower() in (PICTURE, HTML) for path in jobs[0].outputs):
            raise UsageError("--beside is for pictures and pages, and none is made; add --to png or --to html, or give -o FILE.png")


TakesOption = Annotated[
    int,
    typer.Option(
        "--takes",
        metavar="NUMBER",
        min=1,
        max=MOST_TAKES,
        help="How many performances, of --seed and those after it, into a folder.",
        rich_help_panel=options.PERFORMING,
        show_default=False,
    ),
]


MixOption = Annotated[
    float | None,
    typer.Option(
        "--mix",
        metavar="SHARE",
        min=0,
        max=1,
        help="With --drums perform: how far other instruments go with the drums, 0 to 1. (default: 0.5)",
        rich_help_panel=options.PERFORMING,
    ),
]


def render(
    *,
    inputs: Annotated[list[Path] | None, typer.Argument(metavar="INPUT...", help="MIDI files, scores, and folders of them.")] = None,
    output: Annotated[Path, typer.Option("-o", metavar="OUT", help="A .mid, .wav, .png or .html file, or a folder.")],
    kinds: Annotated[
        list[str] | None, typer.Option("--to", metavar="KIND", help="mid, wav, png or html in the folder; repeat for more. (default: mid)")
    ] = None,
    takes: TakesOption = 1,
    performer: PerformerName = None,  # type: ignore[assignment]
    playing: options.PlayingOptions,
    left_alone: RoutingFlags,
    mix: MixOption = None,
    model: options.ModelOption = None,
    of_scores: ScoreFlags,
    batch: BatchFlags,
    asked: Asked,
    sound_kind: sound_options.SoundOption = None,
    sound: sound_options.SoundFlags,
) -> int:
    """Perform MIDI files and scores: every note of the input, with its tracks, texts and bars, and a performer's touch.

    Or improvise: no INPUT, --performer performance-rnn, --seconds, and perhaps a --primer.
    """
    if playing.preset:
        from engine.commands.presets import load_preset  # pydantic takes a tenth of a second to import

        preset = load_preset(playing.preset)
        performer, model = performer or preset.performer, model or preset.model  # type: ignore[assignment]
        playing, left_alone = preset.under(playing), preset.under(left_alone)
    if mix is not None:
        playing = _mixed(playing, left_alone, mix)
    said_of_sound = sound.options(sound_kind)
    if "seconds" in asked:
        if inputs:
            raise UsageError(f"an improvisation has no INPUT, and {str(inputs[0])!r} was given; give it as --primer to go on from it")
        if flags := [*of_scores.flags(), *(["--beside"] if of_scores.beside else [])]:
            raise UsageError(f"{', '.join(flags)}: for scores, and this is an improvisation; leave it out")
        playing = options.with_settings(playing, *improvisation_settings(asked["seconds"]))
        wanted = options.combine(performer, playing, left_alone, model, asked).of(Kind.IMPROVISES)
        return _improvise(wanted, output, kinds or (), takes, said_of_sound)
    if not inputs:
        raise UsageError(NOTHING)
    batch.check()
    said = options.combine(performer, playing, left_alone, model, asked)
    jobs = plan_jobs(inputs, output, kinds or (), of_scores.files(asked), range(said.seed, said.seed + takes))
    heard = _used_sound(said_of_sound, [job.outputs for job in jobs])
    of_scores.check(jobs, asked)
    wanted_of = {is_score: _wanted(said, is_score) for is_score in {job.is_score for job in jobs}}
    _check_scores(wanted_of, [*of_scores.flags(), *filter(None, [flags_of(asked)])])
    work = Work(wanted_of, of_scores.options(), heard, stop_on_signals, batch.memory_gib)
    account = _account(batch.manifest, work) if batch.manifest else None
    left = account.left(jobs) if account else jobs
    if done := len(jobs) - len(left):
        print(f"{done} of {len(jobs)} files are done already, as {str(batch.manifest)!r} says", flush=True)
    outcomes = _do_all(batch.do(work, left), left, account)
    performed = [outcome for outcome in outcomes if not outcome.error]
    if performed:
        notes = sum(outcome.notes for outcome in performed)
        print(f"performed {len(performed)} of {len(left)} {'takes' if takes > 1 else 'files'}, {notes} notes: {output}", flush=True)
    return 0 if len(performed) == len(left) else 1


def _wanted(said: options.Said, is_score: bool) -> Wanted:
    """Return what is wanted for a score, or for a MIDI file, which some performers play as a score."""
    wanted = said.of(Kind.SCORES if is_score else Kind.NOTES)
    if is_score and wanted.lookahead_s:
        raise UsageError("--lookahead is for live notes and MIDI files, and a score is known to its end; leave --lookahead out")
    return wanted


def _mixed(playing: options.PlayingOptions, left_alone: RoutingFlags, mix: float) -> options.PlayingOptions:
    """Return the options with the mix among the settings. Raises UsageError where no drums are performed."""
    if left_alone.drums is not Drums.PERFORM:
        raise UsageError(f"--mix {mix:g}: how far others go with drums that are performed; give --drums perform, or leave it out")
    return options.with_settings(playing, f"drums.mix={mix:g}")


def _check_scores(wanted: Mapping[bool, Wanted], said: Sequence[str]) -> None:
    """Raise UsageError when options for scores are given and no score is performed."""
    if said and not any(is_score or each.plays_scores for is_score, each in wanted.items()):
        names = " or ".join(performers(Kind.SCORES))
        raise UsageError(f"{', '.join(said)}: for scores; leave it out, or give --performer {names}")


def _account(path: Path, work: Work) -> "Manifest":
    from engine.commands.rendering.manifest import Manifest  # which a single file need not wait for

    return Manifest(path, work)


def _do_all(done: Iterable[Outcome], jobs: Sequence[Job], account: "Manifest | None") -> list[Outcome]:
    """Do every job, behind a progress bar on a terminal; one that fails stops no other, and is a line on standard error in the end."""
    outcomes = []
    with ExitStack() as stack:
        advance: Callable[[], None] = lambda: None  # noqa: E731
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
            task = progress.add_task("performing", total=len(jobs))
            advance = lambda: progress.advance(task)  # noqa: E731
        for outcome in done:
            outcomes.append(outcome)
            if account:
                account.add(outcome)
            advance()
    errors = {outcome.job: outcome.error for outcome in outcomes if outcome.error}
    for job in filter(errors.get, jobs):  # in the order in which they were given
        print_error("perf-render", errors[job])
    return outcomes


def _improvise(wanted: Wanted, output: Path, kinds: Sequence[str], takes: int, sound: SoundOptions | None) -> int:
    asked: Any = make_request(wanted.system, wanted.asked)  # of the system that improvises
    outputs = plan_takes(asked.primer, range(wanted.seed, wanted.seed + takes), output, kinds)
    heard = _used_sound(sound, outputs)
    from engine.session import render_improvisations

    setup = wanted.load()
    render_improvisations(setup, outputs, heard, stop_on_signals)
    many = f"{takes} takes of " if takes > 1 else ""
    print(f"improvised {many}{setup.controls['seconds']:g} s: {output}", flush=True)
    return 0


def _used_sound(said: SoundOptions | None, outputs: Iterable[Sequence[Path]]) -> SoundOptions:
    is_made = any(path.suffix.lower() in (SOUND, HTML) for paths in outputs for path in paths)
    kinds = [said.kind if said else FLUIDSYNTH] if is_made else []
    return check_used(said, kinds, "add --to wav or --to html, or give -o FILE.wav")


def create_app() -> typer.Typer:
    """Return the command, with the options of all systems that there are."""
    return single_command(grouped(with_questions(Kind.SCORES, Kind.IMPROVISES)(render)), *EXAMPLES)


app = create_app()


def main() -> None:
    run_and_exit(app, "perf-render")
