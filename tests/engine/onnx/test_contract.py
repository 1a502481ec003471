import json

import pytest
from pydantic import ValidationError
from synthetic_model import REPRESENTATION_VERSION, SYSTEM, contract

from engine.base.errors import PerfLiveError
from engine.onnx.contract import Contract, TensorSpec, check


def message(metadata: dict[str, str]) -> str:
    with pytest.raises(PerfLiveError) as caught:
        Contract.from_metadata(metadata, "model.onnx")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_metadata_round_trip_beside_properties_of_others():
    metadata = contract().to_metadata()
    assert all(key.startswith("perf_live.") for key in metadata)
    assert json.loads(metadata["perf_live.constants"]) == {"levels": [0.1, 0.5, 0.9]}
    assert Contract.from_metadata(metadata | {"onnx.infer": "x"}, "model.onnx") == contract()


def test_a_model_of_somebody_else_is_named():
    assert message({"author": "x"}).startswith("model.onnx: not a perf-live model")


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("contract_version", "2", "model.onnx: contract field 'contract_version': found 2, expected 1"),
        ("precision", '"float8"', "model.onnx: contract field 'precision': found 'float8', expected: Input should be 'float32'"),
        ("state", "[{", "model.onnx: contract field 'state': found '[{', expected JSON"),
        ("colour", '"red"', "model.onnx: contract field 'colour': found 'red', expected no such field"),
        ("inputs", '[{"name": "x", "shape": [1], "type": "int4"}]', "model.onnx: contract field 'inputs.0.type': found 'int4'"),
    ],
)
def test_a_wrong_field_is_named_with_found_and_expected(key, text, expected):
    assert message(contract().to_metadata() | {f"perf_live.{key}": text}).startswith(expected)


@pytest.mark.parametrize("field", ["licence", "parameters"])
def test_a_missing_field_is_named(field):
    metadata = contract().to_metadata()
    del metadata[f"perf_live.{field}"]
    assert message(metadata).startswith(f"model.onnx: contract field '{field}': found nothing")


def test_another_system_or_representation_is_refused():
    check(contract(), "model.onnx", SYSTEM, REPRESENTATION_VERSION)
    with pytest.raises(PerfLiveError, match="^model.onnx: contract field 'system': found 'adder', expected 'dexter'"):
        check(contract(), "model.onnx", "dexter", REPRESENTATION_VERSION)
    with pytest.raises(PerfLiveError, match="^model.onnx: contract field 'representation_version': found 3, expected 4"):
        check(contract(), "model.onnx", SYSTEM, 4)


def test_there_is_one_chunk_axis():
    assert contract().chunk_axis == "steps"
    with pytest.raises(ValidationError, match="one chunk axis"):
        Contract(**{**contract().model_dump(), "outputs": (TensorSpec(name="sum", shape=("notes", 2), type="float32"),)})


def with_streams(**fields):
    described = contract().model_dump()
    for kind in ("inputs", "outputs", "state"):
        described[kind] = [spec | {"shape": ("streams", *spec["shape"])} for spec in described[kind]]
    return described | fields


def test_there_may_be_an_axis_of_streams_in_everything():
    assert contract().stream_axis is None
    several = Contract(**with_streams())
    assert (several.chunk_axis, several.stream_axis) == ("steps", "streams")
    assert Contract.from_metadata(several.to_metadata(), "model.onnx") == several
    with pytest.raises(ValidationError, match="one axis of streams is allowed, got \\['others', 'streams'\\]"):
        Contract(**with_streams(state=[*with_streams()["state"], {"name": "more", "shape": ("others",), "type": "bool"}]))
    with pytest.raises(ValidationError, match="the first axis of 'sum' is not 'streams'"):
        Contract(**with_streams(outputs=contract().outputs))
