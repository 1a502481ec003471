import dataclasses
import json
import sys

import attention_module
import numpy as np
import onnx
import pytest
import torch
from attention_module import PAST, build_spec

from engine.base.errors import PerfLiveError
from engine.onnx.model import Model
from engine.systems import Kind, System, systems
from export import command
from export.command import export_verified
from export.graph import write_graph
from export.quantise import quantise
from export.verify import verify_float, verify_quantised
from export.weights import count_parameters


@pytest.fixture(scope="module")
def spec():
    return build_spec()


@pytest.fixture(scope="module")
def float_path(spec, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "float.onnx"
    write_graph(spec, path)
    return path


@pytest.fixture(scope="module")
def quantised_path(spec, float_path):
    path = float_path.with_name("int8.onnx")
    quantise(float_path, path, spec.contract)
    return path


def test_what_was_exported_verifies(spec, float_path, quantised_path):
    measured = verify_float(spec, float_path)
    assert measured.largest_difference < 1e-5 and measured.decision_agreement > 0.999
    assert 0 < verify_quantised(spec, quantised_path, float_path).mean_decision_difference < 1


def test_the_engine_reads_the_contract(spec, float_path, quantised_path):
    parameters = count_parameters(onnx.load(float_path))
    stated = spec.contract.model_copy(update={"parameters": parameters})
    assert Model(float_path, "attention", 1).contract == stated
    assert Model(quantised_path, "attention", 1).contract == stated.model_copy(update={"precision": "int8"})


def test_the_graph_is_bare(float_path, quantised_path):
    for path in (float_path, quantised_path):
        assert b".py" not in path.read_bytes()  # no stack traces of the machine that exported
        assert all(property.key.startswith("perf_live.") for property in onnx.load(path).metadata_props)


def test_weights_are_quantised_unsigned(quantised_path):
    model = onnx.load(quantised_path)
    assert sum(node.op_type == "MatMulInteger" for node in model.graph.node) == 2
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "MatMulInteger":
            assert weights[node.input[1]].data_type == onnx.TensorProto.UINT8


def test_weights_by_channel_are_signed_and_no_sum_of_two_products_is_too_large(float_path, tmp_path, spec):
    """Of activations up to 255; without VNNI they are summed up in 16 bits."""
    quantise(float_path, tmp_path / "int8.onnx", spec.contract, by_channel=True)
    model = onnx.load(tmp_path / "int8.onnx")
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    products = [tensors[node.input[1]] for node in model.graph.node if node.op_type == "MatMulInteger"]
    assert len(products) == 2
    for weights in products:
        assert weights.dtype == np.int8 and 2 * 255 * np.abs(weights.astype(int)).max() < 2**15
        assert (np.abs(weights.astype(int)).max(0) == np.abs(weights.astype(int)).max()).all()  # each output has a scale of its own


def changed(spec, **parts):
    return dataclasses.replace(spec, **parts)


class OtherState(torch.nn.Module):
    """The same outputs while the cache is full; another state."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, pitch, cache, filled):
        velocity, next_cache, next_filled = self.module(pitch, cache, filled)
        return velocity, next_cache, next_filled + 1


def refusal(verify, *arguments) -> str:
    with pytest.raises(PerfLiveError) as caught:
        verify(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_other_weights_do_not_verify(spec, float_path):
    other = build_spec().module
    with torch.no_grad():
        other.output.bias[1] += 0.01
    assert refusal(verify_float, changed(spec, module=other), float_path).startswith("not verified: output 'velocity' differs by 0.0")


def test_another_final_state_does_not_verify(spec, float_path):
    other = changed(spec, module=OtherState(spec.module), random_state=lambda rng: spec.random_state(rng) | {"filled": np.array([PAST])})
    assert refusal(verify_float, other, float_path).startswith("not verified: final state 'filled' differs")


def test_other_decisions_do_not_verify(spec, float_path):
    noise = np.random.default_rng(0)
    other = changed(spec, decisions=lambda outputs: outputs["velocity"][:, 0] + (noise.random() < 0.1))
    assert "of the decisions are PyTorch's, 0.995 is the least allowed" in refusal(verify_float, other, float_path)


def test_a_stepper_that_goes_wrong_does_not_verify(spec, float_path, monkeypatch):
    step = Model.create_stepper

    def forgetful(model):
        stepper = step(model)
        stepper.restore = lambda snapshot: None
        return stepper

    monkeypatch.setattr(Model, "create_stepper", forgetful)
    assert refusal(verify_float, spec, float_path).startswith("not verified: single-step output 'velocity' differs")


def test_too_coarse_weights_do_not_verify(spec, float_path, quantised_path):
    strict = changed(spec, quantised_difference=1e-6)
    assert refusal(verify_quantised, strict, quantised_path, float_path).startswith("not verified: int8 decisions differ by 0.")


def test_a_broken_graph_does_not_verify(spec, float_path, tmp_path):
    model = onnx.load(float_path)
    model.graph.node[0].input[0] = "nowhere"
    onnx.save(model, tmp_path / "broken.onnx")
    assert refusal(verify_float, spec, tmp_path / "broken.onnx").startswith("not verified: onnx.checker: ")


def test_a_contract_that_changed_on_the_way_does_not_verify(spec, float_path):
    other = changed(spec, contract=spec.contract.model_copy(update={"licence": "none"}))
    assert refusal(verify_float, other, float_path) == "not verified: the contract read back is not the one written"


@pytest.fixture
def perf_export(monkeypatch, capsys, tmp_path):
    """Run the command on a run of the stand-in; return its exit status and standard error."""
    source = tmp_path / "run"
    source.mkdir()
    (source / "recipe.json").write_text(json.dumps({"system": "stand-in", "precision": "int8", "stages": {}}))
    stand_in = System("stand-in", "made up", frozenset({Kind.NOTES}), exporter="attention_module:build_specs")
    monkeypatch.setitem(systems(), "stand-in", stand_in)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["perf-export", *(arguments or [str(source), "-o", str(tmp_path / "out")])])
        with pytest.raises(SystemExit) as caught:
            command.main()
        return caught.value.code, capsys.readouterr().err

    return run


@pytest.fixture
def no_export(float_path, monkeypatch):
    """The exporter takes seconds: take its result from the fixture."""
    monkeypatch.setattr(command, "write_graph", lambda spec, path: path.write_bytes(float_path.read_bytes()))


def test_the_command_writes_a_verified_file(perf_export, no_export, tmp_path):
    assert perf_export() == (0, "")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.onnx"]
    assert Model(tmp_path / "out" / "model.onnx", "attention", 1).contract.precision == "int8"


def test_an_unverified_graph_leaves_no_file_and_spares_the_old_one(perf_export, no_export, tmp_path, monkeypatch):
    """Nor does the one that verifies before it."""
    specs = {"good.onnx": build_spec(), "model.onnx": build_spec(quantised_difference=1e-6)}
    monkeypatch.setattr(attention_module, "build_specs", lambda run: specs)
    status, error = perf_export()
    assert status == 1 and error.startswith("perf-export: not verified: int8 decisions differ") and error.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "out" / "model.onnx").write_bytes(b"old")
    assert perf_export()[0] == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.onnx"]
    assert (tmp_path / "out" / "model.onnx").read_bytes() == b"old"


def test_a_plain_file_is_copied(tmp_path):
    (tmp_path / "space").write_bytes(b"styles")
    command.export_all({"styles.safetensors": tmp_path / "space"}, tmp_path / "out", "float32")
    assert (tmp_path / "out" / "styles.safetensors").read_bytes() == b"styles"


def test_wrong_sources_are_named(perf_export, tmp_path, monkeypatch):
    out = str(tmp_path / "out")
    described = {"system": "painting", "precision": "int8", "stages": {}}
    for name, text in (("other", json.dumps(described)), ("undone", json.dumps(described | {"stages": {"brush": {}}})), ("broken", "{")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.json").write_text(text)
    monkeypatch.setattr(attention_module, "build_specs", lambda run: {})
    for name, expected in {
        "none": "none': not a run of perf-train, its recipe.json cannot be read; give the folder of --out",
        "broken": "broken': not a run of perf-train",
        "undone": "undone': stage 'brush' is not done; run perf-train again, which goes on there",
        "other": "other: the system 'painting' cannot be exported; allowed: dexter, ",
        "run": "run: no stage of this run makes a file of 'stand-in'; train one that does",
    }.items():
        status, error = perf_export(str(tmp_path / name), "-o", out)
        assert status == 2 and expected in error and error.count("\n") == 1


def test_float32_has_no_second_file(spec, float_path, no_export, tmp_path):
    lines = export_verified(spec, tmp_path / "model.onnx", "float32")
    assert len(lines) == 1 and lines[0].startswith("float32 against PyTorch, 5003 steps")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
