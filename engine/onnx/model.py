"""A model in ONNX Runtime: heavy, immutable, shared by many streams. State is passed in and out, or lives in a ``Stepper``."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from engine.base.errors import PerfLiveError
from engine.onnx.contract import NEXT, Contract, StateSpec, TensorSpec, check

Arrays = dict[str, np.ndarray]

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_TYPES = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(bool)": "bool"}
_LOAD_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


class Model:
    """An ONNX file whose contract has been checked.

    ``provider`` says what runs chunks: CUDA where it can be loaded, else the CPU. Single steps (``create_stepper``) always run on the CPU,
    because a step of one note is many tiny kernels, which take a GPU longer to launch than a core to compute.
    Raises PerfLiveError when the file is missing, is not a model, or holds another contract or graph than expected.
    """

    def __init__(self, path: Path | str, system: str, representation_version: int):
        self.path = Path(path)
        self._bytes = _read(self.path)
        self._session = _open_session(self.path, self._bytes, (CUDA, CPU), {})
        self.contract = Contract.from_metadata(self._session.get_modelmeta().custom_metadata_map, str(self.path))
        check(self.contract, str(self.path), system, representation_version)
        _check_graph(self._session, self.contract, self.path)
        self.provider = self._session.get_providers()[0]
        self._output_names = [spec.name for spec in self.contract.graph_outputs()]

    def initial_state(self) -> Arrays:
        """Return the state at the start of a stream, by name: zeros."""
        return _zeros(self.contract.state)

    def run(self, inputs: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray], may_not_know: bool = False) -> tuple[Arrays, Arrays]:
        """Run a chunk of any length; return the outputs and the next state. Neither argument is changed; safe from any thread.

        Raises PerfLiveError when an output is not finite, which a graph that ``may_not_know`` says of what it does not know.
        """
        results = dict(zip(self._output_names, self._session.run(self._output_names, {**inputs, **state}), strict=True))
        next_state = {name: results.pop(NEXT + name) for name in state}
        if not may_not_know:
            _check_finite(results, self.path)
        return results, next_state

    def create_stepper(self, streams: int = 1) -> "Stepper":
        """Return a stepper at the initial state, for ``streams`` new streams; more than one needs a graph with an axis of streams."""
        return Stepper(self._step_session, self._chunk_session, self.contract, self.path, streams)

    def warm_up(self, steps: int = 3) -> None:
        """Run a few steps, so that the first note pays for no loading and no allocation."""
        stepper = self.create_stepper()
        for _ in range(steps):
            stepper.step()
            if self.contract.chunk_axis is not None:
                stepper.step_chunk(_zeros(self.contract.inputs, {self.contract.chunk_axis: 2}))

    @cached_property
    def _chunk_session(self) -> ort.InferenceSession:
        """The graph for chunks of any length, on the CPU."""
        return self._session if self.provider == CPU else _open_session(self.path, self._bytes, (CPU,), {})

    @cached_property
    def _step_session(self) -> ort.InferenceSession:
        """The same graph for one step of one stream. What depends on sizes alone (positions, masks, shapes) is constant in it."""
        axes = (self.contract.chunk_axis, self.contract.stream_axis)
        return _open_session(self.path, self._bytes, (CPU,), {axis: 1 for axis in axes if axis})


class Stepper:
    """The state of one stream, or of several side by side, which advances one step at a time.

    Write a step's values into the arrays of ``inputs`` (zeros at first), call ``step``, read ``outputs``. The arrays are never replaced,
    and the state lies in two sets of arrays that steps read and write in turn, so that a step allocates and copies nothing.

    Each stream is run separately. ONNX Runtime adds up several rows in another order than one, and this way a stream beside others gives
    the same bits as alone.
    """

    def __init__(
        self, session: ort.InferenceSession, chunk_session: ort.InferenceSession, contract: Contract, path: Path, streams: int = 1
    ):
        sizes = {contract.stream_axis: streams}
        self._contract, self._path = contract, path
        self._session = session
        self._chunk_session = chunk_session
        self._graph_outputs = [spec.name for spec in contract.graph_outputs()]
        self.inputs: Mapping[str, np.ndarray] = _zeros(contract.inputs, sizes)
        self.outputs: Mapping[str, np.ndarray] = _zeros(contract.outputs, sizes)
        self._state, self._next_state = (_zeros(contract.state, sizes) for _ in range(2))
        places = [slice(stream, stream + 1) for stream in range(streams)] if contract.stream_axis else [...]
        self._bindings = [self._bind(place, self._state, self._next_state) for place in places]
        self._next_bindings = [self._bind(place, self._next_state, self._state) for place in places]

    def _bind(self, place: Any, state: Arrays, next_state: Arrays) -> ort.IOBinding:
        binding = self._session.io_binding()
        for name, array in {**self.inputs, **state}.items():
            binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array[place]))
        for name, array in {**self.outputs, **{NEXT + name: array for name, array in next_state.items()}}.items():
            binding.bind_ortvalue_output(name, ort.OrtValue.ortvalue_from_numpy(array[place]))
        return binding

    def compute(self) -> None:
        """Run the network and nothing else: the outputs are not looked at, and the state stays."""
        for binding in self._bindings:
            self._session.run_with_iobinding(binding)

    def step(self) -> Mapping[str, np.ndarray]:
        """Advance by one step. Return ``outputs``, whose arrays the next step overwrites. After an error the state is as before.

        Raises PerfLiveError when an output is not finite.
        """
        self.compute()
        _check_finite(self.outputs, self._path)
        self._bindings, self._next_bindings = self._next_bindings, self._bindings
        self._state, self._next_state = self._next_state, self._state
        return self.outputs

    def step_chunk(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """Advance by a chunk of any length and return its outputs. Single steps give the same, up to rounding.

        A graph without a chunk axis takes inputs [steps, ...] and is run once a step.
        """
        if self._contract.chunk_axis is None:
            return self._step_through(inputs)
        results = self._chunk_session.run(self._graph_outputs, {**inputs, **self._state})
        outputs = dict(zip(self._graph_outputs, results, strict=True))
        next_state = {name: outputs.pop(NEXT + name) for name in self._state}
        _check_finite(outputs, self._path)
        self.restore(next_state)
        return outputs

    def _step_through(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
        steps = len(next(iter(inputs.values())))
        outputs = {name: np.empty((steps, *array.shape), array.dtype) for name, array in self.outputs.items()}
        for step in range(steps):
            for name, array in inputs.items():
                self.inputs[name][...] = array[step]
            for name, array in self.step().items():
                outputs[name][step] = array
        return outputs

    def snapshot(self) -> Arrays:
        """Return a copy of the state, by name."""
        return {name: array.copy() for name, array in self._state.items()}

    def snapshot_before(self) -> Arrays:
        """Return a copy of the state before the last step. At least one step must have been made since the state was set."""
        return {name: array.copy() for name, array in self._next_state.items()}

    def restore(self, snapshot: Mapping[str, np.ndarray]) -> None:
        """Go back to a state that ``snapshot`` or ``Model.run`` returned. The state of one stream is given to all streams."""
        for name, array in self._state.items():
            array[...] = snapshot[name]

    def select(self, streams: Sequence[int]) -> None:
        """Replace the streams by those of these numbers, one for each; a stream may be taken more than once or not at all."""
        for spec in self._contract.state:
            array = self._state[spec.name]
            array[...] = array.take(streams, spec.shape.index(self._contract.stream_axis))

    def reset(self) -> None:
        """Go back to the start of a stream."""
        for array in self._state.values():
            array.fill(0)


def _check_finite(outputs: Mapping[str, np.ndarray], path: Path) -> None:
    """Raise PerfLiveError for infinity or what is no number: nothing can be performed with it."""
    for name, array in outputs.items():
        if not math.isfinite(np.vdot(array, array)):  # so is a sum of squares, and a note waits for no array of answers
            raise PerfLiveError(f"{path}: the model's output {name!r} is no finite number; give another model, or export it again")


def _zeros(specs: Sequence[TensorSpec | StateSpec], sizes: Mapping[str | None, int] | None = None) -> Arrays:
    """Return arrays of zeros. Named axes have the size that ``sizes`` gives them, or 1: one step of one stream."""
    given = sizes or {}
    shapes = {spec.name: [given.get(size, 1) if isinstance(size, str) else size for size in spec.shape] for spec in specs}
    return {spec.name: np.zeros(shapes[spec.name], spec.type) for spec in specs}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PerfLiveError(f"{path}: cannot read the model: {error.strerror}; give the path of an ONNX file") from None


def _open_session(path: Path, model: bytes, providers: tuple[str, ...], fixed_axes: Mapping[str, int]) -> ort.InferenceSession:
    ort.set_default_logger_severity(4)  # else it warns of CUDA on every machine without CUDA
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    for axis, size in fixed_axes.items():
        options.add_free_dimension_override_by_name(axis, size)
    available = [provider for provider in providers if provider in ort.get_available_providers()]
    try:
        return ort.InferenceSession(model, options, providers=available)
    except _LOAD_ERRORS as error:
        reason = str(error).splitlines()[0].rpartition(" : ")[2].rstrip(".")
        version = f"ONNX Runtime {ort.__version__}"
        raise PerfLiveError(f"{path}: not a model that {version} can load: {reason}; give an ONNX file of perf-export") from None


def _check_graph(session: ort.InferenceSession, contract: Contract, path: Path) -> None:
    """Raise PerfLiveError when the graph's inputs or outputs are not those that the contract declares."""
    for kind, declared, real in (
        ("input", contract.graph_inputs(), session.get_inputs()),
        ("output", contract.graph_outputs(), session.get_outputs()),
    ):
        expected = {spec.name: (list(spec.shape), str(spec.type)) for spec in declared}
        found = {value.name: (value.shape, _TYPES.get(value.type, value.type)) for value in real}
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name):
                difference = f"found {_show(found.get(name))}, the contract declares {_show(expected.get(name))}"
                raise PerfLiveError(f"{path}: {kind} {name!r}: {difference}; export it again")


def _show(tensor: tuple[list[int | str], str] | None) -> str:
    return f"{tensor[1]} {tensor[0]}" if tensor else "none"
