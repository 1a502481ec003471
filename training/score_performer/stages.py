"""The stages of ScorePerformer: DExter's means and their average, which it reads scores with, its own network, and the style space."""

from training.dexter.average import AverageConfig, average
from training.dexter.stages import MEAN
from training.dexter.task import DexterTrainingConfig
from training.dexter.task import train as train_mean
from training.score_performer import task
from training.score_performer.fits import StyleSpaceConfig, fit_style_space
from training.stages import Reads, Stage

READER, NETWORK, STYLE_SPACE = "score-performer-reader", "score-performer", "score-performer-style-space"
STAGES = {
    MEAN: Stage(DexterTrainingConfig, train_mean, is_network=True),
    READER: Stage(AverageConfig, average, {"means": Reads((MEAN,), several=True)}),
    NETWORK: Stage(task.ScorePerformerTrainingConfig, task.train, {"reader": Reads((READER,), optional=True)}, is_network=True),
    STYLE_SPACE: Stage(StyleSpaceConfig, fit_style_space, {"network": Reads((NETWORK,))}),
}
