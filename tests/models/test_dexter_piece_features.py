"""What a score is like as a whole."""

import numpy as np
from dexter_pieces import made_up_notes, made_up_score_columns

from models.dexter.amounts import PIECE_FEATURES, piece_features
from models.dexter.features import FEATURES, note_features
from models.dexter.harmony import HARMONY, harmony


def test_a_piece_is_what_its_notes_and_onsets_are_on_average_and_how_they_differ():
    columns = made_up_score_columns(made_up_notes(256))
    features, onsets = note_features(columns), harmony(columns)
    found = dict(zip(PIECE_FEATURES, piece_features(columns, features).tolist(), strict=True))
    assert len(found) == 2 * len(FEATURES) + 2 * len(HARMONY) + 1 and found["notes"] == 8
    for name, measure in (("mean", np.mean), ("deviation", np.std)):
        expected = {f"{each}_{name}": measure(features[:, FEATURES.index(each)]) for each in ("pitch", "duration", "dynamic")}
        expected |= {f"onset_{each}_{name}": measure(onsets[:, HARMONY.index(each)]) for each in ("top", "bass_is_tonic", "novelty_8")}
        np.testing.assert_allclose([found[each] for each in expected], list(expected.values()), rtol=1e-4)
