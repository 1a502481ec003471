"""The stages of the velocity transformers: networks, the noise that a player strays from them by, when the pedal moves, and the article's
network.
"""

from training.stages import Reads, Stage
from training.velocity import article, task
from training.velocity.data import VelocityTrainingConfig
from training.velocity.fits import NoiseConfig, PedalConfig, fit_pedal, fit_velocity_noise

NETWORK, NOISE, PEDAL, ARTICLE = "velocity", "velocity-noise", "velocity-pedal", "velocity-article"
STAGES = {
    NETWORK: Stage(VelocityTrainingConfig, task.train, {"start": Reads((NETWORK,), optional=True)}, is_network=True),
    NOISE: Stage(NoiseConfig, fit_velocity_noise, {"network": Reads((NETWORK,))}),
    PEDAL: Stage(PedalConfig, fit_pedal, {"network": Reads((NETWORK,))}),
    ARTICLE: Stage(article.ArticleVelocityConfig, article.train, is_network=True),
}
