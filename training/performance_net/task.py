"""Training of PerformanceNet, the paper's and the one that plays in real time, on rendered sound."""

from pathlib import Path

import lightning
from torch import Tensor

from models.performance_net.network import PerformanceNet, PerformanceNetConfig
from models.performance_net.representation import PITCHES
from models.performance_net.streaming_network import StreamingPerformanceNet
from training.datasets.sound_takes import take_paths
from training.performance_net.data import LEAD_IN_FRAMES, PerformanceNetTrainingConfig, SoundWindows, validation_windows
from training.performance_net.figures import figures, spectrum_loss
from training.performance_net.keys import KEYS_FILE, set_key_spectra
from training.runs import Best, batches_done, fit, optimizer
from training.runs.checkpoints import read_task
from training.stages import Outcome, Work


class PerformanceNetTask(lightning.LightningModule):
    """Of the streaming network the keys' spectra are measured before the training (``training.performance_net.keys``), and stay."""

    def __init__(self, config: PerformanceNetTrainingConfig):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config = config
        self.network: PerformanceNet | StreamingPerformanceNet
        if isinstance(config.network, PerformanceNetConfig):
            self.network = PerformanceNet(config.network)
        else:
            self.network = StreamingPerformanceNet(config.network)
            self.network.key_spectra.requires_grad_(False)

    def predict(self, roll: Tensor) -> Tensor:
        """Return log-power spectra [B, BINS, T]; of the streaming network LOOK_AHEAD frames fewer."""
        if isinstance(self.network, StreamingPerformanceNet):
            return self.network.perform(roll)
        return self.network(roll[:, :PITCHES], roll[:, PITCHES:])

    def _counted(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        predicted = self.predict(batch["roll"])
        return predicted[..., LEAD_IN_FRAMES:], batch["spectrum"][..., LEAD_IN_FRAMES : predicted.shape[-1]]

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        loss = spectrum_loss(*self._counted(batch), self.config.coarse_weight)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
        """The loss and its parts, and beside them those of the keys' spectra alone, which nothing corrects."""
        predicted, target = self._counted(batch)
        self.log("validation_loss", spectrum_loss(predicted, target, self.config.coarse_weight), batch_size=1)
        found = figures(predicted, target)
        if isinstance(self.network, StreamingPerformanceNet):
            alone = self.network.keys_alone(batch["roll"])[..., LEAD_IN_FRAMES:]
            found |= {f"keys_alone_{name}": figure for name, figure in figures(alone, target).items()}
        self.log_dict({f"validation_{name}": value for name, value in found.items()}, batch_size=1)

    def on_validation_epoch_end(self) -> None:
        shown = {name.removeprefix("validation_"): value for name, value in self.trainer.callback_metrics.items() if "valid" in name}
        print(f"step {self.global_step}: " + ", ".join(f"{name} {value:.4f}" for name, value in shown.items()), flush=True)

    def configure_optimizers(self):
        return optimizer(self, self.config)


def load_task(checkpoint: Path) -> PerformanceNetTask:
    """Return the network and its configuration, ready to predict, of a checkpoint that ``train`` wrote."""
    return read_task(checkpoint, PerformanceNetTask, PerformanceNetTrainingConfig)


def train(config: PerformanceNetTrainingConfig, work: Work) -> Outcome:
    """Train on the takes of the stage that is read as ``sound``, or of ``work.data`` as perf-eval sound-data makes it; checkpoints and the
    curve go to ``work.folder``. Raises PerfLiveError when there are no takes, or the keys were not listened to.
    """
    lightning.seed_everything(config.seed, verbose=False)
    sound, first = work.read("sound") if work.reads.get("sound") else work.data, batches_done(config, work.folder)
    task = PerformanceNetTask(config)
    if isinstance(task.network, StreamingPerformanceNet) and not first:
        set_key_spectra(task.network.key_spectra, sound / KEYS_FILE)
    windows = SoundWindows(take_paths(sound / "train"), config, config.seed, first)
    followed = validation_windows(take_paths(sound / "validation"), config)
    return fit(task, windows, followed, work.folder, Best("validation_loss"))
