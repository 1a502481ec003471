"""The PerformanceNet of a solo instrument: what was measured of its notes. Nothing is trained."""

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict

from engine.base.files import whole_file
from models.performance_net.solo_network import SoloPerformanceNet
from training.performance_net.keys import KEYS_FILE
from training.performance_net.solo_keys import build_solo_keys, set_solo_keys
from training.runs.checkpoints import LAST
from training.stages import Outcome, Work


class SoloConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["performance-net-solo"]
    instrument: Literal["violin", "cello", "flute"]


def measure(config: SoloConfig, work: Work) -> Outcome:
    """Listen to the instrument's notes, and write the network that they make as a checkpoint. Raises PerfLiveError without FluidSynth."""
    network = SoloPerformanceNet(config.instrument)
    set_solo_keys(network.key_sounds, build_solo_keys(work.folder, config.instrument))
    with whole_file(work.folder / LAST) as path:
        torch.save({"hyper_parameters": {"config": config.model_dump()}, "state_dict": network.state_dict()}, path)
    return Outcome(f"{len(network.key_sounds.loop)} notes of a {config.instrument}", (LAST, KEYS_FILE))
