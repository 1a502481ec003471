"""``perf-render``: MIDI files and scores, and folders of them, performed offline by the same engine on a virtual clock."""

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from engine.base.command_line import print_error, run
from engine.base.errors import PerfLiveError, UsageError
from engine.commands import options, sound_options
from engine.commands.grouped import grouped
from engine.commands.jobs import Job, plan_jobs, plan_takes
from engine.commands.rendering import ScoreOptions, render_score, render_take, render_takes
from engine.commands.style_options import StyleOptions
from engine.midi.events import is_note_on
from engine.midi.file import MidiTimeline, read_midi_file
from engine.performers.protocol import ScorePerformer
from engine.performers.registry import DEFAULT_IMPROVISER, DEFAULT_PERFORMER, DEFAULT_SCORE_PERFORMER, STYLED_PERFORMER
from engine.runtime.loop import Report
from engine.sound.options import FLUIDSYNTH, SoundOptions

app = typer.Typer(add_completion=False)

MOST_TAKES, MOST_BEAMS = 64, 16  # as many streams are side by side, or four times as many


@dataclass(frozen=True)
class Improvising:
    """What can be said of improvisations alone."""

    primer: Annotated[Path | None, typer.Option("--primer", metavar="FILE.mid", help="What an improvisation goes on from.")] = None
    seconds: Annotated[float | None, typer.Option("--seconds", min=0, help="How long an improvisation is, after its primer.")] = None
    takes: Annotated[
        int, typer.Option("--takes", min=1, max=MOST_TAKES, help="How many improvisations, of --seed and those after it, into a folder.")
    ] = 1
    beams: Annotated[
        int,
        typer.Option("--beam", min=0, max=MOST_BEAMS, help="Search for likely improvisations, with so many beams; 0 samples one."),
    ] = 0
    without_primer: Annotated[bool, typer.Option("--without-primer", help="Begin the output where the improvisation begins.")] = False

    @property
    def as_live(self) -> bool:
        """Whether perf-live could do it."""
        return self.takes == 1 and not self.beams and not self.without_primer

    def check(self, inputs: Sequence[Path]) -> None:
        """Raises UsageError for what does not go together."""
        if inputs:
            raise UsageError(f"an improvisation has no INPUT, and {str(inputs[0])!r} was given; give it as --primer to go on from it")
        if self.without_primer and not self.primer:
            raise UsageError("--without-primer: there is no --primer to leave out; give one, or leave --without-primer out")

    def refuse(self) -> None:
        """Raises UsageError when anything was said and nothing is improvised."""
        if not self.as_live:
            raise UsageError("--takes, --beam and --without-primer are for improvisations; leave them out, or give --seconds")
        if self.primer:
            raise UsageError("give an INPUT to perform, or --performer performance-rnn with --seconds to improvise")


@app.command()
@grouped
def render(
    *,
    output: Annotated[Path, typer.Option("-o", metavar="OUT", help="A .mid, .wav or .png file, or a folder.")],
    inputs: Annotated[list[Path] | None, typer.Argument(metavar="INPUT...", help="MIDI files, scores, and folders of them.")] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--to", metavar="KIND", help="mid, wav or png in the folder; repeat for more. [default: mid]")
    ] = None,
    performer: options.PerformerOption = None,
    playing: options.PlayingOptions,
    exclude: options.ExcludeOption = None,
    sound_kind: sound_options.SoundOption = None,
    sound: sound_options.SaidOfSound,
    model: options.ModelOption = None,
    no_repeats: options.NoRepeatsOption = False,
    timing: Annotated[
        options.Timing | None, typer.Option(help="Of a performed score: its tempo in the tempo map, or free. [default: tempo-map]")
    ] = None,
    transfer: options.TransferOption = None,
    descriptors: options.DescriptorsOption = None,
    style: StyleOptions,
    beside: Annotated[
        Path | None, typer.Option("--beside", metavar="FILE.mid", help="A human performance of the score, to draw beside it in the .png.")
    ] = None,
    improvising: Improvising,
) -> int:
    """Perform MIDI files and scores: every note of the input, with its tracks, texts and bars, and a performer's touch.

    Or improvise: no INPUT, --performer performance-rnn, --seconds, and perhaps a --primer.
    """
    said_of_sound = sound.options(sound_kind)
    if improvising.seconds is not None:
        if performer not in (None, DEFAULT_IMPROVISER):
            raise UsageError(f"--seconds: the performer {performer!r} does not improvise; choose --performer {DEFAULT_IMPROVISER}")
        # While the primer lasts it only listens, however long the rests are.
        playing = replace(playing, settings=[f"seconds={improvising.seconds}", "pause=0", *(playing.settings or ())])
        setup = options.prepare(performer, playing, exclude, model, DEFAULT_IMPROVISER)
        improvising.check(inputs or ())
        return _improvise(improvising, output, kinds or (), setup, said_of_sound)
    improvising.refuse()
    if not inputs:
        raise UsageError("give an INPUT to perform, or --performer performance-rnn with --seconds to improvise")
    jobs = plan_jobs(inputs, output, kinds or ())
    heard = _used_sound(said_of_sound, jobs)
    score_options = ScoreOptions(not no_repeats, timing, transfer, descriptors, beside, style)
    score_options.check(jobs)
    scores = {job.is_score for job in jobs}
    of_scores = STYLED_PERFORMER if style else DEFAULT_SCORE_PERFORMER
    defaults = {is_score: of_scores if is_score else DEFAULT_PERFORMER for is_score in scores}
    setups = {is_score: options.prepare(performer, playing, exclude, model, default) for is_score, default in defaults.items()}
    score_options.check_performers(list(setups.values()))
    if playing.lookahead_s and True in setups:
        setups[True].score_performer()
    reports = _render_all(jobs, lambda job: _render(job, setups[job.is_score], score_options, heard))
    if reports:
        notes = sum(report.notes for report in reports)
        print(f"performed {len(reports)} of {len(jobs)} files, {notes} notes: {output}", flush=True)
    return 0 if len(reports) == len(jobs) else 1


def _render(job: Job, setup: options.Setup, score_options: ScoreOptions, sound: SoundOptions) -> Report:
    if job.is_score or isinstance(setup.performer, ScorePerformer):
        return render_score(job, setup, score_options, sound)
    return render_take(job, setup, sound)


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


def _improvise(improvising: Improvising, output: Path, kinds: Sequence[str], setup: options.Setup, sound: SoundOptions | None) -> int:
    primer = improvising.primer
    named = primer or Path("improvisation.mid")
    seeds = range(setup.seed, setup.seed + improvising.takes)
    jobs = plan_jobs([named], output, kinds) if improvising.takes == 1 else plan_takes(named, seeds, output, kinds)
    heard = _used_sound(sound, jobs)
    timeline = read_midi_file(primer) if primer else MidiTimeline()
    if primer and not any(is_note_on(event.message) for event in timeline.events):
        raise PerfLiveError(f"{str(primer)!r} has no note to go on from; give another --primer, or none")
    if improvising.as_live:
        render_take(jobs[0], setup, heard, timeline)
    else:
        render_takes(jobs, setup, heard, timeline, improvising.beams, not improvising.without_primer)
    many = f"{improvising.takes} takes of " if improvising.takes > 1 else ""
    print(f"improvised {many}{setup.controls['seconds']:g} s: {output}", flush=True)
    return 0


def _used_sound(said: SoundOptions | None, jobs: Sequence[Job]) -> SoundOptions:
    is_made = any(path.suffix.lower() == ".wav" for job in jobs for path in job.outputs)
    kinds = [said.kind if said else FLUIDSYNTH] if is_made else []
    return sound_options.check_used(said, kinds, "add --to wav, or give -o FILE.wav")


def main() -> None:
    sys.exit(run(app, "perf-render"))
