import subprocess
import sys
import threading

import numpy as np
import onnx
import pytest
import synthetic_model
from synthetic_model import REPRESENTATION_VERSION, SYSTEM

from engine.base.errors import PerfLiveError
from engine.onnx.model import Model


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "adder.onnx"
    onnx.save(synthetic_model.build(), path)
    return path


@pytest.fixture
def model(path):
    return Model(path, SYSTEM, REPRESENTATION_VERSION)


def inputs(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-8, 8, (length, 2)).astype(np.float32)  # whole numbers: sums are exact


def test_chunks_of_any_size_give_what_the_whole_gives(model):
    x = inputs(60)
    whole, whole_state = model.run({"x": x}, model.initial_state())
    assert np.array_equal(whole["sum"], np.cumsum(x, axis=0))
    for sizes in ([1] * 60, [2] * 30, [3, 57], [7] * 8 + [4]):
        state, found, start = model.initial_state(), [], 0
        for size in sizes:
            outputs, state = model.run({"x": x[start : start + size]}, state)
            found.append(outputs["sum"])
            start += size
        assert np.array_equal(np.concatenate(found), whole["sum"])
        assert np.array_equal(state["total"], whole_state["total"]) and state["count"] == 60


def test_run_leaves_the_state_it_was_given(model):
    state = model.initial_state()
    model.run({"x": inputs(3)}, state)
    assert not state["total"].any() and state["count"] == 0


def test_a_stepper_does_what_runs_of_single_steps_do(model):
    stepper, state = model.create_stepper(), model.initial_state()
    for x in inputs(9):
        expected, state = model.run({"x": x[None]}, state)
        stepper.inputs["x"][0] = x
        assert np.array_equal(stepper.step()["sum"], expected["sum"])
        assert all(np.array_equal(stepper.snapshot()[name], state[name]) for name in state)


def advance(stepper, x: np.ndarray) -> list[list[float]]:
    sums = []
    for row in x:
        stepper.inputs["x"][0] = row
        sums.append(stepper.step()["sum"][0].tolist())
    return sums


def test_a_chunk_moves_a_stepper_as_far_as_its_single_steps(model):
    one, other, x = model.create_stepper(), model.create_stepper(), inputs(7)
    advance(one, x[:1])
    advance(other, x[:1])
    sums = one.step_chunk({"x": x[1:5]})["sum"].tolist()
    assert sums == advance(other, x[1:5])
    assert advance(one, x[5:]) == advance(other, x[5:])


def test_snapshot_restore_and_reset_replay_the_same_steps(model):
    stepper, x = model.create_stepper(), inputs(7)
    first = advance(stepper, x[:4])  # four, then three: a snapshot of either set of buffers
    snapshot = stepper.snapshot()
    rest = advance(stepper, x[4:])
    stepper.restore(snapshot)
    assert advance(stepper, x[4:]) == rest
    stepper.reset()
    assert advance(stepper, x) == first + rest


def test_a_step_is_taken_back(model):
    stepper, x = model.create_stepper(), inputs(6)
    expected = advance(stepper, x)
    stepper.restore(stepper.snapshot_before())
    assert advance(stepper, x[5:]) == expected[5:]


def test_interleaved_steppers_do_not_hear_each_other(model):
    one, two = model.create_stepper(), model.create_stepper()
    x, y = inputs(20, 1), inputs(20, 2)
    mixed = [advance(one, x[i : i + 1]) + advance(two, y[i : i + 1]) for i in range(20)]
    assert mixed == list(map(list, zip(np.cumsum(x, 0).tolist(), np.cumsum(y, 0).tolist(), strict=True)))


def test_threads_share_a_model(model):
    found = {}

    def play(seed):
        found[seed] = advance(model.create_stepper(), inputs(200, seed))

    threads = [threading.Thread(target=play, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[seed], np.cumsum(inputs(200, seed), axis=0)) for seed in range(4))


def test_a_step_that_fails_leaves_the_state(model):
    stepper = model.create_stepper()
    advance(stepper, inputs(3))
    before = stepper.snapshot()
    working = stepper._bindings
    stepper._bindings = [model._step_session.io_binding()]  # with no inputs bound, the run fails
    with pytest.raises(RuntimeError):
        stepper.step()
    stepper._bindings = working
    assert all(np.array_equal(stepper.snapshot()[name], before[name]) for name in before)


def refusal(path, system=SYSTEM, version=REPRESENTATION_VERSION) -> str:
    with pytest.raises(PerfLiveError) as caught:
        Model(path, system, version)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(str(path))
    return str(caught.value).removeprefix(str(path))


def test_files_that_are_no_models_are_refused(tmp_path, path):
    assert refusal(tmp_path / "none.onnx").startswith(": cannot read the model: No such file or directory")
    assert refusal(tmp_path).startswith(": cannot read the model: Is a directory")
    for name, content in {"empty": b"", "text": b"hello " * 50, "cut": path.read_bytes()[:300]}.items():
        (tmp_path / name).write_bytes(content)
        assert refusal(tmp_path / name).startswith(": not a model that ONNX Runtime")


def test_another_contract_is_refused(path):
    assert ": contract field 'system': found 'adder', expected 'dexter'" in refusal(path, system="dexter")
    assert ": contract field 'representation_version': found 3, expected 9" in refusal(path, version=9)


def declare(path, **changes) -> None:
    """Give the file a contract that its graph does not keep."""
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, synthetic_model.contract().model_copy(update=changes).to_metadata())
    onnx.save(model, path)


def test_a_graph_that_is_not_as_declared_is_refused(path):
    contract = synthetic_model.contract()
    declare(path, state=contract.state[:1])
    assert refusal(path).startswith(": input 'count': found int64 [1], the contract declares none")
    declare(path, inputs=(*contract.inputs, contract.inputs[0].model_copy(update={"name": "y"})))
    assert refusal(path).startswith(": input 'y': found none, the contract declares float32 ['steps', 2]")
    declare(path, outputs=(contract.outputs[0].model_copy(update={"shape": ("steps", 3)}),))
    assert refusal(path).startswith(": output 'sum': found float32 ['steps', 2], the contract declares float32 ['steps', 3]")
    declare(path, state=(contract.state[0].model_copy(update={"type": "int64"}), contract.state[1]))
    assert refusal(path).startswith(": input 'total': found float32 [2], the contract declares int64 [2]")


def test_loading_prints_nothing_and_says_the_provider(path):
    opened = f"Model({str(path)!r}, {SYSTEM!r}, {REPRESENTATION_VERSION})"
    code = f"from engine.onnx.model import Model; m = {opened}; m.warm_up(); print(m.provider)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("CPUExecutionProvider", "CUDAExecutionProvider")
    assert done.stderr == ""


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_an_output_that_is_no_finite_number_is_refused_and_the_state_stays(model, number):
    stepper = model.create_stepper()
    stepper.inputs["x"][:] = 1
    stepper.step()
    before = stepper.snapshot()
    stepper.inputs["x"][0, 1] = number
    broken = np.array([[1, 2], [number, 0]], np.float32)
    for ask in (stepper.step, lambda: stepper.step_chunk({"x": broken}), lambda: model.run({"x": broken}, model.initial_state())):
        with pytest.raises(PerfLiveError, match=r"\.onnx: the model's output 'sum' is no finite number") as caught:
            ask()
        assert "\n" not in str(caught.value)
    after = stepper.snapshot()
    assert all((after[name] == before[name]).all() for name in before)
