"""DExter: a score performed by diffusion over windows of notes. Sources: models/dexter.

Offline and live a performance is a ``ScoreStream`` whose windows a worker computes ahead. Offline it waits for them, live it does not.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from engine.base.arguments import request_of
from engine.base.errors import PerfLiveError, UsageError
from engine.base.worker import Worker
from engine.onnx.model import Model
from engine.performers.controls import Control
from engine.performers.dexter.controls import CONTROLS, sampling_settings
from engine.performers.dexter.expression_profile import ProfileGraph
from engine.performers.dexter.interpretation import DexterInterpretation
from engine.performers.dexter.lookahead import DexterLookaheadPerformer, Readers
from engine.performers.dexter.networks import OnnxNetworks
from engine.performers.dexter.pedalling import PedallingGraph
from engine.performers.dexter.transferred_tempo import TransferredTempo
from engine.performers.dexter.trees import Trees
from engine.performers.dexter.window_worker import Route, WindowWorker
from engine.performers.score_playing.columns import playback_columns, written_columns
from engine.performers.score_playing.expression import ColumnExpression
from engine.performers.score_playing.instruments.expression_controller import EXPRESSION
from engine.performers.score_playing.scores_only import WrittenTempo, require_score
from engine.performers.score_playing.shaping.directions import KNOWN, Said, parse_words
from engine.performers.score_playing.shaping.shaping import Shaping
from engine.performers.score_playing.shaping.tempo import TempoRule
from engine.performers.score_playing.stream import ScoreStream
from engine.score.alignment import read_reference
from engine.score.descriptors import read_score_descriptors
from engine.score.piece import Piece
from engine.systems.dexter import SYSTEM, DexterRequest
from engine.systems.manifest import Kind
from models.dexter.passages import passage_of
from models.dexter.representation import Scales
from models.dexter.residuals import Draws, Residuals, load_residuals
from models.dexter.windows import WindowSampler
from models.performance.features import denormalise, normalise
from models.performance.representation import BEAT_PERIOD, REPRESENTATION_VERSION, Performed, encode_performance
from models.performance.score_representation import SCORE_COLUMNS
from models.pretrained import pretrained

FILES = SYSTEM.files
RESIDUALS_FILE = "dexter_residuals.safetensors"
PEDALLING_FILE, PEDALLING_SYSTEM = "dexter_pedalling.onnx", "dexter-pedalling"


@overload
def load_performer(model: Path | None, lookahead_s: None) -> "DexterPerformer": ...
@overload
def load_performer(model: Path | None, lookahead_s: float | None) -> "DexterPerformer | DexterLookaheadPerformer": ...
def load_performer(model: Path | None, lookahead_s: float | None) -> "DexterPerformer | DexterLookaheadPerformer":
    """Return the performer, of scores or, with look-ahead, of live notes; ``model`` is a folder with all graphs, in place of those that
    ship. Raises PerfLiveError, UsageError.
    """
    if model is not None and not model.is_dir():
        raise UsageError(f"--model {str(model)!r}: the performer 'dexter' has {len(FILES)} files; give the folder of {', '.join(FILES)}")
    paths = {model / name if model else pretrained(name): system for name, system in FILES.items()}
    graphs = (Model(path, system, REPRESENTATION_VERSION) for path, system in paths.items())
    beside = {name: model / name if model else pretrained(name) for name in (RESIDUALS_FILE, PEDALLING_FILE)}
    pedalling = beside[PEDALLING_FILE]
    performer = DexterPerformer(
        *graphs,
        residuals=_open_residuals(beside[RESIDUALS_FILE]),
        pedalling=Model(pedalling, PEDALLING_SYSTEM, REPRESENTATION_VERSION) if pedalling.exists() else None,
    )
    return performer.looking_ahead(lookahead_s) if lookahead_s else performer


def _open_residuals(path: Path) -> Residuals | None:
    """Return what draws performances, None where a model has none and its denoiser samples. Raises PerfLiveError."""
    if not path.exists():
        return None
    try:
        return load_residuals(path)
    except (OSError, ValueError) as error:
        raise PerfLiveError(f"cannot read {str(path)!r} as residuals ({error}); export the model again") from error


def known_controls(model: Path | None, lookahead_s: float | None) -> tuple[Control, ...]:
    """Return the controls, which are the same for each model."""
    return DexterLookaheadPerformer.controls if lookahead_s else CONTROLS


class DexterPerformer:
    """Performs scores: see ``perform``."""

    name = "dexter"
    plays = Kind.SCORES
    controls = CONTROLS
    latency_ns = 0

    def __init__(
        self,
        mean: Model,
        denoise: Model,
        trees: Model | None = None,
        profile: Model | None = None,
        *,
        residuals: Residuals | None = None,
        pedalling: Model | None = None,
    ):
        """Without ``trees`` the networks read alone; without ``profile`` every piece gets the same gains; without ``residuals`` the
        denoiser samples; without ``pedalling`` the pedal is that of the mean.
        """
        constants = mean.contract.constants | denoise.contract.constants
        self._networks, self._trees = OnnxNetworks(mean, denoise), Trees(trees) if trees else None
        self._profile, self._residuals = ProfileGraph(profile) if profile else None, residuals
        self._pedalling = PedallingGraph(pedalling) if pedalling else None
        self._window = min(model.contract.constants["window_notes"] for model in (mean, denoise))
        self.scales = Scales.from_constants(constants)
        self._thousand_steps = False

    def looking_ahead(self, lookahead_s: float) -> DexterLookaheadPerformer:
        """Return the performer of live notes."""
        return DexterLookaheadPerformer(
            self._networks, Readers(self._trees, self._profile, self._residuals), self.scales, self._window, lookahead_s
        )

    def sampling_as_published(self) -> "DexterPerformer":
        """Return a performer that samples in the paper's thousand steps, to compare with; a window takes minutes."""
        published = copy.copy(self)
        published._thousand_steps = True
        return published

    def sampler(
        self,
        notes: np.ndarray,
        columns: np.ndarray,
        seed: int,
        reference: Performed | None = None,
        descriptors: np.ndarray | None = None,
        scales: Scales | None = None,
        draws: Draws | None = None,
    ) -> WindowSampler:
        """Return what samples the windows of a score of these notes and ``score_columns``.

        ``scales`` replaces the graphs' own, ``draws`` the residuals.
        """
        passage = passage_of(notes, columns, self._trees, self._profile, reference, descriptors, self._pedalling)
        return WindowSampler(
            self._networks, scales or self.scales, self._window, passage, seed, self._thousand_steps, draws or self._residuals
        )

    def check(self, request: DexterRequest) -> None:
        """Raise UsageError for directions that mean nothing; each model knows all else that can be asked."""
        _said(request)

    def perform(self, material: Piece | None, request: DexterRequest, controls: Mapping[str, float], seed: int, live: bool) -> ScoreStream:
        """Return a performance that is yet to be started. Raises UsageError without a score, PerfLiveError for a file that is refused."""
        piece, request = require_score(material, self.name), request_of(request, DexterRequest)
        if not len(piece.score.notes):
            return ScoreStream(piece, WrittenTempo(piece.score, self.controls), controls)
        reference = read_reference(request.transfer, piece.score) if request.transfer else None
        descriptors = read_score_descriptors(request.descriptors, piece.score) if request.descriptors else None
        controller = request.expression_controller.number
        return self.perform_score(piece, seed, controls, live, reference, descriptors, controller, _said(request))

    def perform_score(
        self,
        piece: Piece,
        seed: int,
        controls: Mapping[str, float],
        ahead: bool,
        reference: Performed | None = None,
        descriptors: np.ndarray | None = None,
        expression_controller: int | None = EXPRESSION,
        said: Sequence[Said] = (),
    ) -> ScoreStream:
        """Return a performance of ``piece``, yet to be started; with ``ahead`` it goes on in time whether its windows are ready or not.

        Both by note of ``piece.score``: ``reference`` is a performance to begin from, ``descriptors`` (N, 7) say how it is to sound.
        ``expression_controller``: see ``ScoreStream``. ``said`` are directions, which rules follow.
        """
        columns = playback_columns(piece.score)
        sampler = self.sampler(piece.score.notes, columns, seed, reference=reference, descriptors=descriptors)
        trees = Worker("trees")  # which read the score while the networks do
        of_piece, of_expected = trees.submit(sampler.piece_ahead), trees.submit(sampler.second_ahead)
        average = denormalise(np.tile(sampler.average, (len(columns), 1)), columns)[:, BEAT_PERIOD]
        written = written_columns(dict(zip(SCORE_COLUMNS, columns.T, strict=True)), average)
        worker = WindowWorker(sampler, normalise(written, columns), waits=not ahead)
        of_piece.result()
        if not ahead:  # on stage the first note must not wait for more windows than its own
            worker.begin(Route(0, len(columns)), sampling_settings(ColumnExpression(controls, CONTROLS).controls))
        sampler.mean_ahead()
        of_expected.result()
        trees.close()
        expected = denormalise(sampler.expected(), columns)
        plain, tempo = TempoRule(piece, expected[:, BEAT_PERIOD]), None
        if reference is not None:
            played = encode_performance(piece.score.notes, reference)[0][:, BEAT_PERIOD]
            tempo = TransferredTempo(TempoRule(piece, played, follows_reference=True), plain)
        shaping = Shaping(piece, written, seed)
        interpretation = DexterInterpretation(piece, columns, written, expected, tempo or plain, shaping, worker, said)
        return ScoreStream(piece, interpretation, controls, expression_controller)


def _said(request: DexterRequest) -> list[Said]:
    return [parse_words(text, KNOWN) for text in request.direct]
