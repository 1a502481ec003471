"""The drummer's controls."""

from engine.performers.controls import KEEP, Control
from models.drums.representation import DRUMMERS, STYLES

CONTROLS: tuple[Control, ...] = (
    Control("style", 0, len(STYLES) - 1, 0, "", "what kind of groove it is", STYLES),
    Control("drummer", 0, len(DRUMMERS) - 1, 0, "", "whose hands; any: nobody's in particular", DRUMMERS),
    Control("level", 0, 1, KEEP, "", "the mean velocity stays that of what is played, or is the drummer's", ("keep", "model")),
    Control("dynamics", -40, 40, 0, "velocity steps", "louder or softer than that"),
    Control("strength", 0, 1, 1, "", "0 leaves the played velocity, 1 takes the drummer's"),
    Control("timing", 0, 2, 1, "x", "how far strokes of a file leave the grid: 0 not at all, 2 twice as far as the drummer"),
    Control("mix", 0, 1, 0.5, "", "how far other instruments of a file go with the drums: 0 not at all, 1 as far as the bass"),
    Control("ghosts", 0, 1, 0, "", "ghost notes added to the snare, of a file or with look-ahead: 0 none, 1 as many as drummers play"),
    Control("flams", 0, 1, 0, "", "grace strokes added, of a file or with look-ahead: 0 none, 1 before a tenth of the strokes"),
    Control("temperature", 0, 2, 0.5, "", "0 plays the likeliest stroke every time, 1 strays as far as a human does"),
)
