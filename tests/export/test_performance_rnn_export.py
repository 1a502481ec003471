"""Performance RNN, small and with random weights, through export, quantisation and verification; then measured as perf-eval does."""

import numpy as np
import pytest
import torch

from engine.performers.performance_rnn.networks import open_model
from export.command import export_verified
from export.performance_rnn import network_specs
from models.performance_rnn.representation import MAGENTA, NOTE_DTYPE
from training.evaluation.performance_rnn.figures import (
    TAKE_S,
    describe_run,
    describe_take,
    distance,
    improvise,
    predict,
    summarise,
    takes_of,
)
from training.performance_rnn.data import PerformanceRNNTrainingConfig, SoundingNotes
from training.performance_rnn.figures import count_events
from training.performance_rnn.task import PerformanceRNNTask

CONFIG = {
    "task": "performance-rnn",
    "network": {"steps_per_second": 100, "embedding": 8, "width": 16, "layers": 2},
    "lanes": 1,
    "events_per_window": 1,
    "stretch": [1.0],
    "transpose_semitones": 0,
    "known_share": 0.5,
    "steps": 1,
    "learning_rate": 0.1,
    "warm_up_steps": 1,
    "weight_decay": 0.0,
    "average": 0.5,
    "validate_every_steps": 1,
    "seed": 0,
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    torch.manual_seed(0)
    weights = PerformanceRNNTask(PerformanceRNNTrainingConfig.model_validate(CONFIG)).state_dict()
    (spec,) = network_specs(CONFIG, weights).values()
    return path, export_verified(spec, path, "int8"), _count_weights(spec.module)


def _count_weights(module):
    """Count the tensors of the streaming module, of which those of the network are made."""
    first, second = module.layers
    tensors = (module.event_sums, first.weight, second.weight, second.bias, module.output_weight, module.network.output.bias)
    return sum(tensor.numel() for tensor in tensors)


def test_the_graph_verifies_in_both_precisions(exported):
    path, lines, weights = exported
    assert "100.00% of decisions equal" in lines[0] and lines[1].startswith("int8 against float32")
    contract = open_model(path).contract
    assert contract.licence == "CC BY-NC-SA 4.0" and contract.constants == {"steps_per_second": 100}
    assert contract.precision == "int4" and contract.parameters == weights
    assert path.stat().st_size < 200_000


def even_notes(count, interval_s):
    notes = np.zeros(count, NOTE_DTYPE)
    notes["onset_sec"], notes["duration_sec"] = np.arange(count) * interval_s, 0.1
    notes["pitch"], notes["velocity"] = 60 + np.arange(count) % 4, 64
    return notes


def test_it_is_measured(exported):
    model = open_model(exported[0])
    notes = SoundingNotes(np.concatenate([even_notes(200, 0.5), even_notes(20, 0.5)]), np.array([0, 200, 220]))
    rows = predict(model, notes, count_events(MAGENTA, notes))
    assert rows["bigram"].by_event < rows["unigram"].by_event < rows["performance-rnn"].by_event
    assert rows["performance-rnn"].by_event != rows["performance-rnn, told"].by_event
    seconds = 199 * 0.5 + 0.1 + 19 * 0.5 + 0.1
    events = 2 * 220 + 2 * 220 - 2 + 2  # keys down and up, times between them, and each performance's velocity
    assert rows["unigram"].by_second == pytest.approx(rows["unigram"].by_event * events / seconds, rel=0.01)
    (human,) = takes_of(notes.performance(0))
    assert describe_take(human) == pytest.approx(
        {
            "notes a second": 2.0,
            "velocity": 64,
            "velocity spread": 0,
            "inter-onset interval, median, s": 0.5,
            "share of onsets in chords": 0,
            "note length, median, s": 0.1,
            "notes sounding at an onset": 1,
            "pitch-class entropy, bits": 2,
            "longest silence, s": 0.4,
            "share of repeated four-note sequences": 1 - 4 / 117,
        }
    )
    summary = summarise([describe_take(improvise(model, 0, TAKE_S)), describe_take(human)])
    assert set(summary) == set(describe_take(human)) and summary["velocity"].deviation > 0


def test_the_distance_from_humans():
    takes = [{"velocity": float(velocity), "notes a second": 5.0 + place % 2} for place, velocity in enumerate(range(50, 71))]
    humans = summarise(takes)
    assert humans["velocity"][2:] == (60.0, 52.0, 68.0)
    louder = summarise([take | {"velocity": take["velocity"] + 2 * humans["velocity"].deviation} for take in takes])
    assert distance(humans, humans) == 0 and distance(louder, humans) == pytest.approx(1.0)


def test_a_run_is_measured_minute_by_minute():
    first, other = even_notes(120, 0.5), even_notes(120, 0.5)
    other["pitch"] = 80 + np.arange(120) % 5
    takes = takes_of(np.concatenate(_one_after_the_other([first, first, other, first[:20]])))
    assert [len(take) for take in takes] == [120, 120, 120] and takes[2]["onset_sec"][0] == 0
    shares = [described["share of sequences of the minute before"] for described in describe_run(takes)]
    assert shares == [1.0, 0.0]


def _one_after_the_other(tables):
    tables = [table.copy() for table in tables]
    for index, table in enumerate(tables):
        table["onset_sec"] += index * TAKE_S
    return tables
