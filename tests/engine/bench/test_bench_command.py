"""perf-bench as it is typed: every benchmark runs, says what it measured, and fails in one line. No time is tested."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import pytest
import typer

from engine.base.command_line import run
from engine.bench import live, performance_net, velocity
from engine.bench.clock import clock, onsets, tempos
from engine.bench.measuring.takes import live_pattern
from engine.bench.rendering import catalogue, render
from engine.commands.bench import app
from engine.midi.events import is_note_on
from engine.onnx.contract import Contract
from engine.systems import parts, systems

NOTHING_WRONG = {"lost": 0, "changed": 0, "extra": 0, "out_of_order": 0, "stuck_notes": 0, "sustain_identical": True}
BENCH = "from engine.commands.bench import main; main()"


@pytest.fixture
def bench(capfd):
    """A function that runs the command line and returns its exit status and what it printed on standard output and standard error."""

    def call(*arguments):
        capfd.readouterr()
        status = run(app, "perf-bench", [str(argument) for argument in arguments])
        return status, *capfd.readouterr()

    return call


def report_of(ended):
    status, output, error = ended
    assert (status, error) == (0, "")
    return json.loads(output)


def assert_refused(ended, expected_status, *fragments):
    status, output, error = ended
    assert (status, output, error.count("\n")) == (expected_status, "", 1)
    for fragment in fragments:
        assert fragment in error


def messages_of(slots):
    return [message for slot in slots for message in (*slot.together, *slot.between)]


@pytest.mark.jack
@pytest.mark.parametrize("performer", ["passthrough", "velocity"])
def test_live_nothing_is_lost_changed_or_left_sounding(jack_server, bench, performer):
    report = report_of(bench("live", "--seconds", 1, "--performer", performer, "--json"))
    messages = messages_of(live_pattern(1))
    notes = sum(map(is_note_on, messages))
    assert report["echo"] == report["perf_live"] == {"sent": len(messages), "received": len(messages), **NOTHING_WRONG}
    assert report["note_ons"]["difference"]["count"] == notes
    moments = sum(any(map(is_note_on, slot.together)) for slot in live_pattern(1))
    assert report["first_note_ons"]["difference"]["count"] == moments < notes
    assert report["others"]["difference"]["count"] == len(messages) - notes
    assert 0 < report["others_apart"]["difference"]["count"] < len(messages) - notes
    assert report["big_chords"] == report["chord_spread"]["perf_live"]["count"] == 1
    assert report["perf_live_says"].startswith(f"{notes:,} notes played")


@pytest.mark.jack
@pytest.mark.parametrize("viewer", ["line", "show", pytest.param("page", marks=pytest.mark.browser)])
def test_viewing_compares_every_note_without_a_viewer_and_with_one(jack_server, bench, viewer):
    asked = ("viewing", "--seconds", 1, "--performer", "passthrough", "--viewer", viewer)
    report = report_of(bench(*asked, "--json"))
    notes = sum(map(is_note_on, messages_of(live_pattern(1))))
    assert report["notes"] == report["note_ons"]["difference"]["count"] == notes > report["first_note_ons"]["difference"]["count"]
    assert report["viewer"] == viewer


@pytest.mark.jack
def test_viewing_as_a_table(jack_server, bench):
    status, output, error = bench("viewing", "--seconds", 1, "--performer", "passthrough", "--viewer", "none")
    assert (status, error) == (0, "") and "without a viewer and without one again" in output and "added, each by itself" in output


@pytest.mark.jack
def test_live_as_a_table(jack_server, bench):
    status, output, error = bench("live", "--seconds", 1, "--performer", "passthrough")
    assert (status, error) == (0, "")
    for fragment in ("beside a bare echo", "note-ons", "spread of ten-note chords", "prober", "ready in"):
        assert fragment in output


@pytest.mark.jack
def test_live_starts_a_server_of_its_own_and_an_interrupt_leaves_none(jack_server):
    environment = {name: value for name, value in os.environ.items() if name != "JACK_DEFAULT_SERVER"}
    process = subprocess.Popen(
        [sys.executable, "-c", BENCH, "live", "--seconds", "60", "--performer", "passthrough"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: any("engine.commands.live" in child for child in children_of(process.pid)))
    children = children_of(process.pid)
    assert any("jackd" in child for child in children) and any("engine.bench.measuring.echo" in child for child in children)
    numbers = [child.partition(" ")[0] for child in children]
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert (process.returncode, output, error.count("\n")) == (1, "", 1)
    assert "stopped before the end" in error
    assert not any(os.path.exists(f"/proc/{number}") for number in numbers)


def children_of(process_id):
    """The numbers and command lines of a process's children."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(process_id)], capture_output=True, text=True)
    return [line.strip() for line in listed.stdout.splitlines()]


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_live_without_a_server_or_a_performer_is_one_line(bench, monkeypatch):
    assert_refused(bench("live", "--performer", "velocitty"), 2, "no performer is called 'velocitty'", "score-performer, velocity")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "perf-live-none")
    assert_refused(bench("live", "--seconds", 1), 1, "start a JACK server")
    monkeypatch.delenv("JACK_DEFAULT_SERVER")
    monkeypatch.setenv("PATH", "")
    assert_refused(bench("live", "--seconds", 1), 1, "jackd is not installed", "install jackd2")


@pytest.mark.jack
def test_a_program_under_test_that_fails_is_one_line(jack_server, bench, monkeypatch):
    monkeypatch.setattr(live, "PERF_LIVE", "import sys; sys.exit('perf-live: no such thing')")
    assert_refused(bench("live", "--seconds", 1), 1, "perf-live has ended with status 1: perf-live: no such thing")


def test_velocity_reports_every_figure(bench, monkeypatch):
    amounts = velocity.Amounts(hot_calls=30, paced_calls=5, take_notes=150)
    monkeypatch.setattr(velocity, "Amounts", lambda: amounts)
    monkeypatch.setattr(velocity, "FEWEST_TAKE_NOTES", 60)
    monkeypatch.setattr(Contract, "from_metadata", partial(stating, Contract.from_metadata))
    report = report_of(bench("velocity", "--json"))
    timed = [report["cost"]["step"], report["cost"]["whole"], report["reference"]]
    assert [(each["hot"]["count"], each["paced"]["count"]) for each in timed] == [(30, 5)] * 3
    assert report["step_to_reference"] > 0
    network_ms, note_ms = (timed["paced"]["median_ms"] for timed in (report["cost"]["step"], report["cost"]["whole"]))
    assert report["beside_network_ms"] == pytest.approx(note_ms - network_ms, abs=1e-4)
    assert report["note_to_network"] == pytest.approx(note_ms / network_ms, abs=0.01)
    assert (report["cost"]["long_run"]["count"], report["on_one_core"], report["parameters"]) == (150, True, 250_000)
    _, output, _ = bench("velocity")
    assert "note, paced" in output and "memory grew by" in output and "reference, NumPy" in output
    assert "beside its network" in output


def stating(read, metadata, source):
    """A contract that states another number of weights."""
    return read(metadata, source).model_copy(update={"parameters": 250_000})


def test_velocity_loads_numpy_on_one_core():
    found = "typer.main.get_command(app).commands[sys.argv[1]]"
    program = f"import sys; import typer; from engine.commands.bench import app; {found}; print('numpy' in sys.modules)"
    for name in ("velocity", "render"):
        loaded = subprocess.run([sys.executable, "-c", program, name], capture_output=True, text=True, check=True)
        assert loaded.stdout == "False\n"


def test_render_reports_every_figure(bench, monkeypatch):
    monkeypatch.setattr(render, "NOTES", 200)
    monkeypatch.setattr(render, "START_UPS", 1)
    report = report_of(bench("render", "--json"))
    assert (report["notes"], report["performer"], report["on_one_core"]) == (200, "velocity", True)
    assert all(report[name] > 0 for name in ("seconds", "notes_per_s", "start_up_s", "start_up_processor_s", "command_s", "peak_memory_mb"))
    assert "the command's peak memory" in bench("render")[1]


def test_catalogue_counts_what_is_performed(bench, monkeypatch):
    monkeypatch.setattr(catalogue, "LENGTHS", (4, 8))
    report = report_of(bench("catalogue", "--files", 3, "--times", 1, "--json"))
    assert (report["files"], report["notes"], report["jobs"], report["performer"]) == (3, 16, 2, "dexter")
    assert report["ratio"] == pytest.approx(report["alone_s"] / report["together_s"], rel=0.05)
    assert report["by_ray_s"] is None and report["ray_ratio"] is None


def test_catalogue_is_performed_by_ray_too_when_asked(bench, monkeypatch):
    monkeypatch.setattr(catalogue, "LENGTHS", (4,))
    report = report_of(bench("catalogue", "--files", 1, "--times", 1, "--ray", "--json"))
    assert report["ray_ratio"] == pytest.approx(report["by_ray_s"] / report["together_s"], rel=0.05)


def test_performance_net_reports_every_figure(bench, monkeypatch):
    monkeypatch.setattr(performance_net, "OFFLINE_S", 1.0)
    monkeypatch.setattr(performance_net, "LATENCY_NOTES", 1)
    report = report_of(bench("performance-net", "--seconds", 0, "--json"))
    assert report["block"]["count"] > 10 and report["real_time_factor"] > 0 and report["latency"]["count"] == 1
    assert (report["device"], report["hour"]) == (None, None)
    assert report["instruments"] == ["piano"]
    assert "from a message to its sound" in bench("performance-net", "--seconds", 0)[1]


def test_several_instruments_play_at_once(bench, monkeypatch):
    monkeypatch.setattr(performance_net, "OFFLINE_S", 0.5)
    monkeypatch.setattr(performance_net, "LATENCY_NOTES", 1)
    report = report_of(bench("performance-net", "--seconds", 0, "--instruments", 4, "--json"))
    assert report["instruments"] == ["piano", "violin", "cello", "flute"] and report["played_cores"] > 0
    assert report["latency"]["count"] == 4  # a note of each


def test_the_list_is_that_of_the_table(bench, monkeypatch):
    status, output, _ = bench("--help")
    measured = list(parts("bench"))
    assert status == 0 and all(f" {name} " in output for name in ("live", "render", *measured))
    assert "passthrough" not in output
    monkeypatch.setitem(systems(), "sixth", replace(systems()["dexter"], name="sixth"))
    _, output, _ = bench("--help")
    assert " sixth " in output


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("live", {"--seconds", "--performer"}),
        ("viewing", {"--seconds", "--performer", "--viewer", "--score"}),
        ("page-memory", {"--seconds", "--performer", "--picture", "--pace"}),
        ("duo", {"--seconds", "--score", "--follow", "--take"}),
        ("clock", set()),
        ("conducting", set()),
        ("render", set()),
        ("catalogue", {"--files", "--jobs", "--ray", "--times"}),
        ("broken", {"--files", "--broken", "--jobs"}),
        ("kills", {"--files", "--jobs", "--times", "--seed"}),
        ("render-memory", {"--notes", "--files", "--each", "--jobs", "--memory", "--performer"}),
        ("velocity", set()),
        ("dexter", {"--seconds"}),
        ("score-performer", {"--seconds", "--model"}),
        ("performance-rnn", {"--seconds", "--model", "--float-model"}),
        ("performance-net", {"--seconds", "--model", "--instruments", "--hour"}),
    ],
)
def test_the_options_are_what_a_benchmark_can_be_asked(name, options):
    command = typer.main.get_command(app).commands[name]
    assert {option for parameter in command.params for option in parameter.opts} - {"--help"} == options | {"--json"}
    assert command.name == name


def test_what_is_no_benchmark_is_refused(bench):
    assert bench("sound")[0] == 2


def test_a_page_is_read(bench):
    report = report_of(bench("reading", "--pages", 1, "--json"))
    assert report["measures"] == 16 and report["notes"] > 16 * 4 * 2 and report["seconds"] > 0


def test_the_clock_is_heard_better_than_a_mean(monkeypatch, capsys):
    for name, value in (("FRAMES", (1024,)), ("JITTERS_MS", (0,)), ("TEMPOS", (100, 140))):
        monkeypatch.setattr(tempos, name, value)
    for name, value in (("FRAMES", (1024,)), ("JITTERS_MS", (0,)), ("SECONDS", 4), ("SEEDS", 1)):
        monkeypatch.setattr(onsets, name, value)
    report = clock.measure()
    rows = {row.happens: row for row in report.rows}
    assert set(rows) == {"steady", "late", "gap", "faster", "slower"}
    for row in rows.values():
        two_bars, largest, after = row.errors
        assert two_bars < 0.01 and largest < 0.03 and after <= largest < row.plain.largest
    faster = rows["faster"].beats_to_follow
    assert rows["steady"].beats_to_follow is None and faster and 0 < faster < 6
    assert 0 < rows["steady"].place_ms < 12
    assert [row.frames for row in report.onsets] == [None, 1, 1024]
    assert all(0 < row.deviation_ms < 125 for row in report.onsets)
    clock.print_table(report)
    table = capsys.readouterr().out
    assert " faster 1024, 0 " in table and " no clock " in table
