"""The drummer: strokes on live pads leave at once with a drummer's velocities; those of a file get timing too.

Source: gradient-boosted trees that have heard the Groove MIDI data set (Gillick et al. 2019), see training/drums/task.py.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from engine.base.errors import UsageError
from engine.midi.file import MidiTimeline
from engine.midi.routing import DEFAULT_ROUTING, Routing
from engine.performers.controls import Control
from engine.performers.drums.controls import CONTROLS
from engine.performers.drums.files import perform_piece, perform_timeline
from engine.performers.drums.groove import Groove
from engine.performers.drums.lookahead import DrumsLookaheadStream
from engine.performers.drums.networks import Networks, open_networks
from engine.performers.drums.stream import DrumsStream
from engine.performers.notes.performer import NotesPerformer
from engine.performers.notes.stateless import DelayedStream
from engine.performers.protocol import InFile, PerformerStream
from engine.score.piece import Piece
from engine.systems.manifest import Request

ALL_CHANNELS = range(16)


def load_performer(model: Path | None, lookahead_s: float | None) -> "DrumsPerformer":
    """Return the drummer, with the files in the folder ``model`` in place of those that ship; with a look-ahead, live
    strokes are played off the sender's beat. Raises UsageError for a model that is no folder.
    """
    if model is not None and not model.is_dir():
        raise UsageError(f"--model {str(model)!r}: the performer 'drums' has several files; give the folder that perf-export wrote")
    return DrumsPerformer(open_networks(model), round((lookahead_s or 0) * 1e9))


def known_controls(model: Path | None, lookahead_s: float | None) -> tuple[Control, ...]:
    """Return the controls, which are the same for each model."""
    return CONTROLS


class DrumsPerformer(NotesPerformer):
    """All notes that it is given are strokes on a kit."""

    name = "drums"
    controls = CONTROLS

    def __init__(self, networks: Networks, latency_ns: int = 0, routing: Routing = DEFAULT_ROUTING):
        """``latency_ns``: the delay of every live event, 0 to answer at once."""
        self._networks, self.latency_ns, self._routing = networks, latency_ns, routing
        networks.live.warm_up()

    def routed(self, routing: Routing) -> "DrumsPerformer":
        """Return it as it plays with this routing, which says what is left alone and which kit there is."""
        return DrumsPerformer(self._networks, self.latency_ns, routing)

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> PerformerStream:
        if self.latency_ns:
            return DrumsLookaheadStream(self._networks, dict(self._routing.kit), self.latency_ns, seed, controls)
        return DrumsStream(self._networks, dict(self._routing.kit), seed, controls)

    def perform_file(self, timeline: MidiTimeline, request: Request, controls: Mapping[str, float], seed: int, live: bool) -> InFile:
        """Perform a MIDI file to its end; nothing is left to be performed as it comes."""
        performed = self.perform_timeline(timeline, self._routing, controls, seed, ALL_CHANNELS)
        return InFile(performed, DelayedStream(self.latency_ns), self._routing)

    def perform_timeline(
        self, timeline: MidiTimeline, routing: Routing, controls: Mapping[str, float], seed: int, channels: Collection[int]
    ) -> MidiTimeline:
        """Return a MIDI file with the strokes performed that are on ``channels``."""
        return perform_timeline(timeline, routing, channels, Groove(self._networks, controls, seed))

    def perform_piece(self, piece: Piece, routing: Routing, controls: Mapping[str, float], seed: int) -> Piece:
        """Return a score with its drums performed."""
        return perform_piece(piece, routing, Groove(self._networks, controls, seed))
