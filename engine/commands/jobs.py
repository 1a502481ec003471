"""What ``perf-render`` is to do: which input becomes which outputs, with everything that can be refused refused before work starts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.base.errors import UsageError
from engine.base.files import check_folder, check_writable

MIDI_SUFFIXES = (".mid", ".midi")
INPUT_SUFFIXES = (*MIDI_SUFFIXES, ".musicxml", ".mxl", ".xml", ".mei", ".krn", ".kern")
OUTPUT_SUFFIXES = (".mid", ".midi", ".wav", ".png")
KINDS = ("mid", "wav", "png")


@dataclass(frozen=True)
class Job:
    input: Path
    outputs: tuple[Path, ...]

    @property
    def is_score(self) -> bool:
        """Whether the input can be nothing else; a MIDI file may be a score or a take."""
        return self.input.suffix.lower() in INPUT_SUFFIXES and self.input.suffix.lower() not in MIDI_SUFFIXES


def plan_jobs(inputs: Sequence[Path], output: Path, kinds: Sequence[str]) -> list[Job]:
    """Return one job a file. Raises UsageError or PerfLiveError, one line, for anything that cannot come out well."""
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise UsageError(f"--to {unknown[0]!r}: allowed: {', '.join(KINDS)}")
    if output.suffix.lower() in OUTPUT_SUFFIXES and not output.is_dir():
        jobs = [_plan_file(inputs, output, kinds)]
    else:
        jobs = _plan_folder(inputs, output, kinds or KINDS[:1])
    _check_collisions(jobs)
    return jobs


def plan_takes(primer: Path, seeds: Sequence[int], output: Path, kinds: Sequence[str]) -> list[Job]:
    """Return a job for each take after ``primer``, in a folder, named by its seed. Raises as ``plan_jobs``."""
    if output.suffix.lower() in OUTPUT_SUFFIXES and not output.is_dir():
        raise UsageError(f"-o {str(output)!r} is one file, and there are {len(seeds)} takes; give a folder")
    named = plan_jobs([primer.with_stem(f"{primer.stem}_{seed}") for seed in seeds], output, kinds)
    return [replace(job, input=primer) for job in named]


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


def _check_collisions(jobs: Sequence[Job]) -> None:
    inputs = {job.input.resolve() for job in jobs}
    writers: dict[Path, Path] = {}
    for job in jobs:
        for path in job.outputs:
            target = path.resolve()
            if target in inputs:
                raise UsageError(f"{str(path)!r} would be written over an input; give another -o")
            if target in writers:
                raise UsageError(f"{str(path)!r} would be written for both {str(writers[target])!r} and {str(job.input)!r}; rename one")
            writers[target] = job.input
