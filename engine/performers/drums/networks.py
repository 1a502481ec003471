"""The drummer's graphs: trees for whole grooves, and trees for live pads. Source: training/drums/task.py."""

from pathlib import Path

from engine.onnx.model import Model
from engine.performers.score_playing.feature_check import check_features
from models.drums import groove, live_kit
from models.drums.representation import REPRESENTATION_VERSION
from models.pretrained import pretrained

GROOVE_SYSTEM, LIVE_SYSTEM = "drums-groove", "drums-live"
GROOVE_FILE, LIVE_FILE = "drums_groove.onnx", "drums_live.onnx"


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
