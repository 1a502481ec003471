"""``perf-render``: MIDI files and scores, and folders of them, performed offline by the same engine on a virtual clock."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.base.command_line import print_error, run, single_command
from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import check_readable
from engine.commands import options, sound_options
from engine.commands.grouped import grouped
from engine.commands.jobs import Job, plan_jobs, plan_takes
from engine.commands.questions import Asked, PerformerName, flags_of, with_questions
from engine.commands.signals import stop_on_signals
from engine.performers.setup import Setup, Wanted
from engine.runtime.loop import Report
from engine.sound.options import FLUIDSYNTH, SoundOptions, check_used
from engine.systems import Kind, performers

NOTHING = "give an INPUT to perform, or --performer performance-rnn with --seconds to improvise"
EXAMPLES = """Examples:

perf-render take.mid -o performed.mid

perf-render piece.musicxml -o performed.wav --performer dexter --seed 3 --set temperature=0.8

perf-render -o new.mid --performer performance-rnn --seconds 60 --primer take.mid"""


@dataclass(frozen=True)
class ScoreSaid:
    """What can be said of scores alone, whoever performs them. ``beside`` is of one score."""

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
            help="A human performance of the score, to draw beside it in the .png.",
            rich_help_panel=options.SCORES,
        ),
    ] = None

    def flags(self) -> list[str]:
        """Return what is said, as it is typed."""
        said = (("--no-repeats", self.no_repeats), ("--timing", self.timing), ("--beside", self.beside))
        return [flag for flag, value in said if value]

    def check(self, jobs: Sequence[Job], asked: Mapping[str, object]) -> None:
        """Raise UsageError when what is said cannot be of these jobs."""
        of_one = [name for name, value in asked.items() if isinstance(value, Path)]
        if (self.beside or of_one) and len(jobs) > 1:
            named = ", ".join([*(["--beside"] if self.beside else []), flags_of(of_one)]).strip(", ")
            raise UsageError(f"{named}: of one score, and there are {len(jobs)} inputs; give one")
        if self.beside:
            check_readable(self.beside, "a MIDI file")
        if self.beside and not any(path.suffix.lower() == ".png" for path in jobs[0].outputs):
            raise UsageError("--beside is for pictures, and none is drawn; add --to png, or give -o FILE.png")


def render(
    *,
    inputs: Annotated[list[Path] | None, typer.Argument(metavar="INPUT...", help="MIDI files, scores, and folders of them.")] = None,
    output: Annotated[Path, typer.Option("-o", metavar="OUT", help="A .mid, .wav or .png file, or a folder.")],
    kinds: Annotated[
        list[str] | None, typer.Option("--to", metavar="KIND", help="mid, wav or png in the folder; repeat for more. (default: mid)")
    ] = None,
    performer: PerformerName = None,  # type: ignore[assignment]
    playing: options.PlayingOptions,
    exclude: options.ExcludeOption = None,
    model: options.ModelOption = None,
    of_scores: ScoreSaid,
    asked: Asked,
    sound_kind: sound_options.SoundOption = None,
    sound: sound_options.SaidOfSound,
    version: options.VersionOption = False,
) -> int:
    """Perform MIDI files and scores: every note of the input, with its tracks, texts and bars, and a performer's touch.

    Or improvise: no INPUT, --performer performance-rnn, --seconds, and perhaps a --primer.
    """
    said_of_sound = sound.options(sound_kind)
    if "seconds" in asked:
        if inputs:
            raise UsageError(f"an improvisation has no INPUT, and {str(inputs[0])!r} was given; give it as --primer to go on from it")
        # While the primer lasts it only listens, however long the rests are.
        playing = options.with_settings(playing, f"seconds={asked['seconds']}", "pause=0")
        wanted = options.combine(performer, playing, exclude, model, asked).of(Kind.IMPROVISES)
        return _improvise(wanted, output, kinds or (), said_of_sound)
    if not inputs:
        raise UsageError(NOTHING)
    jobs = plan_jobs(inputs, output, kinds or ())
    heard = _used_sound(said_of_sound, jobs)
    of_scores.check(jobs, asked)
    said = options.combine(performer, playing, exclude, model, asked)
    wanted_of = {is_score: _wanted(said, is_score) for is_score in {job.is_score for job in jobs}}
    _check_scores(wanted_of, [*of_scores.flags(), *filter(None, [flags_of(asked)])])
    setups = {is_score: wanted.load() for is_score, wanted in wanted_of.items()}
    reports = _render_all(jobs, lambda job: _render(job, setups[job.is_score], of_scores, heard))
    if reports:
        notes = sum(report.notes for report in reports)
        print(f"performed {len(reports)} of {len(jobs)} files, {notes} notes: {output}", flush=True)
    return 0 if len(reports) == len(jobs) else 1


def _wanted(said: options.Said, is_score: bool) -> Wanted:
    """Return what is wanted for a score, or for a MIDI file: which some performers play as a score."""
    wanted = said.of(Kind.SCORES if is_score else Kind.NOTES)
    if is_score and wanted.lookahead_s:
        raise UsageError("--lookahead is for live notes and MIDI files, and a score is known to its end; leave --lookahead out")
    return wanted


def _check_scores(wanted: Mapping[bool, Wanted], said: Sequence[str]) -> None:
    """Raise UsageError when something is said of scores and none is performed."""
    if said and not any(is_score or _plays_scores(each) for is_score, each in wanted.items()):
        names = " or ".join(performers(Kind.SCORES))
        raise UsageError(f"{', '.join(said)}: for scores; leave it out, or give --performer {names}")


def _plays_scores(wanted: Wanted) -> bool:
    return Kind.SCORES in wanted.system.plays and not wanted.lookahead_s


def _render(job: Job, setup: Setup, of_scores: ScoreSaid, sound: SoundOptions) -> Report:
    from engine.midi.file import read_midi_file
    from engine.session import ScoreOptions, render_score, render_take

    if setup.performer.plays is Kind.SCORES:
        score_options = ScoreOptions(not of_scores.no_repeats, of_scores.timing is not options.Timing.ABSOLUTE, of_scores.beside)
        return render_score(setup, job.input, job.outputs, score_options, sound, stop_on_signals)
    return render_take(setup, read_midi_file(job.input), job.outputs, job.input.stem, sound, stop_on_signals)


def _render_all(jobs: Sequence[Job], render_one: Callable[[Job], Report]) -> list[Report]:
    """Do every job, behind a progress bar on a terminal; one that fails is a line on standard error and stops no other."""
    reports = []
    with ExitStack() as stack:
        advance: Callable[[], None] = lambda: None  # noqa: E731
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
            task = progress.add_task("performing", total=len(jobs))
            advance = lambda: progress.advance(task)  # noqa: E731
        for job in jobs:
            try:
                reports.append(render_one(job))
            except PerfLiveError as error:
                print_error("perf-render", error)
            advance()
    return reports


def _improvise(wanted: Wanted, output: Path, kinds: Sequence[str], sound: SoundOptions | None) -> int:
    from engine.session import read_primer, render_take, render_takes

    setup = wanted.load()
    asked: Any = setup.request  # of the system that improvises
    named = asked.primer or Path("improvisation.mid")
    seeds = range(setup.seed, setup.seed + asked.takes)
    jobs = plan_jobs([named], output, kinds) if asked.takes == 1 else plan_takes(named, seeds, output, kinds)
    heard = _used_sound(sound, jobs)
    primer = read_primer(asked.primer)
    if asked.together:
        render_takes(setup, primer, [job.outputs for job in jobs], named.stem, heard, stop_on_signals)
    else:
        render_take(setup, primer, jobs[0].outputs, named.stem, heard, stop_on_signals)
    many = f"{asked.takes} takes of " if asked.takes > 1 else ""
    print(f"improvised {many}{setup.controls['seconds']:g} s: {output}", flush=True)
    return 0


def _used_sound(said: SoundOptions | None, jobs: Sequence[Job]) -> SoundOptions:
    is_made = any(path.suffix.lower() == ".wav" for job in jobs for path in job.outputs)
    kinds = [said.kind if said else FLUIDSYNTH] if is_made else []
    return check_used(said, kinds, "add --to wav, or give -o FILE.wav")


def create_app() -> typer.Typer:
    """Return the command, with the options of all systems that there are."""
    return single_command(grouped(with_questions(Kind.SCORES, Kind.IMPROVISES)(render)), EXAMPLES)


app = create_app()


def main() -> None:
    sys.exit(run(app, "perf-render"))
