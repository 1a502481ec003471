"""The contract in the metadata of every exported graph. The engine reads its constants from there instead of repeating them."""

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, Literal

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # else it looks through everything that is installed for some

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator  # noqa: E402

from engine.base.errors import PerfLiveError

CONTRACT_VERSION = 1
PREFIX = "perf_live."  # of the contract's keys among a file's metadata
UNCOUNTED = 0  # parameters of a contract whose graph is yet to be written: the export counts them
NEXT = "next_"  # an output next_<name> is the value of the state <name> after the run


class TensorSpec(BaseModel):
    """An input or output. A word in ``shape`` is an axis of any size: the steps of a chunk (notes, events), or the streams."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    shape: tuple[int | str, ...]
    type: Literal["float32", "int64", "bool"]


class StateSpec(BaseModel):
    """A part of the state: input ``name``, output ``next_<name>``. It is all zeros at the start of a stream.

    A word in ``shape`` is the axis of streams, in a graph that computes any number of them side by side.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    shape: tuple[int | str, ...]
    type: Literal["float32", "int64", "bool"]


class ControlRange(BaseModel):
    """A control that the graph was trained or checked for, and its range."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    minimum: float
    maximum: float


class Contract(BaseModel):
    """What a graph computes and what it needs.

    ``inputs`` and ``outputs`` leave out the state. ``look_ahead_steps`` and ``look_ahead_s`` say how much of the future an output waits
    for. ``constants`` holds everything else that the engine needs, as JSON values. ``configuration_hash`` is that of the training
    configuration. ``precision`` is that of the weights of matrix products, int4 where some have 4 bits. ``parameters`` is the number of
    all weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contract_version: int = CONTRACT_VERSION
    system: str
    representation_version: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    state: tuple[StateSpec, ...] = ()
    controls: tuple[ControlRange, ...] = ()
    look_ahead_steps: int = 0
    look_ahead_s: float = 0.0
    constants: dict[str, Any] = {}
    training_data: str
    licence: str
    configuration_hash: str
    precision: Literal["float32", "float16", "int8", "int4"] = "float32"
    parameters: int

    @model_validator(mode="after")
    def _one_chunk_axis_and_one_of_streams(self) -> "Contract":
        streams, chunks = _symbolic_axes(self.state), self._chunk_axes()
        if len(chunks) > 1:
            raise ValueError(f"one chunk axis is allowed, got {sorted(chunks)}")
        if len(streams) > 1:
            raise ValueError(f"one axis of streams is allowed, got {sorted(streams)}")
        if alone := [spec.name for spec in self.graph_inputs() + self.graph_outputs() if not streams <= set(spec.shape[:1])]:
            raise ValueError(f"the first axis of {alone[0]!r} is not {next(iter(streams))!r}")
        return self

    def _chunk_axes(self) -> set[str]:
        return _symbolic_axes((*self.inputs, *self.outputs)) - _symbolic_axes(self.state)

    @property
    def chunk_axis(self) -> str | None:
        """The name of the axis of any length, or None for a graph of fixed shapes."""
        return next(iter(self._chunk_axes()), None)

    @property
    def stream_axis(self) -> str | None:
        """The name of the axis of streams side by side, or None for a graph of one stream; the first of every tensor's."""
        return next(iter(_symbolic_axes(self.state)), None)

    def graph_inputs(self) -> tuple[TensorSpec | StateSpec, ...]:
        """All inputs of the graph, the state last."""
        return (*self.inputs, *self.state)

    def graph_outputs(self) -> tuple[TensorSpec | StateSpec, ...]:
        """All outputs of the graph, the next state last."""
        return (*self.outputs, *(spec.model_copy(update={"name": NEXT + spec.name}) for spec in self.state))

    def to_metadata(self) -> dict[str, str]:
        """Return the contract as metadata properties: a JSON text under ``perf_live.<field>`` for each field."""
        return {PREFIX + field: json.dumps(value) for field, value in self.model_dump(mode="json").items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], source: str) -> "Contract":
        """Return the contract in the metadata of the file ``source``. Properties that other programs wrote are ignored.

        Raises PerfLiveError that names the file and the field when there is no contract, or one of another version or with a wrong field.
        """
        texts = {key.removeprefix(PREFIX): text for key, text in metadata.items() if key.startswith(PREFIX)}
        if "contract_version" not in texts:
            raise PerfLiveError(f"{source}: not a perf-live model, its metadata has no {PREFIX}contract_version; write it with perf-export")
        fields = {}
        for field, text in texts.items():
            try:
                fields[field] = json.loads(text)
            except ValueError:
                raise PerfLiveError(f"{source}: contract field {field!r}: found {_shorten(text)}, expected JSON; export it again") from None
        _expect(source, "contract_version", fields["contract_version"], CONTRACT_VERSION)
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise PerfLiveError(f"{source}: {_describe(error)}; export it again") from None


def _symbolic_axes(specs: Iterable[TensorSpec | StateSpec]) -> set[str]:
    return {size for spec in specs for size in spec.shape if isinstance(size, str)}


def check(contract: Contract, source: str, system: str, representation_version: int) -> None:
    """Raise PerfLiveError, naming file, field, found and expected, when ``source`` holds another system or representation."""
    _expect(source, "system", contract.system, system)
    _expect(source, "representation_version", contract.representation_version, representation_version)


def _expect(source: str, field: str, found: object, expected: object) -> None:
    if found != expected:
        difference = f"found {_shorten(found)}, expected {expected!r}"
        raise PerfLiveError(f"{source}: contract field {field!r}: {difference}; use a model exported for this version")


def _describe(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "contract"
    if first["type"] == "missing":
        return f"contract field {field!r}: found nothing, expected a value"
    if first["type"] == "extra_forbidden":
        return f"contract field {field!r}: found {_shorten(first['input'])}, expected no such field"
    return f"contract field {field!r}: found {_shorten(first['input'])}, expected: {first['msg']}"


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
