"""The velocity transformer's controls."""

from engine.performers.controls import KEEP, Control

CENTRE = 64.0  # what `range` spreads around: mezzo, the middle of the MIDI scale
HINT_AUTO, HINT_ON = 0, 1
CLASSICAL, POP = 0, 1
CONTROLS: tuple[Control, ...] = (
    Control("level", 0, 1, KEEP, "", "the mean velocity stays that of what is played, or is the model's", ("keep", "model")),
    Control("dynamics", -40, 40, 0, "velocity steps", "louder or softer than that"),
    Control("range", 0, 2, 1, "x", f"spread of the velocities around {CENTRE:.0f}: 0 is flat, 2 is twice the model's"),
    Control("strength", 0, 1, 1, "", "0 leaves the played velocity, 1 takes the model's"),
    Control("hint", 0, 2, HINT_AUTO, "", "whether the model hears how hard a note was played, in three bins", ("auto", "on", "off")),
    Control("temperature", 0, 2, 0.5, "", "0 plays the likeliest dynamics every time, 1 strays as far as a human does"),
)
# Of what ships, which has a network for each; a model of the user's own is of none.
STYLES = ("classical", "pop")
STYLE = Control("style", 0, 1, CLASSICAL, "", "whose touch: a concert pianist's, or one's who plays pop and, looking ahead, pedals", STYLES)
