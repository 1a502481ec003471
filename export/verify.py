"""Does the exported file do what the module does? Verified in long chained runs, as a stream uses it; an answer, not an impression."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

from engine.base.errors import PerfLiveError
from engine.onnx.model import Model
from export.graph import Arrays, DirectSpec, ExportSpec, Spec, side_by_side
from export.weights import state_weights

STEPS = 5003  # a prime: whatever the chunk sizes, the last chunk is a partial one
CHUNK_SIZES = (1, 2, 3, 7, 1, 31, 129, 1, 300)
SINGLE_STEPS = 300
STREAMS = 3

Run = Callable[[Arrays, Arrays], tuple[Arrays, Arrays]]


@dataclass(frozen=True)
class Verification:
    """What was measured. Differences are relative to the largest magnitude of each tensor; decisions are in the system's own unit."""

    steps: int
    largest_difference: float
    decision_agreement: float
    mean_decision_difference: float


def verify_float(spec: ExportSpec, path: Path) -> Verification:
    """Compare the float32 file at ``path`` with the module. Raises PerfLiveError that says what differs."""
    model = _open(spec, path)
    agreement = _compare_runs(spec, _module_run(spec), model.run, spec.tolerance)
    _compare_single_steps(spec, model)
    _compare_streams(spec, model, spec.tolerance)
    if not agreement.decision_agreement >= spec.decision_agreement:
        share = agreement.decision_agreement
        raise PerfLiveError(f"not verified: {share:.4f} of the decisions are PyTorch's, {spec.decision_agreement:g} is the least allowed")
    return agreement


def verify_quantised(spec: ExportSpec, path: Path, float_path: Path) -> Verification:
    """Compare the decisions of the int8 file at ``path`` with those of the float32 file. Raises PerfLiveError that says what differs."""
    model, reference = _open(spec, path), _open(spec, float_path)
    agreement = _compare_runs(spec, reference.run, model.run, np.inf)
    _compare_single_steps(spec, model)
    _compare_streams(spec, model, 0.0)
    difference, allowed = agreement.mean_decision_difference, spec.quantised_difference or 0.0
    if not difference <= allowed:
        raise PerfLiveError(f"not verified: int8 decisions differ by {difference:.4f} on average, {allowed:g} is allowed")
    return agreement


def verify_direct(spec: DirectSpec, path: Path) -> Verification:
    """Compare the file at ``path`` with what it must answer. Raises PerfLiveError that says what differs."""
    model = _open(spec, path)
    rng, largest = np.random.default_rng(0), 0.0
    for inputs in _chunks(spec, rng, STEPS):
        largest = max(largest, _compare("output", spec.answer(inputs), model.run(inputs, {})[0], spec.tolerance))
    return Verification(STEPS, largest, 1.0, 0.0)


def _open(spec: Spec, path: Path) -> Model:
    """Check the file as such (well formed, names, shapes and types as declared, the contract whole) and open it as the engine will."""
    try:
        onnx.checker.check_model(path, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise PerfLiveError(f"not verified: onnx.checker: {' '.join(str(error).split())}") from error
    model = Model(path, spec.contract.system, spec.contract.representation_version)
    if model.contract.to_metadata() != state_weights(spec.contract, onnx.load(path)).to_metadata():
        raise PerfLiveError("not verified: the contract read back is not the one written")
    return model


def _module_run(spec: ExportSpec) -> Run:
    names = [tensor.name for tensor in spec.contract.graph_inputs()]
    outputs, states = [tensor.name for tensor in spec.contract.outputs], [state.name for state in spec.contract.state]

    def run(inputs: Arrays, state: Arrays) -> tuple[Arrays, Arrays]:
        feeds = inputs | state
        with torch.no_grad():
            results = spec.module(*(torch.from_numpy(feeds[name]) for name in names))
        arrays = [result.numpy() for result in (results if isinstance(results, tuple) else (results,))]
        return dict(zip(outputs, arrays[: len(outputs)], strict=True)), dict(zip(states, arrays[len(outputs) :], strict=True))

    return run


def _chunks(spec: Spec, rng: np.random.Generator, steps: int) -> Iterator[Arrays]:
    """Random inputs of ``steps`` steps in chunks of odd sizes; a graph of fixed shapes takes one step a time."""
    longest = spec.window if isinstance(spec, ExportSpec) and spec.window else STEPS
    sizes = [min(size, longest) for size in CHUNK_SIZES] if spec.contract.chunk_axis else [1]
    done = 0
    while done < steps:
        for size in sizes:
            length = min(size, steps - done)
            if length:
                yield spec.random_inputs(rng, length)
            done += length


def _compare_runs(spec: ExportSpec, reference: Run, candidate: Run, tolerance: float) -> Verification:
    """Run both from the same random state over the same chunks, each with its own state from then on."""
    rng = np.random.default_rng(0)
    state = spec.random_state(rng)
    expected_state, found_state = state, state
    largest, decisions = 0.0, []
    for inputs in _chunks(spec, rng, STEPS):
        expected, expected_state = reference(inputs, expected_state)
        found, found_state = candidate(inputs, found_state)
        largest = max(largest, _compare("output", expected, found, tolerance))
        decisions.append((spec.decisions(expected).ravel(), spec.decisions(found).ravel()))
    largest = max(largest, _compare("final state", expected_state, found_state, tolerance))
    expected_decisions, found_decisions = (np.concatenate(side) for side in zip(*decisions, strict=True))
    difference = np.abs(expected_decisions.astype(float) - found_decisions)
    return Verification(STEPS, largest, float((difference == 0).mean()), float(difference.mean()))


def _compare_single_steps(spec: ExportSpec, model: Model) -> None:
    """The stepper, which playing uses, does what single-step chunks do."""
    if not spec.contract.state:
        return
    rng = np.random.default_rng(1)
    state = spec.random_state(rng)
    stepper = model.create_stepper()
    stepper.restore(state)
    for _ in range(SINGLE_STEPS):
        inputs = spec.random_inputs(rng, 1)
        expected, state = model.run(inputs, state)
        for name, array in stepper.inputs.items():
            array[...] = inputs[name]
        _compare("single-step output", expected, stepper.step(), spec.tolerance)
    _compare("single-step final state", state, stepper.snapshot(), spec.tolerance)


def _compare_streams(spec: ExportSpec, model: Model, tolerance: float) -> None:
    """Streams side by side each do what they do alone: in int8, whose products are whole numbers, to the last bit."""
    axis = spec.contract.stream_axis
    if axis is None:
        return
    rng = np.random.default_rng(2)
    states = [spec.random_state(rng) for _ in range(STREAMS)]
    stepper = model.create_stepper(STREAMS)
    stepper.restore(side_by_side(spec.contract, states))
    for _ in range(SINGLE_STEPS // STREAMS):
        inputs = [spec.random_inputs(rng, 1) for _ in range(STREAMS)]
        for name, array in side_by_side(spec.contract, inputs).items():
            stepper.inputs[name][...] = array
        together = stepper.step()
        for index in range(STREAMS):
            alone, states[index] = model.run(inputs[index], states[index])
            found = {each.name: together[each.name].take([index], each.shape.index(axis)) for each in spec.contract.outputs}
            _compare("one of several streams' output", alone, found, tolerance)


def _compare(kind: str, expected: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], tolerance: float) -> float:
    """Return the largest difference, relative to each tensor's largest magnitude; whole numbers must be equal."""
    largest = 0.0
    for name, reference in expected.items():
        if found[name].shape != reference.shape:
            raise PerfLiveError(f"not verified: {kind} {name!r} has shape {found[name].shape}, {reference.shape} is expected")
        exact = not np.issubdtype(reference.dtype, np.floating)
        difference = float(np.abs(found[name].astype(float) - reference).max() / max(np.abs(reference).max(), 1e-6))
        if not difference <= (0.0 if exact else tolerance):  # so that a NaN fails
            raise PerfLiveError(f"not verified: {kind} {name!r} differs by {difference:.2g} of its magnitude, {tolerance:g} is allowed")
        largest = max(largest, difference)
    return largest
