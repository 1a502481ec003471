"""The stages of the drummer: trees for whole grooves, trees for live pads, and trees for what drummers add."""

from training.drums import added
from training.drums.task import DrumsConfig, train
from training.stages import Stage

DRUMS, ADDED = "drums", "drums-added"
STAGES = {DRUMS: Stage(DrumsConfig, train), ADDED: Stage(added.AddedConfig, added.train)}
