"""What the drummer knows: trees for whole grooves, for live pads, and for what is added, and networks that draw strokes around what
the trees say. Source: training/drums/.
"""

from pathlib import Path
from typing import NamedTuple

from engine.base.errors import PerfLiveError
from engine.onnx.model import Model
from engine.performers.score_playing.feature_check import check_features
from models.drums import groove, live_kit
from models.drums.drawing import Drawing, Kind, load_drawing
from models.drums.representation import REPRESENTATION_VERSION
from models.pretrained import pretrained

GROOVE_SYSTEM, LIVE_SYSTEM, ADDED_SYSTEM = "drums-groove", "drums-live", "drums-added"
GROOVE_FILE, LIVE_FILE, ADDED_FILE = "drums_groove.onnx", "drums_live.onnx", "drums_added.onnx"

DRAWING_FILES: dict[Kind, str] = {"groove": "drums_groove_drawing.safetensors", "live": "drums_live_drawing.safetensors"}


class Networks(NamedTuple):
    """All that the drummer knows."""

    groove: Model
    live: Model
    added: Model
    groove_drawing: Drawing
    live_drawing: Drawing


def open_networks(folder: Path | None) -> Networks:
    """Return what is in ``folder``, or what ships. Raises PerfLiveError when it is something else."""
    drawing = open_drawing("groove", folder), open_drawing("live", folder)
    return Networks(open_groove(folder), open_live(folder), open_added(folder), *drawing)


def open_groove(folder: Path | None) -> Model:
    """Return the trees for whole grooves, those in ``folder`` or those that ship. Raises PerfLiveError when they are others."""
    model = Model(pretrained(GROOVE_FILE, folder), GROOVE_SYSTEM, REPRESENTATION_VERSION)
    check_features(model, groove.FEATURES)
    return model


def open_live(folder: Path | None) -> Model:
    """Return the trees for live pads, likewise."""
    model = Model(pretrained(LIVE_FILE, folder), LIVE_SYSTEM, REPRESENTATION_VERSION)
    check_features(model, live_kit.FEATURES)
    return model


def open_added(folder: Path | None) -> Model:
    """Return the trees for what is added, likewise."""
    model = Model(pretrained(ADDED_FILE, folder), ADDED_SYSTEM, REPRESENTATION_VERSION)
    check_features(model, groove.FEATURES)
    return model


def open_drawing(kind: Kind, folder: Path | None) -> Drawing:
    """Return the networks that draw strokes, likewise."""
    path = pretrained(DRAWING_FILES[kind], folder)
    try:
        return load_drawing(kind, path)
    except (OSError, ValueError) as error:
        raise PerfLiveError(f"cannot read {str(path)!r} as the drummer's networks ({error}); export the model again") from error
