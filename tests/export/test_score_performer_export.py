"""ScorePerformer's three graphs, small and with random weights, through export and verification, and a score performed by them."""

from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from score_performer_pieces import config, made_up_score, randomised

from engine.base.command_line import run
from engine.commands.render import app
from engine.midi.events import is_note_on
from engine.midi.file import read_midi_file
from engine.performers.score_performer.decoding import decode_piece
from engine.performers.score_performer.networks import open_networks
from engine.performers.score_performer.score import ScoreReading, score_tokens
from engine.performers.score_playing.columns import score_columns
from export import verify
from export.command import export_verified
from export.score_performer import network_specs
from models.layers.sampling import SamplingOptions
from models.performance.features import FEATURES, note_features
from models.score_performer import tempo_hold
from models.score_performer.score_representation import ONSET_LEVEL
from training.score_performer.rendering import render
from training.score_performer.task import ScorePerformerTask

NOTES = 32  # a window


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return the network, the folder of its graphs, and what verification said."""
    torch.manual_seed(0)
    settings = config()
    task = ScorePerformerTask(settings)
    randomised(task.network)
    folder, lines = tmp_path_factory.mktemp("export"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "STEPS", 1003)
        for name, spec in network_specs(settings.model_dump(mode="json"), task.state_dict()).items():
            lines += export_verified(spec, folder / name, "float32")
    return task.network, folder, lines


def test_the_graphs_verify_and_say_what_they_are(exported):
    network, folder, lines = exported
    assert len(lines) == 3 and all("1003 steps" in line and "100.00% of decisions equal" in line for line in lines)
    networks = open_networks(folder)
    contract = networks.decoder.contract
    assert contract.licence == "CC BY-NC-SA 4.0" and networks.window == 32 and networks.latents == network.config.latents
    assert contract.state[0].shape == (32, 16) and contract.state[-1].name == "passed" and contract.chunk_axis is None
    assert len(FEATURES) == networks._score.contract.inputs[1].shape[1]


def test_the_decoder_and_what_reads_scores_are_quantised(exported, tmp_path, monkeypatch):
    """The decoder's chances stay near those of floats, and its memory what it was."""
    network, _, _ = exported
    monkeypatch.setattr(verify, "STEPS", 303)
    settings = config()
    task = ScorePerformerTask(settings)
    task.network.load_state_dict(network.state_dict())
    for name, spec in network_specs(settings.model_dump(mode="json"), task.state_dict()).items():
        export_verified(spec, tmp_path / name, "int8")
    networks = open_networks(tmp_path)
    assert networks.decoder.contract.precision == networks._score.contract.precision == "int8"
    assert networks._style.contract.precision == "float32"
    operations = Counter(node.op_type for node in onnx.load(networks.decoder.path).graph.node)
    assert operations["MatMulNBits"] == 4 * network.config.decoder_layers + 4


def test_a_window_is_read_as_the_network_reads_it(exported):
    network, folder, _ = exported
    reading = ScoreReading(open_networks(folder), made_up_score(30))
    tokens, segments = score_tokens(reading.score)
    _, expected, tempo = read(network, reading)
    np.testing.assert_allclose(reading.expected, expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(reading.understand(slice(0, 30)).tempo, tempo.numpy()[reading.before], atol=1e-5)
    np.testing.assert_array_equal(reading.tokens, tokens)
    np.testing.assert_array_equal(reading.segments, segments)


def read(network, reading):
    """Return what the network makes of a score of one window."""
    given = reading.tokens, note_features(score_columns(reading.score)), np.ones(len(reading.tokens), bool)
    with torch.inference_mode():
        return [each[0] for each in network.read_score(*(torch.from_numpy(each)[None] for each in given))]


def test_notes_are_decoded_as_in_training(exported, monkeypatch):
    """Where nothing holds the tempo."""
    monkeypatch.setattr(tempo_hold.TempoHold, "deviation", lambda hold, deviation, *others: deviation)
    network, folder, _ = exported
    networks = open_networks(folder)
    reading = ScoreReading(networks, made_up_score(NOTES))
    style = np.random.default_rng(0).normal(size=reading.expected.shape).astype(np.float32)
    played = decode_piece(networks, reading, lambda rows, expected: style[rows], 5, 1.0, 0.95)
    notes = reading.score.notes
    places = list(zip(reading.segments[:, ONSET_LEVEL].tolist(), notes["onset_quarter"].tolist(), notes["is_grace"].tolist(), strict=True))
    expected = render(network, reading.tokens, places, read(network, reading)[0], torch.from_numpy(style), 5, SamplingOptions())
    np.testing.assert_array_equal(played, expected)


def test_a_style_is_read_as_the_network_reads_it(exported):
    network, folder, _ = exported
    tokens, segments = score_tokens(made_up_score(30))
    found = open_networks(folder).read_style(tokens, segments)
    with torch.inference_mode():
        levels = network.encode_style(*(torch.from_numpy(each)[None] for each in (tokens, segments)), torch.ones(1, 30, dtype=torch.bool))
    np.testing.assert_allclose(found, torch.cat([level.by_note()[0] for level in levels], -1).numpy(), atol=1e-5)


PITCH = "<pitch><step>{}</step><octave>4</octave></pitch><duration>{}</duration><voice>1</voice>"
MEASURE = f"<measure number='{{}}'>{{}}<note>{PITCH.format('C', 4)}</note><note>{PITCH.format('E', 12)}</note></measure>"
ATTRIBUTES = "<attributes><divisions>4</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
SCORE = f"""<score-partwise version="3.1"><part-list><score-part id="P"><part-name>P</part-name></score-part></part-list>
<part id="P">{MEASURE.format(1, ATTRIBUTES)}{MEASURE.format(2, "")}</part></score-partwise>"""


def test_a_score_is_performed_by_what_was_exported(exported, tmp_path, capfd):
    score, out = tmp_path / "score.musicxml", tmp_path / "out.mid"
    score.write_text(SCORE)
    arguments = [score, "-o", out, "--performer", "score-performer", "--model", exported[1], "--seed", 3, "--set", "temperature=1"]
    assert run(app, "perf-render", [str(argument) for argument in arguments]) == 0
    assert "performed 1 of 1 files, 4 notes" in capfd.readouterr().out
    assert [event.message[1] for event in read_midi_file(out).events if is_note_on(event.message)] == [60, 64, 60, 64]
