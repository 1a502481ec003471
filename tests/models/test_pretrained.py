"""Every model that ships has a card that says what it may be used for, and is no pickle."""

import pytest

from engine.contract import Contract
from engine.model import Model
from engine.performers.velocity import LOOKAHEAD_SYSTEM, SYSTEM
from models.pretrained import pretrained
from models.velocity_transformer.representation import REPRESENTATION_VERSION

SHIPPED = {"velocity.onnx": SYSTEM, "velocity_lookahead.onnx": LOOKAHEAD_SYSTEM}


def contract_of(name) -> Contract:
    return Model(pretrained(name), SHIPPED[name], REPRESENTATION_VERSION).contract


def test_nothing_else_ships():
    folder = pretrained("velocity.onnx").parent
    assert {path.name for path in folder.iterdir() if path.suffix not in (".py", ".md")} - {"__pycache__"} == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_states_data_licence_and_figures(name):
    card = pretrained(name).with_suffix(".md").read_text(encoding="utf-8")
    contract = contract_of(name)
    for word in (contract.licence, "(n)ASAP", "absolute error", "human", contract.configuration_hash):
        assert word in card


@pytest.mark.parametrize("name", SHIPPED)
def test_the_noise_was_fitted(name):
    shares = contract_of(name).constants["noise_shares"]
    assert 0.3 < sum(shares) <= 1 and min(shares) >= 0
