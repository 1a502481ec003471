"""What ScorePerformer's tests share: scores and performances made up, and small networks."""

import numpy as np
import torch
from dexter_pieces import made_up_notes

from engine.score.tables import MARKING_DTYPE, MEASURE_DTYPE, TEMPO_DTYPE, TIME_SIGNATURE_DTYPE, Score
from models.score_performer.network import ScorePerformerConfig
from models.score_performer.score_representation import encode_score, note_segments
from training.datasets.aligned import PERFORMED_DTYPE, AlignedPerformance
from training.datasets.performances import PEDAL_DTYPE
from training.score_performer.task import ScorePerformerTrainingConfig

CONFIG = ScorePerformerConfig(
    width=24, field_width=8, heads=2, head_width=8, expansion=2, score_layers=1, style_layers=2, decoder_layers=2, window=12
)

STILL = {"deadpan": 0.0, "forget_markings": 0.0, "transpose_semitones": 0, "velocity_steps": 0, "tempo_steps": 0}


def encoded_score(notes, beats=4, beat_type=4, tempo=90.0):
    bar = 4 * beats / beat_type
    measures = np.array([(bar * k, bar, k + 1) for k in range(int(notes["onset_quarter"].max() // bar) + 1)], MEASURE_DTYPE)
    signatures = np.array([(0, beats, beat_type)], TIME_SIGNATURE_DTYPE)
    tokens = encode_score(notes, measures, signatures, np.full(len(notes), tempo), np.full(len(notes), 64))
    return tokens, note_segments(notes, measures, signatures)


def made_up_score(count, seed=0, tempos=((0.0, 80.0), (8.0, 120.0))):
    notes = made_up_notes(count, seed)
    measures = np.array([(4.0 * k, 4.0, k + 1) for k in range(int(notes["onset_quarter"].max() // 4) + 1)], MEASURE_DTYPE)
    signatures = np.array([(0.0, 4, 4)], TIME_SIGNATURE_DTYPE)
    markings = np.zeros(len(notes), MARKING_DTYPE)
    return Score(notes, measures, signatures, np.array(list(tempos), TEMPO_DTYPE), markings, has_markings=True)


def made_up_item(count, seed=0, name="one", piece="piece", score=None):
    """A performance that swings, of all notes but one, with a soft pedal too."""
    random = np.random.default_rng(seed)
    score = score or made_up_score(count)
    quarters = score.notes["onset_quarter"]
    performed = np.zeros(count, PERFORMED_DTYPE)
    performed["onset_sec"] = 2 + 0.6 * quarters + 0.1 * np.sin(quarters + seed) + random.uniform(-0.01, 0.01, count)
    performed["duration_sec"] = 0.5 * score.notes["duration_quarter"] * random.uniform(0.4, 1.0, count)
    performed["velocity"] = random.integers(20, 110, count)
    performed[3] = (np.nan, np.nan, 0)
    times = np.arange(2.2, performed["onset_sec"][-1], 0.9)
    pedals = np.array([(time, 64, 127 * (k % 2)) for k, time in enumerate(times)] + [(2.5, 67, 99)], PEDAL_DTYPE)
    return AlignedPerformance(name, piece, score, performed, pedals[np.argsort(pedals["time_sec"])], 0)


def randomised(network):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return network.eval()


def config(**changes):
    network = {"width": 24, "field_width": 8, "heads": 2, "head_width": 8, "expansion": 1, "window": 32, "reads_features": True}
    network |= {"score_layers": 1, "style_layers": 1, "decoder_layers": 1, "dropout": 0.0}
    settings = {"task": "score-performer", "network": network, "windows": {"notes": 32, "per_batch": 4} | STILL | {"deadpan": 0.25}}
    settings |= {"draws": 64, "most_latents": 64, "expected": 0.25, "forgetful": 0.5}
    settings |= {"steps": 60, "learning_rate": 0.01, "warm_up_steps": 5, "weight_decay": 0.0}
    settings |= {"average": 0.5, "validation_windows": 3, "validate_every_steps": 30, "seed": 0}
    return ScorePerformerTrainingConfig.model_validate(settings | changes)
