"""ScorePerformer's three graphs, opened; two of them read notes both ways, over pieces of any length.

A piece is read in windows of as many notes as the networks have learnt from; each begins half a window after the one before. Of each the
middle half counts (of the first and the last also what is outside), so that every note is read with at least a quarter of a window on
either side where the piece has as many notes. Windows begin at fixed notes of the piece: how a note is read does not depend on where
playing begins.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np

from engine.base.errors import UsageError
from engine.onnx.model import Model, Stepper
from engine.performers.score_playing.feature_check import columns_read
from models.pretrained import pretrained
from models.score_performer.representation import REPRESENTATION_VERSION

DECODER_SYSTEM, SCORE_SYSTEM, STYLE_SYSTEM = "score-performer", "score-performer-score", "score-performer-style"
SUFFIXES = {DECODER_SYSTEM: "", SCORE_SYSTEM: "_score", STYLE_SYSTEM: "_style"}  # of the files' names
STEM = "score_performer"


def open_networks(folder: Path | None) -> "Networks":
    """Return the graphs in ``folder``, or those that ship. Raises UsageError, PerfLiveError."""
    files = {system: f"{STEM}{suffix}.onnx" for system, suffix in SUFFIXES.items()}
    if folder is not None and not folder.is_dir():
        raise UsageError(
            f"--model {str(folder)!r}: the performer 'score-performer' has several files; give the folder of {', '.join(files.values())}"
        )
    networks = Networks({system: folder / name if folder else pretrained(name) for system, name in files.items()})
    if folder:
        networks.open_all()  # what was given may be gone when it is needed
    return networks


@dataclass(frozen=True)
class Window:
    """The rows of a piece that are read together, and those of them that count."""

    read: slice
    kept: slice

    def keep(self, array: np.ndarray) -> np.ndarray:
        return array[self.kept.start - self.read.start : self.kept.stop - self.read.start]


class Networks:
    """Each graph is opened when it is first needed, or by ``open_all``: a style is read only where there is a reference."""

    def __init__(self, files: dict[str, Path]):
        self._files = files
        self._opening, self._opened = Lock(), dict[str, Model]()
        constants = self.decoder.contract.constants
        self.window: int = constants["window_notes"]
        self.latents: tuple[int, ...] = tuple(constants["latents"])  # widths of the style's levels: piece, bar, beat, onset

    @property
    def style_width(self) -> int:
        return sum(self.latents)

    def open_all(self) -> None:
        """Open the graphs that are not open yet. Raises PerfLiveError."""
        for system in SUFFIXES:
            self._open(system)

    def create_stepper(self) -> Stepper:
        """Return a decoder for one performance, which goes on from note to note."""
        return self.decoder.create_stepper()

    def read_score(self, tokens: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read a score's ``tokens`` (N, 16) and ``features`` (N, F) of models.performance.features.

        Return, all float32, the decoder's context (N, width), the expected style (N, style_width), and the expected tempo (N,) from each
        note's onset to the next, in octaves above the notated one and the performance's mean.
        """
        parts = [self.read_score_window(tokens, features, window) for window in windows_of(len(tokens), self.window)]
        context, style, tempo = (np.concatenate(part) for part in zip(*parts, strict=True))
        return context, style, tempo

    def read_score_window(self, tokens: np.ndarray, features: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the same for the notes of a piece that count in one of its windows."""
        inputs = {"tokens": tokens[window.read]}
        if self._columns is not None:
            inputs["features"] = features[window.read, self._columns]
        found = self._score.run(inputs, {})[0]
        return window.keep(found["context"]), window.keep(found["expected_style"]), window.keep(found["expected_tempo"][:, 0])

    def read_style(self, tokens: np.ndarray, segments: np.ndarray) -> np.ndarray:
        """Return the style (N, style_width) float32 of a performance: ``tokens`` (N, 16) of its performed notes, ``segments`` (N, 3)."""

        def read(rows: slice) -> dict[str, np.ndarray]:
            within = [np.unique(column, return_inverse=True)[1] for column in segments[rows].T]
            return self._style.run({"tokens": tokens[rows], "segments": np.stack(within, axis=1)}, {})[0]

        return _read_in_windows(len(tokens), self.window, read)["style"]

    @cached_property
    def decoder(self) -> Model:
        return self._open(DECODER_SYSTEM)

    @cached_property
    def _score(self) -> Model:
        return self._open(SCORE_SYSTEM)

    @cached_property
    def _columns(self) -> np.ndarray | None:
        """Where the features that the network reads are among FEATURES; None where it reads tokens alone."""
        return columns_read(self._score) if self._score.contract.constants["features"] else None

    @cached_property
    def _style(self) -> Model:
        return self._open(STYLE_SYSTEM)

    def _open(self, system: str) -> Model:
        with self._opening:  # several threads may need it first
            if system not in self._opened:
                self._opened[system] = Model(self._files[system], system, REPRESENTATION_VERSION)
            return self._opened[system]


def windows_of(notes: int, size: int) -> Iterator[Window]:
    """Return the windows of a piece, of ``size`` notes, in order."""
    begin, kept, hop, margin = 0, 0, size // 2, size // 4
    while kept < notes:
        stop = min(begin + size, notes)
        kept_stop = notes if stop == notes else begin + margin + hop
        yield Window(slice(begin, stop), slice(kept, kept_stop))
        begin, kept = begin + hop, kept_stop


def _read_in_windows(notes: int, size: int, read: Callable[[slice], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    parts = [{name: window.keep(array) for name, array in read(window.read).items()} for window in windows_of(notes, size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
