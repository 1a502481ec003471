"""perf-bench performance-rnn: with a small network it runs end to end, and what goes wrong in a duet is found. No time is tested."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from synthetic_improviser import write_model

from engine.base.command_line import run
from engine.bench import performance_rnn
from engine.bench.improviser import agreement as performance_rnn_agreement
from engine.bench.improviser import response as performance_rnn_response
from engine.bench.improviser.duet import Partner, describe_partner, players_messages
from engine.bench.improviser.response import Note, Record, count_unforeseen
from engine.bench.measuring.delivery import Answers
from engine.bench.measuring.takes import phrases
from engine.commands.bench import app
from engine.midi.events import control_change, is_note_on, note_off, note_on
from engine.midi.ledger import NoteLedger
from engine.performers.performance_rnn.controls import DEFAULT_PREFERENCES
from engine.performers.performance_rnn.improvisation import Improvisation
from engine.performers.performance_rnn.networks import open_model

S = 1_000_000_000
CLEAN = {"lost": 0, "changed": 0, "extra": 0, "out_of_order": 0, "stuck_notes": 0, "sustain_identical": True}


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "small.onnx")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    amounts = performance_rnn.Amounts(calls=20, take_events=200, compared_events=60)
    monkeypatch.setattr(performance_rnn, "Amounts", lambda: amounts)
    yield


def test_phrases_are_in_order_strike_no_key_that_is_down_and_release_all() -> None:
    events = phrases(60, seed=1)
    assert events == phrases(60, seed=1) != phrases(60, seed=2)
    assert [event.time_ns for event in events] == sorted(event.time_ns for event in events)
    assert 50 * S < events[-1].time_ns < 66 * S
    ledger, down = NoteLedger(), set()
    onsets_ns = []
    for event in events:
        ledger.observe(event.message)
        if is_note_on(event.message):
            assert event.message[1] not in down
            onsets_ns.append(event.time_ns)
            down.add(event.message[1])
        elif event.message[0] == 0x80:
            down.remove(event.message[1])
    assert ledger.release_all() == []
    assert 300 < len(onsets_ns) < 900 and max(np.diff(onsets_ns)) > S


def test_what_happens_to_the_players_messages_is_counted_beside_the_partners() -> None:
    sent = [note_on(0, 60, 64), control_change(0, 64, 127), note_off(0, 60, 33), control_change(0, 64, 0)]
    sent_ns = [index * S for index in range(len(sent))]
    received = [(time_ns + 1, message) for time_ns, message in zip(sent_ns, sent, strict=True)]
    partners = [(S // 2, note_on(1, 60, 70)), (3 * S // 2, note_off(1, 60))]
    both = sorted(received + partners)
    assert players_messages(both) == received
    assert CLEAN.items() <= dataclasses.asdict(Answers(sent, sent_ns, players_messages(both)).delivery()).items()
    lost = [each for each in both if each[1] != sent[2]]
    delivery = Answers(sent, sent_ns, players_messages(lost)).delivery()
    assert (delivery.lost, delivery.stuck_notes) == (1, 1)


PLAYED = [(0, note_on(1, 60, 70)), (S, note_on(1, 64, 70)), (2 * S, note_off(1, 60)), (3 * S, note_off(1, 64))]


def test_a_partner_that_does_right_is_described() -> None:
    players = (S, note_on(0, 60, 1))
    assert describe_partner(sorted([players, *PLAYED])) == Partner(2, 0.7, 2.0, 0, 2, 0, 0, 0)
    assert describe_partner([]) == Partner(0, 0.0, 0.0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("received", "wrong"),
    [
        (PLAYED[:-1], {"stuck": 1}),
        ([*PLAYED[:-1], (S * 15 // 2, note_off(1, 64))], {"too_long": 1, "longest_note_s": 6.5}),
        ([*PLAYED[:2], (S, note_on(1, 60, 1)), *PLAYED[2:]], {"struck_twice": 1, "stuck": 1}),
        ([(pitch, note_on(1, pitch, 9)) for pitch in range(17)], {"most_at_once": 17, "too_many": 1, "stuck": 17}),
    ],
    ids=["stuck", "too long", "struck twice", "too many"],
)
def test_what_a_partner_does_wrong_is_found(received: list[tuple[int, bytes]], wrong: dict[str, float]) -> None:
    assert wrong.items() <= dataclasses.asdict(describe_partner(received)).items()


def record(planned: list[Note], sent: list[Note], heard_ns: list[int]) -> Record:
    return Record(heard_ns=heard_ns, planned=planned, sent=sent)


def test_a_withdrawn_event_that_sounds_is_found() -> None:
    before, after = Note(3 * S, 60, True, heard=0), Note(3 * S, 60, True, heard=1)
    assert count_unforeseen(record([before], [Note(3 * S, 60, True, heard=1)], [2 * S])) == (1, 0)
    assert count_unforeseen(record([before, after], [Note(3 * S, 60, True, heard=1)], [2 * S])) == (0, 0), "planned again"
    too_late = Note(3 * S, 60, True, heard=2)
    assert count_unforeseen(record([before, too_late], [Note(3 * S, 60, True, heard=1)], [2 * S, 2 * S])) == (1, 0), "planned again later"
    assert count_unforeseen(record([before], [Note(3 * S, 60, True, heard=0)], [4 * S])) == (0, 0), "sent before"
    assert count_unforeseen(record([before], [Note(3 * S, 60, True, heard=1)], [3 * S])) == (0, 0), "due when it came"
    assert count_unforeseen(record([], [Note(3 * S, 60, True, heard=0)], [])) == (0, 1), "nobody planned it"
    assert count_unforeseen(record([], [Note(3 * S, 60, False, heard=1)], [3 * S])) == (0, 0), "a note may end"


def test_a_stream_that_takes_nothing_back_is_found(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performance_rnn_response.PerformanceRNNStream, "_take_back", lambda stream, time_ns: None)
    assert performance_rnn_response.measure_response(open_model(model_path), 2.0, 0).withdrawn_sent > 0


def test_models_are_compared_event_by_event(model_path: Path, tmp_path: Path) -> None:
    model = open_model(model_path)
    assert performance_rnn_agreement.compare(model, model, 200, seed=3) == performance_rnn_agreement.Agreement(200, 200, 1.0, 0.0, 0.0, 0.0)
    improvisation = Improvisation(model, 3)
    assert performance_rnn_agreement._play(model, model, 200, 3)[0] == [improvisation.sample(DEFAULT_PREFERENCES) for _ in range(200)]
    other = onnx.load(model_path)
    table = next(tensor for tensor in other.graph.initializer if tensor.name == "table")
    noisy = numpy_helper.to_array(table) + np.random.default_rng(1).normal(scale=0.1, size=table.dims).astype(np.float32)
    table.CopyFrom(numpy_helper.from_array(noisy, "table"))
    onnx.save(other, tmp_path / "other.onnx")
    agreement = performance_rnn_agreement.compare(open_model(tmp_path / "other.onnx"), model, 200, seed=3)
    assert agreement.equal_events < 200 and 0.5 < agreement.equal_share < 1
    assert 0.005 < agreement.variation_mean < agreement.variation_p99 <= agreement.variation_maximum < 0.3


@pytest.mark.jack
def test_everything_is_measured_and_nothing_goes_wrong(
    jack_server: str, few: None, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["performance-rnn", "--seconds", "2", "--model", str(model_path), "--float-model", str(model_path)]
    assert run(app, "perf-bench", [*arguments, "--json"]) == 0
    output, error = capfd.readouterr()
    report = json.loads(output)
    assert error == ""
    cost = report["cost"]
    assert (cost["unit"], cost["step"]["hot"]["count"], cost["whole"]["hot"]["count"]) == ("event", 20, 20)
    assert (cost["long_run"]["count"], report["agreement"]["equal_events"]) == (200, 60) and cost["long_run"]["minutes"] > 0
    response, duet = report["response"], report["duet"]
    notes = sum(is_note_on(event.message) for event in phrases(2))
    assert (response["note_ons"], response["response"]["count"]) == (notes, notes)
    assert response["scheduler_error"]["count"] > 50 and response["taken_back"] > 0
    assert (response["withdrawn_sent"], response["unplanned_notes"], response["stuck_notes"]) == (0, 0, 0)
    messages = len(phrases(2))
    assert duet["player"] == {"sent": messages, "received": messages, **CLEAN} and duet["unchanged"]
    assert duet["partner"]["notes"] > 20
    assert not any(duet["partner"][name] for name in ("too_long", "too_many", "struck_twice", "stuck"))
    assert duet["perf_live_says"].startswith(f"{notes:,} notes played")


@pytest.mark.jack
def test_a_table(jack_server: str, few: None, model_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--seconds", "2", "--model", str(model_path), "--float-model", str(model_path)]
    assert run(app, "perf-bench", ["performance-rnn", *arguments]) == 0
    output, error = capfd.readouterr()
    assert error == ""
    for fragment in ("beside float", "200 events, ", "withdrawn ones sent", "partner's notes", "notes played, "):
        assert fragment in output


def test_a_missing_model_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(app, "perf-bench", ["performance-rnn", "--model", "none.onnx"]) == 1
    assert capfd.readouterr().err.count("\n") == 1
