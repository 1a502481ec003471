"""The drummer: strokes on live pads leave at once with a drummer's velocities; those of a file get timing too.

Source: gradient-boosted trees that have heard the Groove MIDI data set (Gillick et al. 2019), see training/drums/task.py.
"""

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

from engine.base.errors import UsageError
from engine.midi.file import MidiTimeline
from engine.midi.routing import DEFAULT_ROUTING, Routing
from engine.onnx.model import Model
from engine.performers.controls import Control
from engine.performers.drums.controls import CONTROLS
from engine.performers.drums.files import Play, perform_piece, perform_timeline
from engine.performers.drums.groove import perform_strokes
from engine.performers.drums.networks import open_groove, open_live
from engine.performers.drums.stream import DrumsStream
from engine.performers.notes.performer import NotesPerformer
from engine.performers.notes.stateless import StatelessStream
from engine.performers.protocol import InFile
from engine.score.piece import Piece
from engine.systems.manifest import Request

ALL_CHANNELS = range(16)


def load_performer(model: Path | None, lookahead_s: float | None) -> "DrumsPerformer":
    """Return the drummer, with the files in the folder ``model`` in place of those that ship. Raises UsageError for a look-ahead."""
    if lookahead_s:
        raise UsageError("--lookahead: the performer 'drums' answers at once, and knows a file to its end; leave it out")
    if model is not None and not model.is_dir():
        raise UsageError(f"--model {str(model)!r}: the performer 'drums' has two files; give the folder that perf-export wrote")
    return DrumsPerformer(open_groove(model), open_live(model))


def known_controls(model: Path | None, lookahead_s: float | None) -> tuple[Control, ...]:
    """Return the controls, which are the same for each model."""
    return CONTROLS


class DrumsPerformer(NotesPerformer):
    """All notes that it is given are strokes on a kit."""

    name = "drums"
    controls = CONTROLS
    latency_ns = 0

    def __init__(self, groove: Model, live: Model, routing: Routing = DEFAULT_ROUTING):
        self._groove, self._live, self._routing = groove, live, routing
        live.warm_up()

    def routed(self, routing: Routing) -> "DrumsPerformer":
        """Return it as it plays with this routing, which says what is left alone and which kit there is."""
        return DrumsPerformer(self._groove, self._live, routing)

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> DrumsStream:
        return DrumsStream(self._live, dict(self._routing.kit), seed, controls)

    def perform_file(self, timeline: MidiTimeline, request: Request, controls: Mapping[str, float], seed: int, live: bool) -> InFile:
        """Perform a MIDI file to its end; nothing is left to be performed as it comes."""
        performed = self.perform_timeline(timeline, self._routing, controls, seed, ALL_CHANNELS)
        return InFile(performed, StatelessStream(), self._routing)

    def perform_timeline(
        self, timeline: MidiTimeline, routing: Routing, controls: Mapping[str, float], seed: int, channels: Collection[int]
    ) -> MidiTimeline:
        """Return a MIDI file with the strokes performed that are on ``channels``."""
        return perform_timeline(timeline, routing, channels, self._play(controls, seed))

    def perform_piece(self, piece: Piece, routing: Routing, controls: Mapping[str, float], seed: int) -> Piece:
        """Return a score with its drums performed."""
        return perform_piece(piece, routing, self._play(controls, seed))

    def _play(self, controls: Mapping[str, float], seed: int) -> Play:
        return partial(perform_strokes, self._groove, controls=controls, seed=seed)
