"""The stages of PerformanceNet: sound to learn from, the piano's network, and the solo instruments."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from training.datasets.asap import SPLITS
from training.performance_net import solo, task
from training.performance_net.data import PerformanceNetTrainingConfig
from training.performance_net.keys import KEYS_FILE, build_keys
from training.performance_net.rendered_audio import RenderingSettings, build_rendered
from training.stages import Outcome, Reads, Stage, Work

SOUND, NETWORK, SOLO = "performance-net-sound", "performance-net", "performance-net-solo"


class SoundConfig(BaseModel):
    """Takes of ``seconds``, so many of each of the first train ``pieces`` (None: of all), one of each validation piece; and ``studies``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["performance-net-sound"]
    seconds: float = Field(default=40.0, ge=1)
    takes_a_piece: int = Field(default=4, gt=0)
    pieces: int | None = Field(default=None, gt=0)
    studies: int = Field(default=40, ge=0)
    seed: int = 0


def render_sound(config: SoundConfig, work: Work) -> Outcome:
    """Render performances of the (n)ASAP folder ``work.data`` with FluidSynth, and listen to every key. What is there already is kept."""
    wanted = {
        "train": RenderingSettings("train", config.seconds, config.takes_a_piece, config.pieces, config.studies, config.seed),
        "validation": RenderingSettings("validation", config.seconds, seed=config.seed),
    }
    takes = [build_rendered(work.data, work.folder / split, wanted[split]) for split in SPLITS]
    build_keys(work.folder)
    return Outcome(f"{sum(takes)} takes of {config.seconds:g} s", (*SPLITS, KEYS_FILE))


STAGES = {
    SOUND: Stage(SoundConfig, render_sound),
    NETWORK: Stage(PerformanceNetTrainingConfig, task.train, {"sound": Reads((SOUND,), optional=True)}, is_network=True),
    SOLO: Stage(solo.SoloConfig, solo.measure),
}
