"""What ``perf-render`` is to do: which input becomes which outputs, with everything that can be refused refused before work starts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.base.errors import UsageError
from engine.base.files import MIDI_SUFFIXES, NOTATION_SUFFIXES, check_folder, check_name, check_writable
from engine.output.file_sinks import OUTPUT_SUFFIXES, check_collisions

INPUT_SUFFIXES = (*MIDI_SUFFIXES, *NOTATION_SUFFIXES)
KINDS = ("mid", "wav", "png", "html")


@dataclass(frozen=True)
class Job:
    """``refusal`` says in one line why it is not done, "" when it is."""

    input: Path
    outputs: tuple[Path, ...]
    seed: int = 0
    refusal: str = ""

    @property
    def is_score(self) -> bool:
        """Whether the input can be nothing else; a MIDI file may be a score or a take."""
        return self.input.suffix.lower() in NOTATION_SUFFIXES


def plan_jobs(
    inputs: Sequence[Path], output: Path, kinds: Sequence[str], read: Iterable[Path] = (), seeds: Sequence[int] = (0,)
) -> list[Job]:
    """Return one job a file and seed; ``read`` is what is read besides. Outputs of several seeds are in a folder, named by them.

    Of files among others, those that would write the same output have a refusal. Raises UsageError or PerfLiveError, one line, for anything
    else that cannot come out well.
    """
    jobs = _plan_seeds(inputs, output, kinds, seeds)
    refused = _refuse_clashes(jobs)
    if any(not job.refusal for job in refused):
        jobs = refused
    also_read = [*read, *(job.input for job in jobs if job.refusal)]
    check_collisions(((job.input, job.outputs) for job in jobs if not job.refusal), also_read)
    return jobs


def _refuse_clashes(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs, those of different inputs with an output in common with a refusal."""
    writers: dict[Path, list[Path]] = {}
    for job in jobs:
        for path in job.outputs:
            writers.setdefault(path.resolve(), []).append(job.input)
    checked = []
    for job in jobs:
        shared = [(path, each) for path in job.outputs for each in writers[path.resolve()] if each != job.input]
        if shared:
            path, other = shared[0]
            reason = f"{str(path)!r} would be written for {str(other)!r} as well; rename one, or perform them one by one"
            job = replace(job, refusal=f"cannot perform {str(job.input)!r}: {reason}")
        checked.append(job)
    return checked


def plan_takes(primer: Path | None, seeds: Sequence[int], output: Path, kinds: Sequence[str]) -> list[tuple[Path, ...]]:
    """Return the outputs of each take after ``primer``: several are in a folder, named by their seeds. Raises as ``plan_jobs``."""
    named = primer or Path("improvisation.mid")
    jobs = _plan_seeds([named], output, kinds, seeds)
    check_collisions((primer, job.outputs) for job in jobs)
    return [job.outputs for job in jobs]


def _plan_seeds(inputs: Sequence[Path], output: Path, kinds: Sequence[str], seeds: Sequence[int]) -> list[Job]:
    if len(seeds) > 1:
        _check_folder_of_takes(output, len(seeds))
    return [take for job in _plan(inputs, output, kinds) for take in _takes(job, seeds)]


def _check_folder_of_takes(output: Path, takes: int) -> None:
    if output.suffix.lower() in OUTPUT_SUFFIXES and not output.is_dir():
        raise UsageError(f"-o {str(output)!r} is one file, and there are {takes} takes; give a folder")


def _takes(job: Job, seeds: Sequence[int]) -> list[Job]:
    """Return the job for each seed; the outputs of several are named by their seeds."""
    if len(seeds) == 1:
        return [replace(job, seed=seeds[0])]
    return [Job(job.input, tuple(path.with_stem(f"{path.stem}_{seed}") for path in job.outputs), seed) for seed in seeds]


def _plan(inputs: Sequence[Path], output: Path, kinds: Sequence[str]) -> list[Job]:
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise UsageError(f"--to {unknown[0]!r}: allowed: {', '.join(KINDS)}")
    check_name(output)
    if output.suffix.lower() in OUTPUT_SUFFIXES and not output.is_dir():
        return [_plan_file(inputs, output, kinds)]
    return _plan_folder(inputs, output, kinds or KINDS[:1])


def _plan_file(inputs: Sequence[Path], output: Path, kinds: Sequence[str]) -> Job:
    if kinds:
        raise UsageError(f"--to says what to write in a folder, and -o {str(output)!r} is a file; leave one of them out")
    if len(inputs) != 1 or inputs[0].is_dir():
        raise UsageError(f"-o {str(output)!r} is one file, and there may be several inputs; give a folder")
    check_writable(output)
    return Job(inputs[0], (output,))


def _plan_folder(inputs: Sequence[Path], folder: Path, kinds: Sequence[str]) -> list[Job]:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"-o {str(folder)!r} is neither a folder nor a file that ends in {', '.join(OUTPUT_SUFFIXES)}")
    if folder.suffix and not folder.exists():
        raise UsageError(f"-o {str(folder)!r}: allowed: a file that ends in {', '.join(OUTPUT_SUFFIXES)}, or a folder")
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    check_folder(existing)
    jobs = []
    for given in inputs:
        found = _find_files(given, folder) if given.is_dir() else [given]
        for path in found:
            relative = path.relative_to(given) if given.is_dir() else Path(path.name)
            jobs.append(Job(path, tuple(folder / relative.with_suffix(f".{kind}") for kind in dict.fromkeys(kinds))))
    return jobs


def _find_files(folder: Path, output: Path) -> list[Path]:
    """Return the MIDI files and scores below ``folder``, without those below ``output``, which an earlier run has written."""
    files = (path for path in folder.rglob("*") if path.suffix.lower() in INPUT_SUFFIXES and path.is_file())
    inside = output.resolve() != folder.resolve() and output.resolve().is_relative_to(folder.resolve())
    found = sorted(path for path in files if not (inside and path.resolve().is_relative_to(output.resolve())))
    if not found:
        raise UsageError(f"{str(folder)!r}: no file in this folder ends in {', '.join(INPUT_SUFFIXES)}")
    return found
