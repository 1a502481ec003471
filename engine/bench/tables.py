"""Reports as tables for a reader; how each figure is measured stands in the modules of the benchmarks."""

from dataclasses import asdict
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from engine.bench.measuring.machine import Machine

if TYPE_CHECKING:  # each command loads only its own benchmark
    from engine.bench.dexter import DexterReport
    from engine.bench.improviser.agreement import Agreement
    from engine.bench.improviser.duet import DuetReport, WhileRunning
    from engine.bench.improviser.response import ResponseReport
    from engine.bench.live import Compared, LiveReport
    from engine.bench.measuring.figures import Distribution
    from engine.bench.performance_net import SoundReport
    from engine.bench.performance_rnn import PerformanceRNNReport
    from engine.bench.render import RenderReport
    from engine.bench.score_performer import ScorePerformerReport
    from engine.bench.velocity import Timed, VelocityReport

DISTRIBUTION = ("number", "median", "99th percentile", "largest")


def print_live(report: "LiveReport") -> None:
    console = Console()
    played = f"{report.seconds:g} s, {report.notes_per_s:g} notes a second, {report.big_chords} ten-note chords"
    console.print(f"perf-live with {report.performer} beside a bare echo through JACK: {played}", soft_wrap=True)
    stolen = "unknown" if report.stolen is None else f"{report.stolen:.2%}"
    console.print(f"{_machine(report.machine)}; taken by the host meanwhile: {stolen}", soft_wrap=True)
    console.print(f"JACK in real time: {_word(report.real_time)}")
    console.print(_deliveries(report))
    table = _table("milliseconds", *DISTRIBUTION)
    for title, compared in (
        ("note-ons, single or first of a chord", report.first_note_ons),
        ("note-ons, all", report.note_ons),
        ("others", report.others),
        ("others, 6 ms after the notes", report.others_apart),
        ("spread of ten-note chords", report.chord_spread),
    ):
        _add_compared(table, title, compared)
    _add(table, "prober: sent late by", report.prober_late)
    console.print(table)
    memory = f"{report.memory_ready_mb:g} MB resident then, {report.memory_end_mb:g} MB at the end"
    console.print(f"perf-live: ready in {report.ready_s:.2f} s; {memory}; {report.perf_live_says!r}", highlight=False, soft_wrap=True)


def print_velocity(report: "VelocityReport") -> None:
    console = Console()
    console.print(f"velocity transformer, {report.precision}, {report.parameters} parameters, {_cores(report.on_one_core)}")
    console.print(_machine(report.machine), soft_wrap=True)
    table = _table("milliseconds", *DISTRIBUTION)
    for title, timed in (("model step", report.step), ("performer's note", report.note), ("reference, NumPy", report.reference)):
        _add_timed(table, title, timed)
    console.print(table)
    take = report.take
    console.print(f"step to reference: {report.step_to_reference:g}")
    cost = f"{take.first_minute_ms:.3f} ms a note in the first minute, {take.last_minute_ms:.3f} in the last: ratio {take.last_to_first:g}"
    grown = f"memory grew by {take.memory_growth_mb:g} MB"
    console.print(f"take of {take.minutes:g} minutes, {take.notes} notes: {cost}; {grown}", soft_wrap=True)


def print_render(report: "RenderReport") -> None:
    console = Console()
    console.print(_machine(report.machine), soft_wrap=True)
    table = _table(f"{report.performer}, {report.notes} notes, {_cores(report.on_one_core)}", "")
    table.add_row("notes a second, after start-up", f"{report.notes_per_s:.0f}")
    table.add_row("the command's start and end, one note", f"{report.start_up_s:.2f} s")
    table.add_row("the command on the whole take", f"{report.command_s:.2f} s")
    peak = "unknown" if report.peak_memory_mb is None else f"{report.peak_memory_mb:.0f} MB"
    table.add_row("the command's peak memory", peak)
    console.print(table)


def print_dexter(report: "DexterReport") -> None:
    console = Console()
    console.print(_machine(report.machine), soft_wrap=True)
    table = _table(f"dexter, a score of {report.notes} notes", "")
    for title, value in (
        ("notes a second, offline", f"{report.notes_per_s:.0f}"),
        ("the same in a thousand steps, windows alone", f"{report.thousand_steps_notes_per_s:.1f}"),
        ("evaluations a window", f"{report.evaluations_per_window:g}"),
        ("a window, mean", f"{report.window_ms:.0f} ms"),
        ("a window of live notes, two seconds of look-ahead, mean", f"{report.lookahead_window_ms:.0f} ms"),
        ("first note after", f"{report.first_note_s:.2f} s"),
        (f"window ready before it is due, at {report.played_notes_per_s:g} notes a second", _seconds(report.least_lead_s, "at least")),
        ("", _seconds(report.median_lead_s, "median")),
        ("windows in fewer steps, bridged", f"{report.reduced_windows}, {report.carried}"),
        ("events more than 10 ms late", str(report.late)),
        ("of them while the machine ran", "unknown" if report.late_while_running is None else str(report.late_while_running)),
        ("peak memory", f"{report.peak_memory_mb:.0f} MB"),
    ):
        table.add_row(title, value)
    console.print(table)
    errors = _table(f"scheduler error in {report.played_s:g} s, milliseconds", *DISTRIBUTION)
    _add(errors, "all events", report.scheduler_error)
    if report.while_sampling:
        _add(errors, "while a window was sampled", report.while_sampling)
    console.print(errors)


def _seconds(value: float | None, which: str) -> str:
    return "unknown: none was due" if value is None else f"{value:.1f} s {which}"


def print_performance_rnn(report: "PerformanceRNNReport") -> None:
    console = Console()
    console.print(f"Performance RNN, {report.precision}, {report.parameters} parameters, {_cores(report.on_one_core)}")
    console.print(_machine(report.machine), soft_wrap=True)
    event, take = report.event, report.take
    table = _table("one event, milliseconds", *DISTRIBUTION)
    _add(table, "model step", event.step)
    _add(table, "sampled event", event.event)
    _add_or_say(table, "eager PyTorch", event.eager_pytorch, "not installed")
    console.print(table)
    if event.eager_pytorch:
        faster = f"the step {event.step_times_faster:g} times, the event {event.event_times_faster:g} times"
        console.print(f"faster than eager PyTorch: {faster}")
    cost = f"{take.first_tenth_ms:.3f} ms an event in the first tenth, {take.last_tenth_ms:.3f} in the last: ratio {take.last_to_first:g}"
    grown = f"memory grew by {take.memory_growth_mb:g} MB"
    console.print(f"take of {take.events} events, {take.minutes:g} minutes: {cost}; {grown}", soft_wrap=True)
    if report.agreement:
        console.print(_agreement(report.agreement), soft_wrap=True)
    _print_response(console, report.response)
    _print_duet(console, report.duet)


def print_sound(report: "SoundReport") -> None:
    console = Console()
    console.print(_machine(report.machine), soft_wrap=True)
    table = _table(f"{report.seconds:g} s of sound, on one thread", "seconds for a second")
    table.add_row("notes to sound", f"{report.real_time_factor:.3f}")
    table.add_row("of which the network", f"{report.network_real_time_factor:.3f}")
    table.add_row("of which waves", f"{report.waves_real_time_factor:.3f}")
    if report.paper:
        table.add_row(f"the paper's network alone, {report.paper.parameters} parameters, all cores", f"{report.paper.real_time_factor:.3f}")
    console.print(table)
    table = _table("milliseconds", *DISTRIBUTION)
    _add(table, f"a block of {report.block_ms:g} ms", report.block)
    _add(table, f"from a message to its sound ({1e3 * report.stated_latency_s:.0f} stated)", report.latency)
    console.print(table)
    if report.device:
        stolen = "unknown" if report.device.stolen is None else f"{report.device.stolen:.2%}"
        says = f"{report.device.underruns} underruns; taken by the host meanwhile: {stolen}; perf-live: {report.device.says!r}"
        console.print(f"{report.device.seconds:g} s through JACK: {says}", highlight=False, soft_wrap=True)
    if report.hour:
        memory = f"{report.hour.after_a_minute_mb:g} MB after a minute, {report.hour.end_mb:g} MB at the end"
        console.print(f"an hour of sound in {report.hour.seconds:g} s: {memory}", soft_wrap=True)


def _agreement(agreement: "Agreement") -> str:
    variation = f"{agreement.variation_mean:g} mean, {agreement.variation_p99:g} 99th percentile, {agreement.variation_maximum:g} largest"
    equal = f"the first {agreement.equal_events} of {agreement.events} events are equal"
    share = f"hearing the same, {agreement.equal_share:.2%} of the choices are equal"
    return f"beside float, with the same seed: {equal}; {share}; total variation of the next event: {variation}"


def _print_response(console: Console, response: "ResponseReport") -> None:
    table = _table(f"{response.seconds:g} s in one process, milliseconds", *DISTRIBUTION)
    _add_or_say(table, "response", response.response, "none")
    _add_or_say(table, "scheduler error", response.scheduler_error, "none")
    _add_or_say(table, "first after a note-on", response.after_a_note_on, "none")
    console.print(table)
    counts = f"{response.taken_back} planned messages taken back; {response.withdrawn_sent} withdrawn ones sent"
    rest = f"{response.late} late, {response.degraded} degraded, {response.stuck_notes} stuck"
    console.print(f"{counts}, {response.unplanned_notes} unplanned notes; {rest}", soft_wrap=True)


def _print_duet(console: Console, duet: "DuetReport") -> None:
    stolen = "unknown" if duet.stolen is None else f"{duet.stolen:.2%}"
    real_time = f"in real time: {_word(duet.real_time)}"
    console.print(f"duet of {duet.seconds:g} s through JACK, {real_time}; taken by the host meanwhile: {stolen}", soft_wrap=True)
    table = _table("player's messages", "", "partner's notes", "")
    partner = {name.replace("_", " "): f"{value:g}" for name, value in asdict(duet.partner).items()}
    player = {name.replace("_", " "): _word(value) for name, value in asdict(duet.player).items()} | {"unchanged": _word(duet.unchanged)}
    for (name, value), (partners, partners_value) in zip_longest(player.items(), partner.items(), fillvalue=("", "")):
        table.add_row(name, value, partners, partners_value)
    console.print(table)
    table = _table("milliseconds", *DISTRIBUTION)
    _add(table, "player's messages passed on", duet.passed_on)
    _add(table, f"prober: sent late by ({duet.prober_late_events} over 10 ms)", duet.prober_late)
    console.print(table)
    if duet.while_running:
        _print_while_running(console, duet.while_running)
    memory = f"{duet.memory_ready_mb:g} MB when ready, {duet.memory_settled_mb:g} MB settled, {duet.memory_end_mb:g} MB at the end"
    console.print(f"perf-live: {memory}; {duet.perf_live_says!r}", highlight=False, soft_wrap=True)


def _print_while_running(console: Console, late: "WhileRunning") -> None:
    still = f"the machine stood still {late.standstills} times, {late.standstill_s:g} s in all, {late.longest_standstill_ms:g} ms at most"
    sent = f"{late.sent_late} sent ({late.sent_late_while_running} without that time)"
    passed_on = f"{late.passed_on_late} of the player's passed on ({late.passed_on_late_while_running})"
    console.print(f"{still}; more than 10 ms late: {sent}, {passed_on}", highlight=False, soft_wrap=True)


def _table(first: str, *columns: str) -> Table:
    table = Table(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _machine(machine: Machine) -> str:
    load = "unknown" if machine.load is None else f"{machine.load:g}"
    return f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}; load before: {load}"


def _cores(on_one_core: bool) -> str:
    return "on one core" if on_one_core else "on any core"


def _deliveries(report: "LiveReport") -> Table:
    echo, live = asdict(report.echo), asdict(report.perf_live)
    table = _table("messages", "echo", "perf-live")
    for name, value in echo.items():
        table.add_row(name.replace("_", " "), _word(value), _word(live[name]))
    return table


def _word(value: int | bool) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _add(table: Table, title: str, figures: "Distribution") -> None:
    values = (f"{value:.3f}" for value in (figures.median_ms, figures.p99_ms, figures.maximum_ms))
    table.add_row(title, str(figures.count), *values)


def _add_or_say(table: Table, title: str, figures: "Distribution | None", otherwise: str) -> None:
    if figures:
        _add(table, title, figures)
    else:
        table.add_row(title, otherwise)


def _add_compared(table: Table, title: str, compared: "Compared | None") -> None:
    table.add_row(f"[bold]{title}", "" if compared else "0")
    if compared:
        _add(table, "  echo", compared.echo)
        _add(table, "  perf-live", compared.perf_live)
        _add(table, "  added, each by itself", compared.difference)
        table.add_row("  added, percentiles", "", "", f"{compared.added_p99_ms:.3f}")
    table.add_section()


def _add_timed(table: Table, title: str, timed: "Timed") -> None:
    _add(table, f"{title}, hot", timed.hot)
    _add(table, f"{title}, paced", timed.paced)


def print_score_performer(report: "ScorePerformerReport") -> None:
    console = Console()
    note, piece = report.note, report.piece
    console.print(f"ScorePerformer, {report.precision}, {report.parameters} parameters in the decoder, {_cores(report.on_one_core)}")
    console.print(_machine(report.machine), soft_wrap=True)
    table = _table("one note, milliseconds", *DISTRIBUTION)
    _add(table, "decoder step", note.step)
    _add(table, "decoded note", note.note)
    _add_or_say(table, "eager PyTorch", note.eager_pytorch, "not installed")
    console.print(table)
    if note.eager_pytorch:
        console.print(f"faster than eager PyTorch: the step {note.step_times_faster:g} times, the note {note.note_times_faster:g} times")
    cost = f"{piece.first_tenth_ms:.3f} ms a note in the first tenth, {piece.last_tenth_ms:.3f} in the last: ratio {piece.last_to_first:g}"
    console.print(f"piece of {piece.notes} notes: {cost}; memory grew by {piece.memory_growth_mb:g} MB", soft_wrap=True)
    rates = f"{report.notes_per_s:g} notes a second performed, {report.read_notes_per_s:g} read"
    console.print(f"score of {report.notes} notes, offline: {rates}; first note after {report.first_note_s:.2f} s", soft_wrap=True)
    played = f"{report.played_s:g} s in real time, {report.played_notes_per_s:g} notes a second, milliseconds"
    table = _table(played, *DISTRIBUTION)
    _add(table, "decided before it was due", report.decided_ahead)
    _add(table, f"scheduler error ({report.late} over 10 ms, {report.late_while_running} while the machine ran)", report.scheduler_error)
    console.print(table)
