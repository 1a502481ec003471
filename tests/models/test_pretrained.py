"""Every model that ships has a card that says what it may be used for, and is no pickle."""

import re

import pytest

from engine.onnx.contract import Contract
from engine.onnx.model import Model
from engine.performers.dexter.performer import RESIDUALS_FILE
from engine.performers.drums.networks import ADDED_SYSTEM, DRAWING_FILES, GROOVE_SYSTEM, LIVE_SYSTEM
from engine.performers.score_performer.networks import DECODER_SYSTEM, SCORE_SYSTEM, STYLE_SYSTEM
from engine.performers.score_performer.performer import STYLE_SPACE_FILE
from engine.performers.velocity.networks import LOOKAHEAD_SYSTEM, MEMORY_SYSTEM, SYSTEM
from engine.sound.performance_net import stream as neural_stream
from models.drums import representation as drums
from models.performance import representation as dexter
from models.performance.features import FEATURES
from models.performance_net import representation as performance_net
from models.performance_rnn import representation as performance_rnn
from models.performance_rnn import sampling
from models.pretrained import pretrained
from models.score_performer import representation as score_performer
from models.velocity import representation as velocity

VELOCITY = ("velocity.onnx", "velocity_lookahead.onnx", "velocity_pop.onnx", "velocity_pop_lookahead.onnx")
SHIPPED = {
    "velocity.onnx": (SYSTEM, velocity.REPRESENTATION_VERSION),
    "velocity_memory.onnx": (MEMORY_SYSTEM, velocity.REPRESENTATION_VERSION),
    "velocity_lookahead.onnx": (LOOKAHEAD_SYSTEM, velocity.REPRESENTATION_VERSION),
    "velocity_pop.onnx": (SYSTEM, velocity.REPRESENTATION_VERSION),
    "velocity_pop_memory.onnx": (MEMORY_SYSTEM, velocity.REPRESENTATION_VERSION),
    "velocity_pop_lookahead.onnx": (LOOKAHEAD_SYSTEM, velocity.REPRESENTATION_VERSION),
    "dexter_mean.onnx": ("dexter-mean", dexter.REPRESENTATION_VERSION),
    "dexter_denoise.onnx": ("dexter-denoise", dexter.REPRESENTATION_VERSION),
    "dexter_trees.onnx": ("dexter-trees", dexter.REPRESENTATION_VERSION),
    "dexter_pedalling.onnx": ("dexter-pedalling", dexter.REPRESENTATION_VERSION),
    "dexter_profile.onnx": ("dexter-profile", dexter.REPRESENTATION_VERSION),
    "performance_net.onnx": (neural_stream.SYSTEM, performance_net.REPRESENTATION_VERSION),
    "performance_net_violin.onnx": (neural_stream.SYSTEM, performance_net.REPRESENTATION_VERSION),
    "performance_net_cello.onnx": (neural_stream.SYSTEM, performance_net.REPRESENTATION_VERSION),
    "performance_net_flute.onnx": (neural_stream.SYSTEM, performance_net.REPRESENTATION_VERSION),
    "score_performer.onnx": (DECODER_SYSTEM, score_performer.REPRESENTATION_VERSION),
    "score_performer_score.onnx": (SCORE_SYSTEM, score_performer.REPRESENTATION_VERSION),
    "score_performer_style.onnx": (STYLE_SYSTEM, score_performer.REPRESENTATION_VERSION),
    "drums_groove.onnx": (GROOVE_SYSTEM, drums.REPRESENTATION_VERSION),
    "drums_live.onnx": (LIVE_SYSTEM, drums.REPRESENTATION_VERSION),
    "drums_added.onnx": (ADDED_SYSTEM, drums.REPRESENTATION_VERSION),
    "performance_rnn.onnx": (sampling.SYSTEM, performance_rnn.REPRESENTATION_VERSION),
}

# what a card must state, by how a model's name begins
FIGURES = {
    "velocity": "absolute error",
    "dexter": "correlation",
    "performance_rnn": "nats an event",
    "performance_net": "multi-resolution",
    "score_performer": "correlation",
    "drums": "absolute error",
}
DATA = {"drums": "Groove MIDI Dataset", "velocity_pop": "POP909"}  # what they learnt from; all others from (n)ASAP


def contract_of(name) -> Contract:
    return Model(pretrained(name), *SHIPPED[name]).contract


def test_nothing_else_ships():
    folder = pretrained("velocity.onnx").parent
    found = {path.name for path in folder.iterdir() if path.suffix not in (".py", ".md")} - {"__pycache__"}
    assert found == {*SHIPPED, STYLE_SPACE_FILE, RESIDUALS_FILE, *DRAWING_FILES.values()}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_states_data_licence_and_figures(name):
    parts = "_memory|(?<=pop)_lookahead|(?<=performer)_(score|style)|(?<=_net)_(violin|cello|flute)|(?<=drums)_(groove|live|added)"
    of_the_card = re.sub(parts, "", name)
    card = pretrained(of_the_card).with_suffix(".md").read_text(encoding="utf-8")
    contract = contract_of(name)
    figure = next(figure for prefix, figure in FIGURES.items() if name.startswith(prefix))
    data = next((data for prefix, data in DATA.items() if name.startswith(prefix)), "(n)ASAP")
    for word in (contract.licence, data, figure, "human", contract.configuration_hash):
        assert word in card


@pytest.mark.parametrize("name", VELOCITY)
def test_the_noise_was_fitted(name):
    shares = contract_of(name).constants["noise_shares"]
    assert 0.3 < sum(shares) <= 1 and min(shares) >= 0


def test_dexters_mean_is_made_as_expressive_as_a_human_and_its_denoiser_knows_how_performers_differ():
    gains = contract_of("dexter_mean.onnx").constants["gains"]
    assert min(gains) > 0 and gains != [1.0] * 8
    assert min(contract_of("dexter_denoise.onnx").constants["residual_deviation"]) > 0
    features = contract_of("dexter_mean.onnx").constants["features"]
    assert features == list(FEATURES)
