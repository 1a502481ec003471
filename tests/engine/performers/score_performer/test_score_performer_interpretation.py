"""A score's performance by ScorePerformer in progress: the same as its tokens decoded, and controls soon heard; see test_score_stream."""

import dataclasses
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from score_playing import BARS, START_NS, assert_all_released, melody, notes_of, play
from synthetic_score_performer import LATENTS, STYLE, WINDOW, write_models

from engine.base.errors import PerfLiveError, UsageError
from engine.midi.events import is_control_change, is_note_on
from engine.performers.score_performer.decoding import OnsetDecoder, decode_piece
from engine.performers.score_performer.directions import parse_direction
from engine.performers.score_performer.networks import Networks
from engine.performers.score_performer.performer import STYLE_SPACE_FILE, load_performer
from engine.performers.score_performer.score import ScoreReading
from engine.performers.score_performer.style import StyleChoice
from engine.score.tables import TEMPO_DTYPE
from models.layers.sampling import SamplingOptions
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from models.score_performer.representation import decode_performance
from models.score_performer.style_space import StyleSpace
from models.score_performer.vocabulary import TEMPO, to_value

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
    stream = performer.perform_score(piece, 3, {"temperature": temperature, "tempo_from": 0}, ahead=False)
    events = play(stream)
    assert stream.counts.failed == 0
    reading = ScoreReading(performer.networks, piece.score)
    tokens = decode_piece(performer.networks, reading, expected_style, 3, temperature, 0.95)
    expected = decode_performance(piece.score.notes, reading.segments, tokens)
    table = stream.performed
    onsets, ends = ((table[field] - table["onset_ns"][0]) / 1e9 for field in ("onset_ns", "end_ns"))
    np.testing.assert_allclose(onsets, expected.onset_sec - expected.onset_sec[0], atol=1e-8)
    np.testing.assert_allclose(ends - onsets, np.maximum(expected.duration_sec, 0.01), atol=1e-8)
    sent, told = table["velocity"].reshape(-1, 5), expected.velocity.reshape(-1, 5)  # of a bar: a chord of two notes, then three alone
    near = np.ptp(told[:, :2], axis=1) <= 25
    assert near.any() and not near.all()  # chords whose notes are further apart are drawn together, see shaping/voicing.py
    np.testing.assert_array_equal(sent[:, 2:], told[:, 2:])
    np.testing.assert_array_equal(sent[near], told[near])
    assert np.all(sent.max(axis=1) == told.max(axis=1)) and np.all(np.ptp(sent[:, :2], axis=1) <= 36)
    pedal = [(event.time_ns / 1e9, event.message[2]) for event in events if is_control_change(event.message)]
    begun_sec = START_NS / 1e9 - (table["onset_ns"][0] / 1e9 - expected.onset_sec[0])
    assert [value for _, value in pedal] == expected.pedal.value.tolist()
    np.testing.assert_allclose([time_s + begun_sec for time_s, _ in pedal], expected.pedal.time_sec, atol=1e-8)
    assert_all_released(events)
    assert np.std(np.diff(np.unique(np.round(onsets, 2)))) > 0.003 and table["velocity"].std() > 3


def test_chords_are_rolled_where_it_is_said(performer):
    space, piece = performer.space, melody()
    chords = [each for each in np.unique(piece.score.notes["onset_quarter"]) if (piece.score.notes["onset_quarter"] == each).sum() > 1]
    assert chords

    def widths(*said):
        choice = StyleChoice("deadpan", directed=tuple(parse_direction(text, space) for text in said))
        stream = performer.perform_score(melody(), 0, {}, ahead=False, choose=lambda performer, score: choice)
        play(stream)
        onsets, notes = stream.performed["onset_ns"] / 1e9, piece.score.notes
        found = []
        for chord in chords:
            rows = np.flatnonzero(notes["onset_quarter"] == chord)
            rows = rows[np.argsort(notes["pitch"][rows])]
            found.append(onsets[rows[-1]] - onsets[rows[0]])
        return np.array(found)

    assert (widths("arpeggio") > 0.03).all() and (widths("arpeggio:amount=-1") < -0.03).all()
    assert not (widths() > 0.03).all()


def test_the_style_is_shown_as_it_is_played(performer):
    def shown(choice):
        stream = performer.perform_score(melody(), 0, {"loudness": 1.5}, ahead=False, choose=lambda performer, score: choice)
        return stream.interpretation.style_curve()

    louder = np.eye(STYLE)[:1].repeat(len(melody().score.notes), 0)
    plain, asked = shown(StyleChoice("deadpan")), shown(StyleChoice("deadpan", reference=louder))
    np.testing.assert_allclose(plain.leans, 1.5)
    np.testing.assert_allclose(asked.leans, 2.5)
    assert {plain.names[way] for way in plain.ways} == {"forte"} and len(plain.leans) == BARS


@pytest.mark.parametrize(("name", "value"), [("dynamics", 30), ("expression_velocity", 0), ("temperature", 0), ("loudness", 2)])
def test_a_changed_control_is_heard_soon_and_not_before(performer, name, value):
    plain = notes_of(play(performer.perform_score(melody(), 0, {"temperature": 0.5}, ahead=False)))
    for time_s in (20.0, 20.2, 20.43):
        stream = performer.perform_score(melody(), 0, {"temperature": 0.5}, ahead=False)
        changed = notes_of(play(stream, [(time_s, lambda _, stream=stream: stream.set_control(name, value))]))
        assert len(changed) == len(plain)
        differ = [index for index, pair in enumerate(zip(plain, changed, strict=True)) if pair[0] != pair[1]]
        before = [note for note in changed if note[0] < time_s]
        assert differ[0] >= len(before) and changed[: differ[0]] == plain[: differ[0]]
        assert differ[0] <= sum(note[0] < time_s + SOON_S for note in plain) + 1  # of a chord's notes one may be as it was
    if name == "loudness":
        assert np.mean([note[2] for note in changed[-50:]]) > np.mean([note[2] for note in plain[-50:]]) + 5


def test_live_is_the_same_once_the_score_is_read(performer):
    def played(ahead):
        stream = performer.perform_score(melody(), 0, {"temperature": 1.0}, ahead=ahead)
        stream.interpretation._reading.understand(slice(0, 5 * BARS))
        changes = [(10.03, "temperature", 0.0), (20.2, "loudness", 1.5), (20.21, "temperature", 0.7), (31.0, "dynamics", 10)]
        return play(stream, [(time_s, lambda _, change=change: stream.set_control(*change)) for time_s, *change in changes])

    live, offline = played(ahead=True), played(ahead=False)
    assert live == offline and len(notes_of(live)) == 5 * BARS


def test_a_style_is_that_of_a_reference_in_whole_or_not_at_all(performer):
    piece = melody(bars=20)
    louder = performer.perform_score(piece, 0, {"loudness": 3}, ahead=False)
    play(louder)
    table = louder.performed
    durations = (table["end_ns"] - table["onset_ns"]) / 1e9
    performed = Performed(table["onset_ns"] / 1e9, durations, table["velocity"], Pedal(np.array([]), np.array([])))
    styles = performer.read_styles(piece.score, performed)
    assert styles.shape == (100, STYLE)

    def played(**choice):
        stream = performer.perform_score(piece, 0, {}, ahead=False, choose=lambda *_: StyleChoice(**choice))
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
            return {"context": np.stack([rows, distance], axis=1), "expected_style": rows[:, None], "expected_tempo": rows[:, None]}, {}

    networks = Networks.__new__(Networks)
    networks.window = WINDOW
    networks.__dict__["_score"] = Reader()
    context, expected, tempo = networks.read_score(np.arange(notes)[:, None], np.zeros((notes, 1)))
    np.testing.assert_array_equal(expected[:, 0], np.arange(notes))
    np.testing.assert_array_equal(tempo, np.arange(notes))
    around = np.minimum(np.arange(notes), notes - 1 - np.arange(notes))
    assert (context[:, 1] >= np.minimum(around, WINDOW // 4 - 1)).all()
    assert all(stop - begin <= WINDOW for begin, stop in asked)


@pytest.mark.parametrize("rows", [slice(0, 1), slice(40, 41), slice(30, 77), slice(99, 100), slice(0, 100)])
def test_a_score_is_read_where_it_is_asked_for(performer, monkeypatch, rows):
    score, asked = melody().score, []
    whole = performer.networks.read_score(*(getattr(ScoreReading(performer.networks, score), name) for name in ("tokens", "_features")))
    read = performer.networks.read_score_window
    monkeypatch.setattr(performer.networks, "read_score_window", lambda *given: asked.append(given[2]) or read(*given))
    reading = ScoreReading(performer.networks, score)
    assert not asked
    for _ in range(2):
        context, style, tempo = reading.understand(rows)
        np.testing.assert_array_equal(context, whole[0][rows])
        np.testing.assert_array_equal(style, whole[1][rows])
        notes = np.arange(rows.start, rows.stop)
        before = np.maximum(notes - 1 - (notes % 5 == 1), 0)  # the last of the onset before: a bar begins with a chord of two
        np.testing.assert_array_equal(tempo, whole[2][before])
    for reader in reading._readers:
        reader.submit(lambda: None).result()  # what was asked for beside is read
    overlapping = [window for window in reading._windows if window.kept.start < rows.stop and window.kept.stop > rows.start]
    following = reading._windows[reading._windows.index(overlapping[-1]) + 1 :][:1]
    assert sorted(asked, key=str) == sorted(overlapping + following, key=str)  # each once, and the one after beside


def test_what_is_expected_is_read_by_two_threads_side_by_side(performer, monkeypatch):
    together, read = threading.Barrier(2), performer.networks.read_score_window
    monkeypatch.setattr(performer.networks, "read_score_window", lambda *given: together.wait(10) and None or read(*given))
    reading = ScoreReading(performer.networks, melody().score)
    assert len(reading._windows) % 2 == 0  # else the last would wait for nobody
    assert np.isfinite(reading.expected_periods()).all()


def test_a_model_that_is_not_there_or_not_a_folder_is_refused(tmp_path):
    (tmp_path / "file.onnx").write_bytes(b"")
    with pytest.raises(UsageError, match="give the folder of score_performer.onnx"):
        load_performer(tmp_path / "file.onnx", None)
    with pytest.raises(PerfLiveError, match="score_performer.onnx"):
        load_performer(tmp_path, None)


def test_playing_begins_when_the_first_notes_are_read(performer, monkeypatch):
    """Otherwise the first onsets would be late by what reading them takes."""
    allowed, read = threading.Event(), performer.networks.read_score_window
    monkeypatch.setattr(performer.networks, "read_score_window", lambda *given: allowed.wait(10) and read(*given))
    stream = performer.perform_score(melody(), 0, {}, ahead=True)
    stream.start(START_NS)
    for later in range(0, 10**9, 10**8):
        assert not stream.advance(START_NS + later) and stream.next_due_ns() > START_NS + later
    allowed.set()
    stream.interpretation._reading.understand(slice(0, 5 * BARS))
    begun_ns = START_NS + 10**9
    sent = [event for later in range(0, 10**9, 10**7) for event in stream.advance(begun_ns + later)]
    assert any(is_note_on(event.message) for event in sent) and begun_ns <= sent[0].time_ns <= begun_ns + 10**8


def test_a_performance_that_begins_where_the_notated_tempo_changes_keeps_its_own(performer):
    score, first = melody().score, 50
    changed_at = score.notes["onset_quarter"][first]
    score = dataclasses.replace(score, tempos=np.array([(0, 40), (changed_at, 160)], TEMPO_DTYPE))
    decoder = OnsetDecoder(performer.networks, ScoreReading(performer.networks, score), lambda rows, expected: expected, 0)
    decoder.notes.sampling = SamplingOptions(temperature=0)
    decoder.begin(first, len(score.notes))
    times_s, tempo = [], 0.0
    for _ in range(8):
        while not decoder.complete:
            decoder.work()
        tempo = tempo or to_value(TEMPO, decoder.played[0][TEMPO])
        times_s.append(decoder.onset_s)
        decoder.next_onset()
    assert np.diff(times_s).mean() * tempo / 60 == pytest.approx(1, rel=0.5)

