"""The stages of the drummer: trees for whole grooves and for live pads, networks that draw strokes around them, and trees for what
drummers add.
"""

from training.drums import added, drawing
from training.drums.task import DrumsConfig, train
from training.stages import Stage

DRUMS, DRAWING, ADDED = "drums", "drums-drawing", "drums-added"
STAGES = {
    DRUMS: Stage(DrumsConfig, train),
    DRAWING: Stage(drawing.DrawingConfig, drawing.train),
    ADDED: Stage(added.AddedConfig, added.train),
}
