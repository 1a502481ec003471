"""The PerformanceNet of a solo instrument: what was measured of its notes. Nothing is trained, and so a run is only a checkpoint."""

from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict

from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from models.performance_net.solo_network import SoloPerformanceNet
from training.performance_net.keys import KEYS_FILE
from training.performance_net.solo_keys import set_solo_keys

CHECKPOINT = "last.ckpt"


class SoloConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["performance-net-solo"]
    instrument: Literal["violin", "cello", "flute"]


CONFIG = SoloConfig


def train(config: SoloConfig, data_root: Path, run_folder: Path, resume: bool) -> None:
    """Write the checkpoint of the notes in ``data_root``, as perf-eval sound-data measures them; there is nothing to take up again.

    Raises PerfLiveError when the notes were not listened to.
    """
    network = SoloPerformanceNet(config.instrument)
    set_solo_keys(network.key_sounds, data_root / KEYS_FILE)
    try:
        run_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PerfLiveError(f"cannot write in {str(run_folder)!r}: {error.strerror or error}; choose another folder") from error
    with whole_file(run_folder / CHECKPOINT) as path:
        torch.save({"hyper_parameters": {"config": config.model_dump()}, "state_dict": network.state_dict()}, path)
