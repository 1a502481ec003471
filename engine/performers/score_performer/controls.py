"""ScorePerformer's controls; those for how much of the expression is heard are DExter's."""

from engine.performers.controls import Control
from engine.performers.dexter.controls import CONTROLS as DEXTER_CONTROLS

_HEARD = ("tempo", "dynamics", "expression")

CONTROLS: tuple[Control, ...] = (
    *(control for control in DEXTER_CONTROLS if control.name.startswith(_HEARD)),
    Control("temperature", 0, 2, 0, "", "0 plays what performers have in common, more by chance: 1 as they differ"),
    Control("top_p", 0.05, 1, 0.95, "", "the share of the likeliest values that chance chooses from"),
)
DECIDING = frozenset(("temperature", "top_p"))  # a change of these decides anew what is not heard yet
