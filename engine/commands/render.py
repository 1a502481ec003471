"""``perf-render``: MIDI files and scores, and folders of them, performed offline by the same engine on a virtual clock."""

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from engine.commands import options, sound_options, style_options
from engine.commands.errors import print_error, run
from engine.commands.jobs import Job, plan_jobs, plan_takes
from engine.commands.rendering import ScoreOptions, render_score, render_take, render_takes
from engine.commands.style_options import StyleOptions
from engine.errors import PerfLiveError, UsageError
from engine.events import is_note_on
from engine.loop import Report
from engine.midi_file import MidiTimeline, read_midi_file
from engine.performer import ScorePerformer
from engine.performers.registry import DEFAULT_IMPROVISER, DEFAULT_PERFORMER, DEFAULT_SCORE_PERFORMER, STYLED_PERFORMER
from engine.sound.options import SoundOptions

app = typer.Typer(add_completion=False)

MOST_TAKES, MOST_BEAMS = 64, 16  # as many streams are side by side, or four times as many


@app.command()
def render(
    output: Annotated[Path, typer.Option("-o", metavar="OUT", help="A .mid, .wav or .png file, or a folder.")],
    inputs: Annotated[list[Path] | None, typer.Argument(metavar="INPUT...", help="MIDI files, scores, and folders of them.")] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--to", metavar="KIND", help="mid, wav or png in the folder; repeat for more. [default: mid]")
    ] = None,
    performer: options.PerformerOption = None,
    seed: options.SeedOption = None,
    settings: options.SetOption = None,
    controllers: options.ControllerOption = None,
    preset: options.PresetOption = None,
    lookahead: options.LookaheadOption = None,
    exclude: options.ExcludeOption = None,
    sound: sound_options.SoundOption = None,
    soundfont: sound_options.SoundFontOption = None,
    reverb: sound_options.ReverbOption = None,
    gain: sound_options.GainOption = None,
    rate: sound_options.RateOption = None,
    bits: sound_options.BitsOption = None,
    model: options.ModelOption = None,
    no_repeats: options.NoRepeatsOption = False,
    timing: Annotated[
        options.Timing | None, typer.Option(help="Of a performed score: its tempo in the tempo map, or free. [default: tempo-map]")
    ] = None,
    transfer: options.TransferOption = None,
    descriptors: options.DescriptorsOption = None,
    direct: style_options.DirectOption = None,
    style_from: style_options.StyleFromOption = None,
    style_score: style_options.StyleScoreOption = None,
    style_bars: style_options.StyleBarsOption = None,
    style_amount: style_options.StyleAmountOption = None,
    style_seed: style_options.StyleSeedOption = None,
    deadpan: style_options.DeadpanOption = False,
    knobs: style_options.KnobOption = None,
    beside: Annotated[
        Path | None, typer.Option("--beside", metavar="FILE.mid", help="A human performance of the score, to draw beside it in the .png.")
    ] = None,
    primer: Annotated[Path | None, typer.Option("--primer", metavar="FILE.mid", help="What an improvisation goes on from.")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0, help="How long an improvisation is, after its primer.")] = None,
    takes: Annotated[
        int, typer.Option("--takes", min=1, max=MOST_TAKES, help="How many improvisations, of --seed and those after it, into a folder.")
    ] = 1,
    beam: Annotated[
        int, typer.Option("--beam", min=0, max=MOST_BEAMS, help="Search for likely improvisations, with so many beams; 0 samples one.")
    ] = 0,
    without_primer: Annotated[bool, typer.Option("--without-primer", help="Begin the output where the improvisation begins.")] = False,
) -> int:
    """Perform MIDI files and scores: every note of the input, with its tracks, texts and bars, and a performer's touch.

    Or improvise: no INPUT, --performer performance-rnn, --seconds, and perhaps a --primer.
    """

    improvising = Improvising(primer, takes, beam, not without_primer)
    said_of_sound = sound_options.sound_options(sound, soundfont, reverb, gain, rate, bits)

    def prepare(default: str, more: Sequence[str] = ()) -> options.Setup:
        said = [*more, *(settings or ())]
        return options.prepare(performer, seed, said, controllers or (), preset, lookahead, exclude, model, default)

    if seconds is not None:
        if performer not in (None, DEFAULT_IMPROVISER):
            raise UsageError(f"--seconds: the performer {performer!r} does not improvise; choose --performer {DEFAULT_IMPROVISER}")
        # While the primer lasts it only listens, however long the rests are.
        setup = prepare(DEFAULT_IMPROVISER, [f"seconds={seconds}", "pause=0"])
        improvising.check(inputs or ())
        return _improvise(improvising, output, kinds or (), setup, said_of_sound)
    improvising.refuse()
    if not inputs:
        raise UsageError("give an INPUT to perform, or --performer performance-rnn with --seconds to improvise")
    jobs = plan_jobs(inputs, output, kinds or ())
    heard = _used_sound(said_of_sound, jobs)
    style = StyleOptions(direct or (), style_from, style_score, style_bars, style_amount, style_seed, deadpan, knobs or ())
    score_options = ScoreOptions(not no_repeats, timing, transfer, descriptors, beside, style)
    score_options.check(jobs)
    scores = {job.is_score for job in jobs}
    of_scores = STYLED_PERFORMER if style else DEFAULT_SCORE_PERFORMER
    setups = {is_score: prepare(of_scores if is_score else DEFAULT_PERFORMER) for is_score in scores}
    score_options.check_performers(list(setups.values()))
    if lookahead and True in setups:
        setups[True].score_performer()

    def render_one(job: Job) -> Report:
        setup = setups[job.is_score]
        if job.is_score or isinstance(setup.performer, ScorePerformer):
            return render_score(job, setup, score_options, heard)
        return render_take(job, setup, heard)

    reports = _render_all(jobs, render_one)
    if reports:
        notes = sum(report.notes for report in reports)
        print(f"performed {len(reports)} of {len(jobs)} files, {notes} notes: {output}", flush=True)
    return 0 if len(reports) == len(jobs) else 1


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


@dataclass(frozen=True)
class Improvising:
    """What can be said of improvisations alone."""

    primer: Path | None
    takes: int
    beams: int
    keep_primer: bool

    @property
    def as_live(self) -> bool:
        """Whether perf-live could do it."""
        return self.takes == 1 and not self.beams and self.keep_primer

    def check(self, inputs: Sequence[Path]) -> None:
        """Raises UsageError for what does not go together."""
        if inputs:
            raise UsageError(f"an improvisation has no INPUT, and {str(inputs[0])!r} was given; give it as --primer to go on from it")
        if not (self.primer or self.keep_primer):
            raise UsageError("--without-primer: there is no --primer to leave out; give one, or leave --without-primer out")

    def refuse(self) -> None:
        """Raises UsageError when anything was said and nothing is improvised."""
        if not self.as_live:
            raise UsageError("--takes, --beam and --without-primer are for improvisations; leave them out, or give --seconds")
        if self.primer:
            raise UsageError("give an INPUT to perform, or --performer performance-rnn with --seconds to improvise")


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
        render_takes(jobs, setup, heard, timeline, improvising.beams, improvising.keep_primer)
    many = f"{improvising.takes} takes of " if improvising.takes > 1 else ""
    print(f"improvised {many}{setup.controls['seconds']:g} s: {output}", flush=True)
    return 0


def _used_sound(said: SoundOptions | None, jobs: Sequence[Job]) -> SoundOptions:
    is_made = any(path.suffix.lower() == ".wav" for job in jobs for path in job.outputs)
    return sound_options.check_used(said, is_made, "add --to wav, or give -o FILE.wav")


def main() -> None:
    sys.exit(run(app, "perf-render"))
