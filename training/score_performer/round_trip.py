"""What SPMuple's tokens keep of performances: ``python -m training.score_performer.round_trip --data FOLDER --cache FOLDER``."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from engine.base.command_line import HELP, run
from engine.performers.score_performer.score import score_tokens
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from models.score_performer.representation import Tempos, decode_performance, encode_performance
from training.datasets.aligned import AlignedPerformance, asap_alignments, load_aligned
from training.score_performer.data import performed_notes

PEDAL_STEP_S = 0.01

app = typer.Typer(add_completion=False, context_settings=HELP)


@dataclass(frozen=True)
class RoundTrip:
    """What became of the performed notes of a performance, by note, and of the pedal.

    ``onset_ms``: how far from where the tokens mean a note to be it is; ``cut_ms``: how far that is from where it was played.
    ``duration_ratio`` is decoded / performed. ``pedal`` is the mean distance of depths, 0 to 1, from the first onset to the last.
    """

    onset_ms: np.ndarray
    cut_ms: np.ndarray
    duration_ratio: np.ndarray
    velocity: np.ndarray
    pedal: float

    def figures(self) -> dict[str, float]:
        onset_ms = np.abs(self.onset_ms)
        return {
            "onset_median_ms": float(np.median(onset_ms)),
            "onset_95_percent_ms": float(np.percentile(onset_ms, 95)),
            "onset_greatest_ms": float(onset_ms.max()),
            "cut_greatest_ms": float(np.abs(self.cut_ms).max()),
            "velocity_greatest": float(np.abs(self.velocity).max()),
            "duration_within_5_percent": float(np.mean(np.abs(self.duration_ratio - 1) <= 0.05)),
            "pedal_error": self.pedal,
        }


def round_trip(item: AlignedPerformance, tempos: Tempos = "window") -> RoundTrip:
    """Encode and decode a performance."""
    tokens, segments = score_tokens(item.score)
    performed, notes = performed_notes(item), item.score.notes
    encoded = encode_performance(tokens, segments, notes, performed, tempos)
    start_sec = first_onset_sec(notes, performed)
    decoded = decode_performance(notes, segments, encoded.tokens, start_sec)
    played = np.isfinite(performed.onset_sec)
    return RoundTrip(
        1000 * (decoded.onset_sec - (performed.onset_sec - encoded.cut_sec))[played],
        1000 * encoded.cut_sec[played],
        decoded.duration_sec[played] / np.maximum(performed.duration_sec[played], 1e-3),
        (decoded.velocity - performed.velocity)[played],
        _pedal_error(performed, decoded, encoded.cut_sec),
    )


def first_onset_sec(notes: np.ndarray, performed: Performed) -> float:
    """Return the mean time of the first performed onset, grace notes apart: where a decoded performance begins."""
    played = np.isfinite(performed.onset_sec)
    first = played & (notes["onset_quarter"] == notes["onset_quarter"][played][0])
    full = first & ~notes["is_grace"]
    return float(performed.onset_sec[full if full.any() else first].mean())


def _pedal_error(performed: Performed, decoded: Performed, cut_sec: np.ndarray) -> float:
    """Compare the depths from the first onset to the last, as time goes in the decoded performance."""
    played = np.isfinite(performed.onset_sec)
    order = np.argsort(decoded.onset_sec[played], kind="stable")
    times, cuts = decoded.onset_sec[played][order], cut_sec[played][order]
    steps = np.arange(times[0], times[-1], PEDAL_STEP_S)
    shift = cuts[np.maximum(np.searchsorted(times, steps, side="right") - 1, 0)]
    return float(np.abs(depth_at(performed.pedal, steps + shift) - depth_at(decoded.pedal, steps)).mean()) if len(steps) else 0.0


def depth_at(pedal: Pedal, times_sec: np.ndarray) -> np.ndarray:
    """Return the pedal's depth, 0 to 1, at times."""
    return np.append(0, pedal.value)[np.searchsorted(pedal.time_sec, times_sec, side="right")] / 127


@app.command()
def main(
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked corpus")],
    cache: Annotated[Path, typer.Option("--cache", help="folder of read alignments")],
    every: Annotated[int, typer.Option("--every", min=1, help="measure one performance of so many")] = 1,
) -> None:
    """Encode and decode the validation performances; print the median over performances of each figure, and the worst."""
    performances, _ = load_aligned(asap_alignments(data, "validation"), cache)
    for tempos in ("window", "onset", "beat", "bar"):
        figures = [round_trip(item, tempos).figures() for item in performances[::every]]
        print(f"{tempos}: {len(figures)} performances")
        for name in figures[0]:
            values = np.array([found[name] for found in figures])
            worst = values.min() if name.startswith("duration") else values.max()
            print(f"  {name:28} {np.median(values):9.3f}  worst {worst:9.3f}")


if __name__ == "__main__":
    sys.exit(run(app, "training.score_performer.round_trip"))
