"""The drummer's graphs: trees for whole grooves, for live pads, and for what is added. Source: training/drums/."""

from pathlib import Path
from typing import NamedTuple

from engine.onnx.model import Model
from engine.performers.score_playing.feature_check import check_features
from models.drums import groove, live_kit
from models.drums.representation import REPRESENTATION_VERSION
from models.pretrained import pretrained

GROOVE_SYSTEM, LIVE_SYSTEM, ADDED_SYSTEM = "drums-groove", "drums-live", "drums-added"
GROOVE_FILE, LIVE_FILE, ADDED_FILE = "drums_groove.onnx", "drums_live.onnx", "drums_added.onnx"


class Networks(NamedTuple):
    """All that the drummer knows."""

    groove: Model
    live: Model
    added: Model


def open_networks(folder: Path | None) -> Networks:
    """Return the trees in ``folder``, or those that ship. Raises PerfLiveError when they are others."""
    return Networks(open_groove(folder), open_live(folder), open_added(folder))


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
