"""What an accompanist can be told, beside the performer's own controls."""

from engine.performers.controls import Control

OFF, ON = 0.0, 1.0

CONTROLS: tuple[Control, ...] = (
    Control("wait", OFF, ON, OFF, "", "on waits at fermatas and before the soloist's entries until they are played", ("off", "on")),
    Control("balance", -40, 40, 0, "velocity steps", "plays the accompaniment louder or softer than the performer would"),
)
