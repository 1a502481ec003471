"""DExter's seven descriptors: each follows how a piece is played."""

import numpy as np
import pytest

from engine.score.tables import SCORE_NOTE_DTYPE
from models.performance.descriptors import DESCRIPTORS, LEANING, LOCAL_S, describe, read_descriptors, roughness, tonal_leans
from models.performance.pedal import Pedal
from models.performance.representation import Performed

NO_PEDAL = Pedal(np.zeros(0), np.zeros(0, dtype=int))
MELODY = (72, 74, 76, 77, 79, 77, 76, 74, 75, 73, 72, 71)  # mostly C major, with a minor third and other chromatic notes
BEATS = 24


def piece(beats=BEATS):
    """Return quarter notes over broken chords in eighths, and its performance as written at 120 beats a minute, all at velocity 64."""
    rows = []
    for beat in range(beats):
        rows.append((float(beat), 1.0, MELODY[beat % len(MELODY)]))
        rows += [(beat + half / 2, 0.5, pitch) for half, pitch in enumerate((48, 55))]
    rows.sort()
    notes = np.zeros(len(rows), SCORE_NOTE_DTYPE)
    for note, row in zip(notes, rows, strict=True):
        note["onset_quarter"], note["duration_quarter"], note["pitch"] = row
    return notes, as_written(notes)


def as_written(notes, pedal=NO_PEDAL):
    velocity = np.full(len(notes), 64)
    return Performed(notes["onset_quarter"] / 2, notes["duration_quarter"] / 2, velocity, pedal)


def moved(descriptor, performed, before=None):
    """Return by how much a descriptor changes, averaged over the piece."""
    notes, written = piece()
    column = DESCRIPTORS.index(descriptor)
    return (describe(notes, performed)[:, column] - describe(notes, before or written)[:, column]).mean()


def louder(notes, written, chosen, by=20):
    return written._replace(velocity=np.where(chosen, written.velocity + by, written.velocity - by))


def test_melodiousness_follows_loudness_and_legato_of_the_melody():
    notes, written = piece()
    melody = notes["pitch"] >= 71
    assert moved("melodiousness", louder(notes, written, melody)) > 0.1
    assert moved("melodiousness", louder(notes, written, ~melody)) < -0.1
    legato = written._replace(duration_sec=np.where(melody, 1.1, 0.4) * written.duration_sec)
    assert moved("melodiousness", legato) > 0.1


def test_the_melody_is_what_sounds_highest_by_the_score():
    notes, written = piece()
    notes["duration_quarter"][notes["pitch"] >= 71] = 0.5  # the second eighth is now the highest, though lower than the melody
    second = notes["pitch"] == 55
    as_melody = describe(notes, louder(notes, written, second))[:, 0].mean() - describe(notes, written)[:, 0].mean()
    assert as_melody > moved("melodiousness", louder(notes, written, second)) + 0.1


@pytest.mark.parametrize("share", [0.3, 0.6, 1.2])
def test_articulation_is_the_share_of_the_inter_onset_interval(share):
    notes, written = piece()
    performed = written._replace(duration_sec=share * written.duration_sec)
    assert describe(notes, performed)[:, 1].mean() * 1.25 == pytest.approx(share, abs=0.05)


def test_rhythm_complexity_follows_displaced_onsets_and_spread_chords():
    notes, written = piece()
    off_beat = notes["onset_quarter"] % 1 == 0.5
    assert moved("rhythm_complexity", written._replace(onset_sec=written.onset_sec + 0.08 * off_beat)) > 0.1
    apart = 0.03 * (notes["pitch"] >= 71) - 0.03 * (notes["pitch"] == 48)  # the chord's mean onset stays
    assert moved("rhythm_complexity", written._replace(onset_sec=written.onset_sec + apart)) > 0.1


def test_rhythm_stability_falls_with_rubato_but_not_with_tempo():
    notes, written = piece()
    rubato = 0.2 * np.sin(notes["onset_quarter"])
    assert moved("rhythm_stability", written._replace(onset_sec=written.onset_sec + rubato)) < -0.1
    assert abs(moved("rhythm_stability", written._replace(onset_sec=1.1 * written.onset_sec))) < 0.03


def test_dissonance_follows_the_pedal_and_the_loudness_of_what_is_dissonant():
    notes, written = piece()
    held = written._replace(pedal=Pedal(np.array([0.0]), np.array([127])))
    assert moved("dissonance", held) > 0.1
    lifted = written._replace(pedal=Pedal(np.arange(48) / 4, np.tile([127, 0], 24)))
    assert moved("dissonance", lifted, held) < -0.1
    chromatic = np.isin(notes["pitch"] % 12, (1, 3, 11))
    assert moved("dissonance", louder(notes, held, chromatic), louder(notes, held, ~chromatic)) > 0.02


def test_tonal_stability_follows_the_weight_of_the_keys_notes():
    notes, written = piece()
    in_key = np.isin(notes["pitch"] % 12, (0, 4, 7))
    assert moved("tonal_stability", louder(notes, written, in_key), louder(notes, written, ~in_key)) > 0.1


def test_minorness_follows_the_weight_of_the_thirds():
    notes, written = piece()
    minor, major = notes["pitch"] == 75, notes["pitch"] == 76
    weights = 40 * minor - 40 * major
    darker, brighter = (written._replace(velocity=written.velocity + sign * weights) for sign in (1, -1))
    assert moved("minorness", darker, brighter) > 0.1


def test_only_what_is_near_counts():
    notes, written = piece(beats=60)
    late = written.onset_sec > 20
    performed = written._replace(velocity=np.where(late, 1 + notes["pitch"], 64), duration_sec=np.where(late, 0.1, written.duration_sec))
    changed = np.abs(describe(notes, performed) - describe(notes, written)) > 1e-9
    assert changed[written.onset_sec > 20].any(axis=0).sum() >= 4
    assert not changed[written.onset_sec < 19.5 - LOCAL_S].any()


def test_rows_may_be_in_any_order():
    notes, written = piece()
    order = np.random.default_rng(0).permutation(len(notes))
    shuffled = Performed(*(column[order] for column in written[:3]), written.pedal)
    np.testing.assert_allclose(describe(notes[order], shuffled), describe(notes, written)[order], atol=1e-9)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("grace", [False, True])
def test_few_notes_have_no_extreme_descriptors(count, grace):
    notes, written = piece()
    notes, performed = notes[:count].copy(), Performed(*(column[:count] for column in written[:3]), NO_PEDAL)
    notes["is_grace"] = grace
    described = describe(notes, performed)
    assert described.shape == (count, 7)
    assert (described >= 0).all() and (described <= 1).all()


def test_notes_that_are_not_played_are_described_by_what_is_around_them():
    notes, written = piece()
    missing = np.zeros(len(notes), dtype=bool)
    missing[[0, 30, len(notes) - 1]] = True
    performed = Performed(
        np.where(missing, np.nan, written.onset_sec), np.where(missing, np.nan, written.duration_sec), written.velocity * ~missing, NO_PEDAL
    )
    np.testing.assert_allclose(describe(notes, performed), describe(notes, written), atol=0.1)


def test_a_performance_needs_a_note():
    notes, written = piece()
    with pytest.raises(ValueError, match="at least one performed note"):
        describe(notes, written._replace(onset_sec=np.full(len(notes), np.nan)))


def test_random_performances_stay_in_range():
    rng = np.random.default_rng(1)
    notes, _ = piece()
    for _ in range(20):
        times = np.sort(rng.uniform(0, 40, 30))
        pedal = Pedal(times, rng.integers(0, 128, 30))
        performed = Performed(
            np.where(rng.random(len(notes)) < 0.1, np.nan, rng.uniform(0, 40, len(notes))),
            rng.uniform(0, 8, len(notes)),
            rng.integers(1, 128, len(notes)),
            pedal,
        )
        described = describe(notes, performed)
        assert np.isfinite(described).all() and (described >= 0).all() and (described <= 1).all()


def test_roughness_is_greatest_for_a_semitone_and_least_for_an_octave():
    table = roughness()
    np.testing.assert_allclose(table, table.T)
    above_middle_c = table[60, 61:73]
    assert above_middle_c[0] == 1 and above_middle_c.argmin() == 11
    assert above_middle_c[6] < above_middle_c[4] < above_middle_c[5]  # fifth, fourth, tritone
    assert table[36, 40] > table[60, 64] > table[84, 88]  # a major third is rougher in the bass


def test_the_papers_descriptors_are_those_of_the_last_frame_at_or_before_an_onset(tmp_path):
    path = tmp_path / "take_cep_features.csv"
    frames = [[0.5, *range(7)], [1.0, *range(10, 17)], [1.5, *range(20, 27)]]
    path.write_text("frame_start_time,a,b,c,d,e,f,g\n" + "\n".join(",".join(map(str, frame)) for frame in frames) + "\n")
    described = read_descriptors(path, np.array([0.2, 0.99, 1.0, np.nan, 9.0]))
    np.testing.assert_array_equal(described[:, 0], [0, 0, 10, 0, 20])
    np.testing.assert_array_equal(described[2], np.arange(10, 17))


def test_missing_descriptors_are_zeros_and_broken_ones_are_refused(tmp_path):
    np.testing.assert_array_equal(read_descriptors(tmp_path / "none.csv", np.zeros(3)), np.zeros((3, 7)))
    for text in (
        "",
        "frame_start_time,a\n1,2\n",
        "a,b,c,d,e,f,g,h\n1,2,3,4,5,6,7,8\n",
        "frame_start_time,a,b,c,d,e,f,g\n1,2,3,x,5,6,7,8\n",
    ):
        path = tmp_path / "broken.csv"
        path.write_text(text)
        with pytest.raises(ValueError, match="broken.csv.*frame_start_time and 7 others"):
            read_descriptors(path, np.zeros(3))


@pytest.mark.parametrize("name", LEANING)
def test_louder_notes_that_lean_to_a_descriptor_raise_it(name):
    notes, written = piece()
    lean = tonal_leans(notes)[:, LEANING.index(name)]
    assert np.abs(lean).max() < 4
    velocity = np.round(64 + 8 * lean).astype(int)
    assert moved(name, written._replace(velocity=velocity)) > 0.01
    assert moved(name, written._replace(velocity=128 - velocity)) < -0.01


def test_the_notes_of_a_key_are_at_home_in_it():
    scale = np.tile([60, 62, 64, 65, 67, 69, 71, 72], 8)
    notes = np.zeros(65, SCORE_NOTE_DTYPE)
    notes["pitch"] = [*scale[:32], 66, *scale[32:]]
    notes["onset_quarter"], notes["duration_quarter"] = np.arange(65), 1
    home, minor = tonal_leans(notes).T
    assert home[0] == home[7] == home.max() > 1 and home[32] < 0 > minor[0] - minor[5]
    notes["pitch"] = [*np.tile([60, 63, 67, 72, 63, 60, 67, 71], 8), 64]  # c minor
    home, _ = tonal_leans(notes).T
    assert home[0] == home.max() and home[1] > 1 > 0 > home[64]
