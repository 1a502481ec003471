"""A small streaming module in the manner of the real ones: attention over a rolling cache, notes in chunks of any length."""

import numpy as np
import torch
from torch import Tensor, nn

from engine.onnx.contract import Contract, StateSpec, TensorSpec
from export.graph import ExportSpec

WIDTH, HEADS, PAST, PITCHES = 16, 2, 7, 20


class AttentionModule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pitch = nn.Embedding(PITCHES, WIDTH)
        self.query_key_value = nn.Linear(WIDTH, HEADS * WIDTH + 2 * WIDTH)
        self.output = nn.Linear(HEADS * WIDTH, 3)

    def forward(self, pitch: Tensor, cache: Tensor, filled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """pitch [T]; cache [PAST, 2 * WIDTH]; filled [1], the cache's valid rows. Returns [T, 3], next cache, next filled."""
        length = pitch.shape[0]
        query, key_value = self.query_key_value(self.pitch(pitch)).split((HEADS * WIDTH, 2 * WIDTH), 1)
        key, value = torch.cat((cache, key_value)).split((WIDTH, WIDTH), 1)
        distance = torch.arange(length).unsqueeze(1) + PAST - torch.arange(PAST + length)
        mask = (distance >= 0) & (distance <= PAST) & (torch.arange(PAST + length) >= PAST - filled)  # [T, PAST+T]
        scores = query.view(length, HEADS, WIDTH).transpose(0, 1) @ key.T + torch.where(mask, 0.0, -1e4)
        mixed = (scores.softmax(-1) @ value).transpose(0, 1).flatten(1)
        return self.output(mixed), torch.cat((cache, key_value))[length:], (filled + length).clamp(max=PAST)


def build_spec(config: dict | None = None, weights: dict | None = None, quantised_difference: float = 1.0) -> ExportSpec:
    torch.manual_seed(0)
    module = AttentionModule().eval()
    contract = Contract(
        system="attention",
        representation_version=1,
        inputs=(TensorSpec(name="pitch", shape=("notes",), type="int64"),),
        outputs=(TensorSpec(name="velocity", shape=("notes", 3), type="float32"),),
        state=(StateSpec(name="cache", shape=(PAST, 2 * WIDTH), type="float32"), StateSpec(name="filled", shape=(1,), type="int64")),
        training_data="none",
        licence="Apache-2.0",
        configuration_hash="0",
        parameters=0,
    )
    return ExportSpec(
        module=module,
        contract=contract,
        random_inputs=lambda rng, length: {"pitch": rng.integers(0, PITCHES, length)},
        random_state=lambda rng: {
            "cache": rng.standard_normal((PAST, 2 * WIDTH), dtype=np.float32),
            "filled": np.array([PAST - 3]),
        },
        decisions=lambda outputs: np.rint(64 + 40 * outputs["velocity"]),
        tolerance=1e-4,
        decision_agreement=0.995,
        quantised_difference=quantised_difference,
    )


def build_specs(run: object) -> dict[str, ExportSpec]:
    return {"model.onnx": build_spec()}
