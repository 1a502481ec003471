"""The stage of Performance RNN: its network."""

from training.performance_rnn import task
from training.performance_rnn.data import PerformanceRNNTrainingConfig
from training.stages import Stage

NETWORK = "performance-rnn"
STAGES = {NETWORK: Stage(PerformanceRNNTrainingConfig, task.train, is_network=True)}
