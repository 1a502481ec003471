"""A score's performance by ScorePerformer in progress: the same as its tokens decoded, and conducted on the way, soon heard."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from score_playing import BARS, START_NS, assert_all_released, melody, notes_of, play
from synthetic_score_performer import LATENTS, STYLE, WINDOW, write_models

from engine.errors import PerfLiveError, UsageError
from engine.events import is_control_change, is_note_off, is_note_on
from engine.performers.score_performer import STYLE_SPACE_FILE, load_performer
from engine.performers.score_performer_decoding import decode_piece
from engine.performers.score_performer_networks import Networks
from engine.performers.score_performer_score import read_score
from engine.performers.score_performer_style import StyleWishes
from models.dexter.representation import Pedal, Performed
from models.score_performer.representation import decode_performance
from models.score_performer.style_space import StyleSpace

SOON_S = 0.3


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    folder = write_models(tmp_path_factory.mktemp("models"))
    louder = np.eye(STYLE)[0]
    StyleSpace(LATENTS, np.zeros(STYLE), np.eye(STYLE), {"loudness": louder}, {"loudness": "louder"}).save(folder / STYLE_SPACE_FILE)
    return load_performer(folder, None)


def expected_style(rows, expected):
    return expected


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_what_is_sent_is_what_the_tokens_say(performer, temperature):
    piece = melody()
    stream = performer.perform(piece, 3, {"temperature": temperature}, ahead=False)
    events = play(stream)
    reading = read_score(performer.networks, piece.score)
    tokens = decode_piece(performer.networks, reading, expected_style, 3, temperature, 0.95)
    expected = decode_performance(piece.score.notes, reading.segments, tokens)
    table = stream.performed
    onsets, ends = ((table[field] - table["onset_ns"][0]) / 1e9 for field in ("onset_ns", "end_ns"))
    np.testing.assert_allclose(onsets, expected.onset_sec - expected.onset_sec[0], atol=1e-8)
    np.testing.assert_allclose(ends - onsets, np.maximum(expected.duration_sec, 0.01), atol=1e-8)
    np.testing.assert_array_equal(table["velocity"], expected.velocity)
    pedal = [(event.time_ns / 1e9, event.message[2]) for event in events if is_control_change(event.message)]
    begun_sec = START_NS / 1e9 - (table["onset_ns"][0] / 1e9 - expected.onset_sec[0])
    assert [value for _, value in pedal] == expected.pedal.value.tolist()
    np.testing.assert_allclose([time_s + begun_sec for time_s, _ in pedal], expected.pedal.time_sec, atol=1e-8)
    assert_all_released(events)
    assert np.std(np.diff(np.unique(np.round(onsets, 2)))) > 0.003 and table["velocity"].std() > 3


def test_seeds_differ_and_are_repeatable(performer):
    one, again, other = (notes_of(play(performer.perform(melody(), seed, {"temperature": 1}, ahead=False))) for seed in (1, 1, 2))
    assert one == again != other


def test_expression_0_is_as_written(performer):
    events = play(performer.perform(melody(), 0, {"expression": 0}, ahead=False))
    onsets = [note[0] for note in notes_of(events)]
    assert onsets == pytest.approx([0.6 * (4 * bar + place) for bar, place in itertools.product(range(BARS), (0, 0, 1, 2, 3))])
    assert {note[2] for note in notes_of(events)} == {64}
    lengths = [event.time_ns / 1e9 for event in events if is_note_off(event.message)]
    assert sum(lengths) - sum(onsets) == pytest.approx(0.6 * len(onsets))
    assert not any(is_control_change(event.message) for event in events)


def test_the_tempo_control_scales_time(performer):
    plain, fast = (notes_of(play(performer.perform(melody(), 0, {"tempo": tempo}, ahead=False))) for tempo in (1, 2))
    assert [note[0] for note in fast] == pytest.approx([note[0] / 2 for note in plain], abs=1e-6)


@pytest.mark.parametrize(("name", "value"), [("dynamics", 30), ("expression_velocity", 0), ("temperature", 0), ("loudness", 2)])
def test_a_changed_control_is_heard_soon_and_not_before(performer, name, value):
    plain = notes_of(play(performer.perform(melody(), 0, {"temperature": 0.5}, ahead=False)))
    for time_s in (20.0, 20.2, 20.43):
        stream = performer.perform(melody(), 0, {"temperature": 0.5}, ahead=False)
        changed = notes_of(play(stream, [(time_s, lambda _, stream=stream: stream.set_control(name, value))]))
        assert len(changed) == len(plain)
        differ = [index for index, pair in enumerate(zip(plain, changed, strict=True)) if pair[0] != pair[1]]
        before = [note for note in changed if note[0] < time_s]
        assert differ[0] >= len(before) and changed[: differ[0]] == plain[: differ[0]]
        assert differ[0] <= sum(note[0] < time_s + SOON_S for note in plain) + 1  # of a chord's notes one may be as it was
    if name == "loudness":
        assert np.mean([note[2] for note in changed[-50:]]) > np.mean([note[2] for note in plain[-50:]]) + 5


def test_a_pause_releases_and_goes_on_where_it_was(performer):
    stream = performer.perform(melody(), 0, {}, ahead=False)
    events = play(stream, [(10.2, stream.pause), (15.2, stream.start)])
    plain = notes_of(play(performer.perform(melody(), 0, {}, ahead=False)))
    paused = notes_of(events)
    assert [note[1:] for note in paused] == [note[1:] for note in plain]
    shifts = np.array([a[0] - b[0] for a, b in zip(paused, plain, strict=True)])
    assert shifts == pytest.approx(np.where(np.array([note[0] for note in plain]) > 10.2, 5, 0), abs=1e-6)
    assert not [event for event in events if 10.2e9 < event.time_ns < 15.2e9]


def test_seeking_goes_to_a_bar_and_a_bar_that_is_not_there_is_refused(performer):
    stream = performer.perform(melody(), 0, {}, ahead=False)
    events = play(stream, [(5.0, lambda now_ns: stream.seek(30, now_ns))])
    after = [note for note in notes_of(events) if note[0] >= 5.0]
    assert len(after) == 5 * 11 and after[0][0] == pytest.approx(5.0, abs=0.03)
    assert {note[1] for note in after[:2]} == {40 + index % 48 for index in (145, 146)}
    assert_all_released(events)
    with pytest.raises(UsageError, match="bar 41: the score has no such bar; allowed: 1 to 40"):
        stream.seek(41, START_NS)


def test_a_loop_goes_round_in_time_until_it_is_left(performer):
    stream = performer.perform(melody(), 0, {"expression": 0}, ahead=False)
    events = play(stream, [(1.0, lambda now_ns: stream.loop(3, 4, now_ns)), (13.0, lambda _: stream.leave_loop())])
    onsets = np.unique(np.round([note[0] for note in notes_of(events) if note[0] >= 1.0], 6))
    assert np.diff(onsets) == pytest.approx(0.6, abs=1e-6)
    bars = [note[1] for note in notes_of(events) if note[0] >= 1.0]
    assert bars[:10] == bars[10:20] == bars[20:30] and bars[30] == 40 + 20 % 48
    assert len(bars) == 30 + 5 * (BARS - 4)
    assert_all_released(events)


@pytest.mark.parametrize("steps", [101, 102, 103])  # with notes of an onset decoded or not
def test_a_snapshot_goes_on_as_the_stream_did(performer, steps):
    stream = performer.perform(melody(), 4, {"temperature": 1}, ahead=False)
    stream.start(START_NS)
    for _ in range(steps):
        stream.advance(stream.next_due_ns())
    snapshot, endings = stream.snapshot(), []
    for _ in range(2):
        stream.restore(snapshot)
        ending = []
        while (due_ns := stream.next_due_ns()) is not None:
            ending += stream.advance(due_ns)
        endings.append(ending)
    assert endings[0] == endings[1] and len(notes_of(endings[0])) > 50
    stream.reset()
    assert play(stream) == play(performer.perform(melody(), 4, {"temperature": 1}, ahead=False))


def test_ornaments_are_added_and_end(performer):
    rows = list(range(0, 40, 5))
    piece = melody(bars=8, pitch_of=lambda index: 90 if index % 5 == 0 else 40 + index % 5)
    piece.score.markings["ornament_kind"][rows] = 1
    piece.score.notes["duration_quarter"][rows] = 4
    events = play(performer.perform(piece, 0, {}, ahead=False))
    assert len(notes_of(events)) == len(piece.played.score.notes) > 40 + 5 * 8
    assert_all_released(events)


def test_a_style_is_that_of_a_reference_in_whole_or_not_at_all(performer):
    piece = melody(bars=20)
    louder = performer.perform(piece, 0, {"loudness": 3}, ahead=False)
    play(louder)
    table = louder.performed
    durations = (table["end_ns"] - table["onset_ns"]) / 1e9
    performed = Performed(table["onset_ns"] / 1e9, durations, table["velocity"], Pedal(np.array([]), np.array([])))
    styles = performer.read_styles(piece.score, performed)
    assert styles.shape == (100, STYLE)

    def played(**wishes):
        stream = performer.perform(piece, 0, {}, ahead=False, wishes=lambda *_: StyleWishes(**wishes))
        play(stream)
        return stream.performed.tobytes()

    assert played(reference=styles, amount=0.0) == played() != played(reference=styles) != played(base="deadpan")
    assert performer.read_manner(piece.score, performed).shape == (STYLE,)


@pytest.mark.parametrize("notes", [1, 5, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW, 100])
def test_windows_take_every_note_once_with_as_many_around_as_may_be(notes):
    asked = []

    class Reader:
        contract = SimpleNamespace(constants={"features": []})

        def run(self, inputs, state):
            rows = inputs["tokens"][:, 0]
            asked.append((int(rows[0]), int(rows[-1]) + 1))
            distance = np.minimum(rows - rows[0], rows[-1] - rows)
            return {"context": np.stack([rows, distance], axis=1), "expected_style": rows[:, None]}, {}

    networks = Networks.__new__(Networks)
    networks.window = WINDOW
    networks.__dict__["_score"] = Reader()
    context, expected = networks.read_score(np.arange(notes)[:, None], np.zeros((notes, 1)))
    np.testing.assert_array_equal(expected[:, 0], np.arange(notes))
    around = np.minimum(np.arange(notes), notes - 1 - np.arange(notes))
    assert (context[:, 1] >= np.minimum(around, WINDOW // 4 - 1)).all()
    assert all(stop - begin <= WINDOW for begin, stop in asked)


def test_a_model_that_is_not_there_or_not_a_folder_is_refused(tmp_path):
    (tmp_path / "file.onnx").write_bytes(b"")
    with pytest.raises(UsageError, match="give the folder of score_performer.onnx"):
        load_performer(tmp_path / "file.onnx", None)
    with pytest.raises(PerfLiveError, match="score_performer.onnx"):
        load_performer(tmp_path, None)


def test_what_is_played_along_goes_through(performer):
    stream = performer.perform(melody(bars=2), 0, {}, ahead=False)
    assert not stream.running and stream.counts is None
    events = play(stream)
    assert sum(is_note_on(event.message) for event in events) == stream.notes == 10 and stream.ended
