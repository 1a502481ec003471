"""ScorePerformer's controls."""

from engine.performers.controls import Control
from engine.performers.score_playing.controls import HEARD_CONTROLS

CONTROLS: tuple[Control, ...] = (
    *HEARD_CONTROLS,
    Control("temperature", 0, 2, 0, "", "0 plays what performers have in common, more by chance: 1 as they differ"),
    Control("top_p", 0.05, 1, 0.95, "", "the share of the likeliest values that chance chooses from"),
)
DECIDING = frozenset(("temperature", "top_p"))  # a change of these decides anew what is not heard yet
