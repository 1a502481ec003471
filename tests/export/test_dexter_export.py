"""DExter's two graphs, small and with random weights, through export and verification."""

import numpy as np
import pytest
import torch
import yaml

from engine.onnx.model import Model
from export import dexter
from export.command import export_verified
from models.performance.features import FEATURES


def small(request, name):
    config = yaml.safe_load((request.config.rootpath / "configs" / "dexter" / f"{name}.yaml").read_text())
    config["mean" if "mean" in config else "network"] |= {"width": 16, "blocks": 2}
    if "denoiser" in config:
        config["denoiser"] |= {"width": 16, "blocks": 2}
    return config


@pytest.mark.parametrize(("name", "build"), [("mean", dexter.mean_spec), ("denoiser", dexter.denoise_spec)])
def test_a_graph_verifies_and_says_what_it_is(name, build, request, tmp_path):
    torch.manual_seed(0)
    spec = build(small(request, name), None)
    rng = np.random.default_rng(0)
    for parameter in spec.module.parameters():
        parameter.data += 0.1 * parameter.data.new_tensor(rng.normal(size=parameter.shape))  # the denoiser's last layer begins at zero
    (line,) = export_verified(spec, tmp_path / "model.onnx", "float32")
    assert "100.00% of decisions equal" in line
    contract = Model(tmp_path / "model.onnx", spec.contract.system, spec.contract.representation_version).contract
    assert contract.licence == "CC BY-NC-SA 4.0" and contract.constants["window_notes"] == 256
    if name == "mean":
        assert contract.constants["features"] == list(FEATURES) and len(contract.constants["gains"]) == 8
    else:
        assert len(contract.constants["residual_deviation"]) == 8 and contract.constants["residual_gains"] == [1.0] * 8


def test_the_mean_is_quantised_and_the_denoiser_is_not(request, tmp_path):
    torch.manual_seed(0)
    for name, build, precision in (("mean", dexter.mean_spec, "int8"), ("denoiser", dexter.denoise_spec, "float32")):
        spec = build(small(request, name), None)
        export_verified(spec, tmp_path / f"{name}.onnx", "int8")
        assert Model(tmp_path / f"{name}.onnx", spec.contract.system, spec.contract.representation_version).contract.precision == precision
