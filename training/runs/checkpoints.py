"""The checkpoints of a run: when they are kept, what is in them, and reading them."""

import pickle  # noqa: S403 (the error alone; checkpoints are read with weights_only)
import sys
import time
from pathlib import Path
from typing import Any, TypeVar

import lightning
import torch
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from pydantic import BaseModel

from engine.base.errors import PerfLiveError
from engine.base.files import whole_file

Task = TypeVar("Task", bound=lightning.LightningModule)
BEST, LAST = "best.ckpt", "last.ckpt"
KEEP_EVERY_S = 600.0  # of training, so much is lost at most when a run is killed


class KeepLast(Checkpoint):
    """Keeps ``last.ckpt`` after each validation, the best or not, every ``every_s``, since a run may be killed, and at the end.

    What is kept is always the state between two steps, and never one of which a validation is still owed: ``validate_every_steps`` says
    after which steps that comes.
    """

    def __init__(self, path: Path, validate_every_steps: int, every_s: float = KEEP_EVERY_S):
        self.path, self.validate_every_steps, self.every_s, self.kept_at = path, validate_every_steps, every_s, time.monotonic()
        self.step = 0

    def on_train_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.step = trainer.global_step

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        has_stepped, self.step = trainer.global_step != self.step, trainer.global_step
        if not has_stepped or self.step % self.validate_every_steps == 0:
            return
        is_due = trainer.strategy.broadcast(time.monotonic() - self.kept_at >= self.every_s) if self.every_s else True
        if is_due or self.step == trainer.max_steps:
            self.keep(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        self.keep(trainer)

    def keep(self, trainer: lightning.Trainer) -> None:
        for logger in trainer.loggers:
            logger.save()  # a kill loses none of the curve's points before the step that is kept
        trainer.save_checkpoint(self.path)
        self.kept_at = time.monotonic()


class KeepBest(ModelCheckpoint):
    """Keeps ``best.ckpt``. What it remembers of itself names no folder, so that a run may be moved, and goes on elsewhere as it was."""

    def __init__(self, folder: Path, figure: str, mode: str):
        super().__init__(folder, filename=Path(BEST).stem, monitor=figure, mode=mode, enable_version_counter=False)

    def state_dict(self) -> dict[str, Any]:
        return {"best_model_score": self.best_model_score, "current_score": self.current_score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_model_score, self.current_score = state_dict["best_model_score"], state_dict["current_score"]
        if self.best_model_score is not None:
            self.best_model_path = str(Path(str(self.dirpath)) / BEST)
            self.kth_best_model_path, self.kth_value = self.best_model_path, self.best_model_score
            self.best_k_models = {self.best_model_path: self.best_model_score}


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint to the disk before it replaces the one before: the machine may stop at any time.

    The same state gives the same bytes, whatever the file is called and however often the run was taken up.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        _save(checkpoint, path)


def _save(content: dict[str, Any], path: Path) -> None:
    with whole_file(path) as partial, partial.open("wb") as file:  # a path's name would be written into the file
        torch.save(_plain(content), file)


def _plain(value: Any) -> Any:
    """Return the value with new containers and one object for each text: a pickle says which of its parts are one object."""
    if isinstance(value, str):
        return sys.intern(value)
    if type(value) in (list, tuple):
        return type(value)(_plain(each) for each in value)
    if isinstance(value, dict):
        return {_plain(key): _plain(each) for key, each in value.items()}
    return value


def steps_of(checkpoint: Path) -> int:
    """Return after how many steps a checkpoint was kept. Raises PerfLiveError for another file."""
    stored = load_checkpoint(checkpoint)
    if "global_step" not in stored:
        raise PerfLiveError(f"{checkpoint}: it was put together, not trained, so that a run cannot go on from it; name a last.ckpt")
    return int(stored["global_step"])


def checkpoint_to_go_on_from(run_folder: Path, initial: Path | None = None) -> Path | None:
    """Return the checkpoint at which a run is taken up: its own last one, else ``initial``, that of another run. None for a new run."""
    last = run_folder / LAST
    return last if last.exists() else initial


def steps_done(run_folder: Path, initial: Path | None = None) -> int:
    """Return after how many steps a run is taken up; 0 for a new one. Raises PerfLiveError when the checkpoint is another file."""
    checkpoint = checkpoint_to_go_on_from(run_folder, initial)
    return steps_of(checkpoint) if checkpoint else 0


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return the configuration and the weights in a checkpoint. Raises PerfLiveError for another file."""
    stored = load_checkpoint(path)
    return stored["config"], stored["state_dict"]


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return what is in a checkpoint, with its configuration as ``config``. Raises PerfLiveError where that or the weights are missing."""
    try:
        stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return stored | {"config": stored["hyper_parameters"]["config"], "state_dict": stored["state_dict"]}
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise PerfLiveError(f"{path}: not a checkpoint of perf-train ({reason}); run the stage again") from error


def read_task(checkpoint: Path, kind: type[Task], config: type[BaseModel]) -> Task:
    """Return the task of a checkpoint that ``fit`` wrote, ready to predict. Raises PerfLiveError for another file."""
    configuration, weights = read_checkpoint(checkpoint)
    try:
        task = kind(config.model_validate(configuration))
        task.load_state_dict(weights)
    except (ValueError, RuntimeError) as error:
        raise PerfLiveError(f"{checkpoint}: not a checkpoint of this task ({str(error).splitlines()[0]}); run the stage again") from error
    return task.eval()


def save_task(task: lightning.LightningModule, path: Path) -> None:
    """Write a checkpoint that ``read_task`` reads, of a task that was put together rather than trained. Raises PerfLiveError."""
    _save({"hyper_parameters": dict(task.hparams), "state_dict": task.state_dict()}, path)
