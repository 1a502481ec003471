"""Training of Performance RNN: performances are read from start to end in lanes, the state carried from window to window."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import lightning
import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from models.performance_rnn.network import PerformanceRNN, PerformanceRNNConfig
from models.performance_rnn.representation import PITCHES, EventCodec, describe_controls
from training.performance_rnn.data import SoundingNotes, encode_performance, load_sounding_notes
from training.performance_rnn.figures import EventBaselines, count_events
from training.runs import Best, RunConfig, fit, optimizer, read_task, steps_done

VALIDATION_EXCERPTS, VALIDATION_EVENTS = 24, 1024


class PerformanceRNNTrainingConfig(RunConfig):
    """A batch is ``lanes`` windows of ``events_per_window``. Time is stretched by one of ``stretch``, pitches move by up to
    ``transpose_semitones``; density and histogram are each known in ``known_share`` of the windows.
    """

    task: Literal["performance-rnn"]
    network: PerformanceRNNConfig
    lanes: int = Field(gt=0)
    events_per_window: int = Field(gt=0)
    stretch: tuple[float, ...]
    transpose_semitones: int = Field(ge=0, le=12)
    known_share: float = Field(ge=0, le=1)


CONFIG = PerformanceRNNTrainingConfig


def inputs_of(codec: EventCodec, events: np.ndarray) -> np.ndarray:
    """Return what precedes each event; a performance is preceded by the longest time shift."""
    return np.concatenate(([codec.first_velocity - 1], events[:-1]))


class LaneSampler(torch.utils.data.IterableDataset):
    """Yields batches for ever. Each lane reads a performance window by window, then the next of a shuffled pass through all.

    ``fresh`` (lanes,) says where a lane's state begins anew. The lanes' first performances are entered anywhere, so that a run that is
    taken up again hears other parts of them.
    """

    def __init__(self, notes: SoundingNotes, config: PerformanceRNNTrainingConfig, seed: tuple[int, ...]):
        self.notes, self.config = notes, config
        self.random = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        order = self._performances()
        lanes = [self._windows(next(order), anywhere=True) for _ in range(self.config.lanes)]
        while True:
            batch = []
            for lane in range(self.config.lanes):
                while (window := next(lanes[lane], None)) is None:
                    lanes[lane] = self._windows(next(order), anywhere=False)
                batch.append(window)
            yield {name: torch.from_numpy(np.stack([window[name] for window in batch])) for name in batch[0]}

    def _performances(self) -> Iterator[int]:
        while True:
            yield from self.random.permutation(len(self.notes))

    def _windows(self, performance: int, anywhere: bool) -> Iterator[dict[str, np.ndarray]]:
        notes = self.notes.performance(performance)
        if not len(notes):
            return
        reach = self.config.transpose_semitones
        semitones = int(np.clip(self.random.integers(-reach, reach + 1), -notes["pitch"].min(), PITCHES - 1 - notes["pitch"].max()))
        codec = self.config.network.codec
        events, density, histogram = encode_performance(codec, notes, self.random.choice(self.config.stretch), semitones)
        inputs, sounding, length = inputs_of(codec, events), codec.sounding(events), self.config.events_per_window
        first = int(self.random.integers(0, max(len(events) - length, 1))) if anywhere else 0
        for begin in range(first, len(events) - length + 1, length):
            window = slice(begin, begin + length)
            knows_density, knows_histogram = self.random.random(2) < self.config.known_share
            told = density[window] if knows_density else None, histogram[window] if knows_histogram else None
            controls = describe_controls(*told, length, sounding[window])
            yield {"event": inputs[window], "target": events[window], "controls": controls, "fresh": np.array(begin == first)}


def validation_excerpts(notes: SoundingNotes, config: PerformanceRNNTrainingConfig) -> tuple[dict[str, Tensor], float]:
    """Return excerpts of performances spread over the split, with nothing known of what is to come, and the music's seconds in all."""
    random, codec = np.random.default_rng(0), config.network.codec
    batch: list[tuple[np.ndarray, ...]] = []
    for index in random.permutation(len(notes)):
        events, _ = codec.encode(codec.quantise(notes.performance(index)))
        if len(events) >= VALIDATION_EVENTS and len(batch) < VALIDATION_EXCERPTS:
            begin = int(random.integers(0, len(events) - VALIDATION_EVENTS + 1))
            window = slice(begin, begin + VALIDATION_EVENTS)
            controls = describe_controls(None, None, VALIDATION_EVENTS, codec.sounding(events)[window])
            batch.append((inputs_of(codec, events)[window], events[window], controls))
    event, target, controls = (np.stack(columns) for columns in zip(*batch, strict=True))
    seconds = float(codec.shift_steps(target).sum() * codec.step_s)
    return {name: torch.from_numpy(array) for name, array in (("event", event), ("target", target), ("controls", controls))}, seconds


def baseline_losses(baselines: EventBaselines, excerpts: dict[str, Tensor]) -> dict[str, float]:
    """Return nats an event of both baselines."""
    event, target = excerpts["event"].numpy(), excerpts["target"].numpy()
    return {"unigram": float(baselines.unigram[target].mean()), "bigram": float(baselines.bigram[event, target].mean())}


class PerformanceRNNTask(lightning.LightningModule):
    """``seconds``: how much music the validation excerpts last; ``baselines``: nats an event to log beside the validation loss."""

    def __init__(self, config: PerformanceRNNTrainingConfig, seconds: float = 1.0, baselines: dict[str, float] | None = None):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config, self.seconds, self.baselines = config, seconds, baselines or {}
        self.network = PerformanceRNN(config.network)
        self.state: tuple[Tensor, Tensor] | None = None

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        hidden, cell = self.state or self.network.initial_state(len(batch["event"]))
        carried = (~batch["fresh"]).to(hidden)[None, :, None]
        logits, hidden, cell = self.network(batch["event"], batch["controls"], hidden * carried, cell * carried)
        self.state = hidden.detach(), cell.detach()
        loss = functional.cross_entropy(logits.flatten(0, 1), batch["target"].flatten())
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, excerpts: dict[str, Tensor], index: int) -> None:
        event, target = excerpts["event"], excerpts["target"]
        logits, _, _ = self.network(event, excerpts["controls"], *self.network.initial_state(len(event)))
        losses = {"validation": functional.cross_entropy(logits.flatten(0, 1), target.flatten()).item()} | self.baselines
        by_event = {f"{name}_loss": loss for name, loss in losses.items()}
        by_second = {f"{name}_loss_per_second": loss * target.numel() / self.seconds for name, loss in losses.items()}
        self.log_dict(by_event | by_second, batch_size=1)
        shown = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
        print(f"\nstep {self.global_step}: nats an event: {shown}; a second: {by_second['validation_loss_per_second']:.1f}", flush=True)

    def configure_optimizers(self):
        return optimizer(self, self.config)


def load_task(checkpoint: Path) -> PerformanceRNNTask:
    """Return the network and its configuration, ready to predict, of a checkpoint that ``train`` wrote."""
    return read_task(checkpoint, PerformanceRNNTask, PerformanceRNNTrainingConfig)


def train(config: PerformanceRNNTrainingConfig, data_root: Path, run_folder: Path, resume: bool) -> None:
    """Train on the train split of the (n)ASAP or MAESTRO folder ``data_root``; checkpoints and the curve go to ``run_folder``.

    Taken up again, the optimiser, its schedule and the average go on; performances are shuffled anew.
    """
    lightning.seed_everything(config.seed)
    notes = load_sounding_notes(data_root, "train", run_folder.parent / "features")
    excerpts, seconds = validation_excerpts(load_sounding_notes(data_root, "validation", run_folder.parent / "features"), config)
    losses = baseline_losses(count_events(config.network.codec, notes), excerpts)
    done = steps_done(run_folder, resume)
    sampler = LaneSampler(notes, config, (config.seed, done))
    fit(PerformanceRNNTask(config, seconds, losses), sampler, [excerpts], run_folder, done, Best("validation_loss"))
