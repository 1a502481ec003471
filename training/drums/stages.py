"""The stages of the drummer: trees for whole grooves, and trees for live pads."""

from training.drums.task import DrumsConfig, train
from training.stages import Stage

DRUMS = "drums"
STAGES = {DRUMS: Stage(DrumsConfig, train)}
