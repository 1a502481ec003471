"""DExter's controls."""

from collections.abc import Mapping

from engine.performers.controls import Control
from engine.performers.score_playing.controls import HEARD_CONTROLS
from models.dexter.representation import MOST_EVALUATIONS, Settings
from models.performance.descriptors import DESCRIPTORS

CONTROLS: tuple[Control, ...] = (
    *HEARD_CONTROLS,
    Control("temperature", 0, 2, 0.5, "", "0 plays what performers have in common, 1 one of the performances that they may give"),
    Control("depth", 0, 1, 0.5, "", "of --transfer: 0 plays as the reference does, 1 leaves it behind"),
    Control("guidance", 0, 4, 1, "x", "how much is made of the descriptors: 0 nothing, 1 what was learnt, more exaggerates"),
    Control("steps", 2, MOST_EVALUATIONS, 6, "evaluations", "of the denoiser for a window of --transfer: more are finer, fewer are faster"),
    *(
        Control(name, -3, 3, 0, "deviations", f"{name.replace('_', ' ')} of the performance, 0 average; all 0: as the score suggests")
        for name in DESCRIPTORS
    ),
)
SAMPLING = frozenset(("temperature", "depth", "guidance", "steps", *DESCRIPTORS))  # a change of these asks for new windows


def sampling_settings(controls: Mapping[str, float]) -> Settings:
    descriptors = tuple(controls[name] for name in DESCRIPTORS)
    return Settings(
        evaluations=round(controls["steps"]),
        temperature=controls["temperature"],
        guidance=controls["guidance"],
        descriptors=descriptors if any(descriptors) else None,
        depth=controls["depth"],
    )
