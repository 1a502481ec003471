"""The command ``perf-eval following``: how well the follower finds a soloist's place in the score."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from engine.base.errors import PerfLiveError
from engine.runtime.following.follower import Follower
from engine.runtime.following.solo import solo_of
from training.datasets.asap import Split
from training.evaluation.ensemble.following.pymatchmaker import FOLLOWERS, Matchmaker
from training.evaluation.ensemble.following.takes import Take, asap_takes
from training.evaluation.ensemble.following.trials import (
    Trial,
    beats_to_find_after_leaps,
    follow,
    judge,
    quarters_without_repeat,
    with_errors,
)
from training.evaluation.ensemble.table import print_rows
from training.evaluation.expressiveness.command import CACHE, CacheOption, DataOption, JsonOption, PiecesOption

LEAPS = 3  # of each take
REPEATS = 4
CLOSE, NEAR, BEAT, MEDIAN = "within 50 ms", "within a quarter", "within a beat", "median take, within 50 ms"
AS_PLAYED, WRONG = "as played", "5% wrong, missing, extra"


def following(
    data: DataOption,
    cache: CacheOption = CACHE,
    split: Annotated[str, typer.Option("--split", help="train or validation")] = "validation",
    pieces: PiecesOption = "",
    every: Annotated[int, typer.Option("--every", min=1, help="take only every so many-th hand or part")] = 1,
    part: Annotated[bool, typer.Option("--part", help="follow both hands as one part, instead of each hand")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="of errors and leaps")] = 0,
    matchmaker: Annotated[
        Path | None, typer.Option("--matchmaker", help="Python of an environment with pymatchmaker, whose followers follow as well")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The score follower on one hand, or all, of human performances: as they are, with errors, after leaps and without repeats."""
    chosen: Split = "train" if split == "train" else "validation"
    takes = [take for take in asap_takes(data, chosen, cache, part) if pieces in take.name][::every]
    if not takes:
        raise PerfLiveError(f"no performance of the {chosen} split has {pieces!r} in its name; give another --pieces")
    random = np.random.default_rng(seed)
    plain, wrong, leaps, repeats = [], [], [], []
    for take in track(takes, "following", console=Console(stderr=True)):
        plain.append(judge(take, take.strokes, follow(take, take.strokes)))
        strokes = with_errors(take.strokes, random)
        wrong.append(judge(take, strokes, follow(take, strokes)))
        leaps += list(beats_to_find_after_leaps(take, random, LEAPS))
        repeats += [quarters / bar for quarters, bar in list(quarters_without_repeat(take))[:REPEATS]]
    figures = {
        "who": "both hands" if part else "one hand",
        "takes": len(takes),
        AS_PLAYED: _shares(plain),
        WRONG: _shares(wrong),
        "leaps": _found(leaps),
        "skipped repeats": _found(repeats),
        "event_ms": _event_ms(max(takes, key=lambda take: int(take.solo.sum()))),
        "pymatchmaker": _peers(matchmaker, takes) if matchmaker else {},
    }
    if as_json:
        print(json.dumps(figures, indent=1))
    else:
        _print(figures)


def _shares(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return shares of all onsets by what is taken for true, in trills and figures that repeat, and of those outside trills."""
    columns = ([getattr(trial, name) for trial in trials] for name in Trial._fields)
    close, near, exact, in_trill, in_figure, in_beat = map(np.concatenate, columns)
    found, alike = np.stack([close, near, in_beat]), in_trill | in_figure
    kinds = {"": found, ", trills as a whole": found | in_trill, ", trills and figures as a whole": found | alike}
    kinds[", outside trills"] = found[:, exact]
    shares: dict[str, dict[str, Any]] = {}
    for kind, rows in kinds.items():
        shares[kind] = dict(zip(("onsets", CLOSE, NEAR, BEAT), (rows.shape[1], *rows.mean(axis=1).tolist()), strict=True))
    shares[""][MEDIAN] = float(np.median([trial.close.mean() for trial in trials]))
    return shares


def _found(values: Sequence[float]) -> dict[str, Any]:
    if not values:
        return {"trials": 0}
    return {"trials": len(values), "median": float(np.median(values)), "75%": float(np.percentile(values, 75, method="lower"))}


def _event_ms(take: Take) -> dict[str, float]:
    """Return the notes of the longest part, and how long its follower took for a stroke: median and 99th percentile."""
    follower, spent = Follower(solo_of(take.score, take.solo)), []
    for time_sec, pitch in zip(take.strokes["onset_sec"].tolist(), take.strokes["pitch"].tolist(), strict=True):
        begun = time.perf_counter()
        follower.hear(time_sec, pitch)
        spent.append(1000 * (time.perf_counter() - begun))
    return {"notes": int(take.solo.sum()), "median": float(np.median(spent)), "99%": float(np.percentile(spent, 99))}


def _peers(python: Path, takes: Sequence[Take]) -> dict[str, Any]:
    """Return the shares of pymatchmaker's followers on the takes as they were played, and how long a step took them."""
    found: dict[str, Any] = {}
    with Matchmaker(python) as program:
        for name in FOLLOWERS:
            trials, spent = [], []
            for take in track(takes, name, console=Console(stderr=True)):
                quarters, step_ms = program.follow(name, take)
                trials.append(judge(take, take.strokes, quarters))
                spent += step_ms
            found[name] = _shares(trials)
            found[name][""]["step_ms"] = float(np.median(spent))
    return found


def _print(figures: Mapping[str, Any]) -> None:
    rows = {name + kind: _cells(row) for name in (AS_PLAYED, WRONG) for kind, row in figures[name].items()}
    rows |= {name: _cells(shares[""]) for name, shares in figures["pymatchmaker"].items()}
    columns = ["onsets", CLOSE, NEAR, BEAT, MEDIAN, *(["step, ms"] if figures["pymatchmaker"] else [])]
    shown = {name: cells[: len(columns)] for name, cells in rows.items()}
    print_rows(f"{figures['who']} of a performance, {figures['takes']} takes", columns, shown)
    found = {
        f"{name}, in {unit}": [str(figures[name]["trials"]), *(f"{figures[name].get(key, np.nan):.2f}" for key in ("median", "75%"))]
        for name, unit in (("leaps", "quarters"), ("skipped repeats", "bars"))
    }
    print_rows("until it is found again", ["trials", "median", "75%"], found)
    event = figures["event_ms"]
    print(f"a stroke of a part of {event['notes']} notes: {event['median']:.2f} ms at the median, 99% within {event['99%']:.2f} ms")


def _cells(row: Mapping[str, float]) -> list[str]:
    shares = [f"{row[name]:.1%}" if name in row else "" for name in (CLOSE, NEAR, BEAT, MEDIAN)]
    return [str(row["onsets"]), *shares, f"{row['step_ms']:.2f}" if "step_ms" in row else ""]
