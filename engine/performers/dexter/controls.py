"""DExter's controls, and what those do that need no network: how much of the expression is heard."""

from collections.abc import Mapping

import numpy as np

from engine.performers.controls import Control
from models.dexter.windows import COLUMNS, MOST_EVALUATIONS, Settings
from models.performance.descriptors import DESCRIPTORS
from models.performance.representation import BEAT_PERIOD, VELOCITY

CONTROLS: tuple[Control, ...] = (
    Control("tempo", 0.25, 4, 1, "x", "faster or slower than the performance; half is half as fast"),
    Control("dynamics", -40, 40, 0, "velocity steps", "louder or softer than the performance"),
    Control("expression", 0, 2, 1, "x", "0 plays as written, 1 as the model, 2 exaggerates"),
    Control("expression_tempo", 0, 2, 1, "x", "the same for the tempo alone, times the overall expression"),
    Control("expression_timing", 0, 2, 1, "x", "the same for the notes of a chord and other deviations from the tempo"),
    Control("expression_velocity", 0, 2, 1, "x", "the same for the velocities"),
    Control("expression_articulation", 0, 2, 1, "x", "the same for the lengths"),
    Control("expression_pedal", 0, 2, 1, "x", "the same for the sustain pedal's depth"),
    Control("temperature", 0, 2, 0.5, "", "0 plays what performers have in common, 1 one of the performances that they may give"),
    Control("depth", 0, 1, 0.5, "", "of --transfer: 0 plays as the reference does, 1 leaves it behind"),
    Control("guidance", 0, 4, 1, "x", "how much is made of the descriptors: 0 nothing, 1 what was learnt, more exaggerates"),
    Control("steps", 2, MOST_EVALUATIONS, 6, "evaluations", "of the network for a window: more are finer, fewer are faster"),
    *(
        Control(name, -3, 3, 0, "deviations", f"{name.replace('_', ' ')} of the performance, 0 average; all 0: as the score suggests")
        for name in DESCRIPTORS
    ),
)
SAMPLING = frozenset(("temperature", "depth", "guidance", "steps", *DESCRIPTORS))  # a change of these asks for new windows
NEUTRAL = 64 / 127  # the written velocity where nothing is
DYNAMIC_VELOCITIES = np.array([64, 16, 33, 49, 64, 80, 96, 112, 126]) / 127  # none, ppp to fff: as notation programs play them


def sampling_settings(controls: Mapping[str, float]) -> Settings:
    descriptors = tuple(controls[name] for name in DESCRIPTORS)
    return Settings(
        evaluations=round(controls["steps"]),
        temperature=controls["temperature"],
        guidance=controls["guidance"],
        descriptors=descriptors if any(descriptors) else None,
        depth=controls["depth"],
    )


def written_columns(score_columns: Mapping[str, np.ndarray], unknown_beat_period: np.ndarray) -> np.ndarray:
    """Return the columns (N, 8) of the score as it is written: its tempo (where there is none ``unknown_beat_period`` (N,)), its
    dynamics, full lengths, no pedal. ``score_columns`` are those of ``models.performance.score_representation`` by name.
    """
    columns = np.zeros((len(unknown_beat_period), COLUMNS))
    columns[:, BEAT_PERIOD] = np.where(score_columns["tempo_known"] > 0, score_columns["beat_period"], unknown_beat_period)
    marked = DYNAMIC_VELOCITIES[score_columns["dynamic"].astype(int)]
    columns[:, VELOCITY] = np.where(score_columns["velocity_known"] > 0, score_columns["velocity"], marked)
    return columns
