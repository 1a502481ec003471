"""The stages of DExter: mean predictors and their average, the denoiser, trees, pedalling, the expression profile, residuals drawn note by
note, and the calibration of all of these.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from training.dexter import denoiser, task
from training.dexter.average import AverageConfig, average
from training.dexter.calibration import CALIBRATION_FILE, calibrate, write_calibration
from training.dexter.expression_profile import ProfileConfig, fit_profile, read_profile
from training.dexter.networks import load_trained
from training.dexter.pedalling import PedallingConfig, fit_pedalling
from training.dexter.residuals import ResidualsConfig, fit_residuals
from training.dexter.trees import TreesConfig, fit_trees, read_trees
from training.performance.pieces import load_performed_pieces
from training.stages import Outcome, Reads, Stage, Work

MEAN, AVERAGE, DENOISER, TREES = "dexter-mean", "dexter-average", "dexter-denoiser", "dexter-trees"
PROFILE, CALIBRATION, RESIDUALS = "dexter-expression-profile", "dexter-calibration", "dexter-residuals"
PEDALLING = "dexter-pedalling"


class CalibrationConfig(BaseModel):
    """``every``: of the train pieces one of so many is rendered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["dexter-calibration"]
    every: int = Field(default=6, gt=0)


def fit_calibration(config: CalibrationConfig, work: Work) -> Outcome:
    """Calibrate what the stages that are read perform of the train split of the (n)ASAP folder ``work.data``."""
    trained = load_trained(
        work.read("mean"), work.read("denoiser"), read_trees(work.read("trees")), read_profile(work.read("expression_profile"))
    )
    pieces = load_performed_pieces(work.data, "train", work.cache)[:: config.every]
    fitted = calibrate(trained, [shown for piece in pieces for shown in piece.presentations])
    write_calibration(fitted, work.folder)
    gains = ", ".join(f"{value:.2f}" for value in fitted.gain[:4])
    return Outcome(f"gains of tempo, velocity, timing and articulation {gains}", (CALIBRATION_FILE,))


_NETWORKS = {"mean": Reads((AVERAGE, MEAN)), "denoiser": Reads((DENOISER,)), "trees": Reads((TREES,))}
STAGES = {
    MEAN: Stage(task.DexterTrainingConfig, task.train, is_network=True),
    AVERAGE: Stage(AverageConfig, average, {"means": Reads((MEAN,), several=True)}),
    DENOISER: Stage(denoiser.DexterDenoiserTrainingConfig, denoiser.train, {"mean": Reads((MEAN,))}, is_network=True),
    TREES: Stage(TreesConfig, fit_trees),
    PEDALLING: Stage(PedallingConfig, fit_pedalling),
    PROFILE: Stage(ProfileConfig, fit_profile, _NETWORKS),
    RESIDUALS: Stage(ResidualsConfig, fit_residuals, _NETWORKS | {"expression_profile": Reads((PROFILE,))}),
    CALIBRATION: Stage(CalibrationConfig, fit_calibration, _NETWORKS | {"expression_profile": Reads((PROFILE,))}),
}
