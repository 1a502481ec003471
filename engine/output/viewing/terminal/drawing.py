"""The layout of the screen. Whatever colour says is said by a word or a sign as well, and every sign is ASCII."""

from typing import Any

from rich.text import Text

from engine.output.viewing.terminal.view import KEYS, SECONDS, View, said

CAME, LEFT, HEAD, QUIET, WRONG, CHOSEN = "cyan", "bold yellow", "bold", "dim", "bold red", "reverse"
METER = 32  # columns
FALL_S = 1.5  # until a meter has fallen from the top
LEAST_KEYS = 24  # that the roll spans
LOG_ROWS, MOST_CONTROLS, LEAST_ROLL = 3, 8, 3
AROUND = 9  # rows that are neither the roll nor controls nor the log


def draw(view: View, columns: int, rows: int) -> list[Text]:
    """Return the rows of the screen."""
    if not view.snapshot or not view.description:
        return [Text("waiting for the run ...")]
    if view.helps:
        return _fit([*_help(view), Text("any key goes back", QUIET)], rows)
    log_rows = min(LOG_ROWS, max(rows - 16, 1))
    free = max(rows - AROUND - log_rows, 0)
    controls = min(len(view.controls), MOST_CONTROLS, max(free - LEAST_ROLL, 1))
    shown = [
        _title(view, columns),
        _meter(view, "in ", False, view.snapshot["pedal_in"], CAME),
        _meter(view, "out", True, view.snapshot["pedal_out"], LEFT),
        _place(view.snapshot),
        _counts(view),
        _ports(view.snapshot),
        _rule(f"notes of the last {SECONDS} s: o came in, 1 to 9 went out (how hard), - sounds", columns),
        *_roll(view, columns, max(free - controls, 0)),
        _rule(f"controls: {view.controls[view.chosen]['help']}" if view.controls else "no controls", columns),
        *_controls(view, controls),
        *(Text(line) for line in list(view.log)[-log_rows:]),
    ]
    return [*_fit(shown, rows - 1), _prompt(view)]


def _fit(shown: list[Text], rows: int) -> list[Text]:
    return [*shown[:rows], *(Text() for _ in range(rows - len(shown)))]


def _title(view: View, columns: int) -> Text:
    about, snapshot = view.description, view.snapshot
    title = Text(about["performer"], HEAD)
    title.append(f"  {about['source']} -> {', '.join(about['outputs'])}", "not bold")
    states = ["MUTED"] * snapshot["muted"] + [f"RECORDS {snapshot['recording']}"] * bool(snapshot["recording"])
    states += [f"PLAYS {snapshot['replaying']} BACK"] * bool(snapshot["replaying"])
    if states:
        title.truncate(max(columns - len("  ".join(states)) - 2, 0), pad=True)
        title.append("  " + "  ".join(states), WRONG)
    return title


def _meter(view: View, name: str, out: bool, pedal: int, style: str) -> Text:
    velocity, when_ns = view.velocities.get(out, (0, 0))
    fallen = (view.snapshot["time_ns"] - when_ns) / 1e9 / FALL_S * 127
    level = round(max(velocity - max(fallen, 0), 0) / 127 * METER)
    row = Text(f"{name} velocity {velocity or '-':>3} ")
    row.append(f"[{'#' * level}{' ' * (METER - level)}]", style)
    row.append(f"  pedal {pedal:>3} {'DOWN' if pedal >= 64 else 'half' if pedal else 'up'}")
    return row


def _place(snapshot: dict[str, Any]) -> Text:
    parts = []
    if place := snapshot["place"]:
        parts.append(f"bar {place['bar']}, beat {place['beat']:.1f}")
        parts.append(f"{place['quarters_per_minute']:.0f} quarters a minute" if place["plays"] else "PAUSED")
    if beat := snapshot["beat"]:
        tempo = beat["quarters_per_minute"]
        parts.append(f"clock {tempo:.1f} quarters a minute" if tempo else "clock, tempo not known yet")
        parts += [f"at quarter {beat['quarter']:.0f}"] if beat["quarter"] is not None else []
    return Text("  ".join(parts) or "no score, no clock", HEAD if parts else QUIET)


def _counts(view: View) -> Text:
    counts, late = view.snapshot["counts"], view.lateness_ms()
    row = Text(f"{counts['notes_in']:,} in, {counts['notes_out']:,} out")
    if late:
        row.append(f"  {late[0]:.1f} ms after due, at most {late[1]:.1f}")
    troubles = (
        (counts["late"], f"{counts['late']:,} late ({counts['most_late_ns'] / 1e6:.0f} ms)"),
        (counts["degraded"], f"{counts['degraded']:,} without the model"),
        (counts["windows_short"], f"{counts['windows_short']:,} windows short"),
        (counts["failures"], f"performer failed {counts['failures']:,} times"),
        (counts["standstills"], f"stood still {counts['standstills']:,} times"),
        (counts["underruns"], f"{counts['underruns']:,} underruns"),
        (not view.snapshot["complete"], "some not shown"),
    )
    told = [text for number, text in troubles if number]
    row.append("  " + ("  ".join(told) or "none late"), WRONG if told else "")
    return row


def _ports(snapshot: dict[str, Any]) -> Text:
    row = Text()
    for port in snapshot["ports"]:
        row.append(f"{port['direction']} {port['name']}: ", QUIET)
        row.append("there  " if port["there"] else "GONE  ", "" if port["there"] else WRONG)
    return row if snapshot["ports"] else Text("no MIDI ports", QUIET)


def _rule(title: str, columns: int) -> Text:
    return Text(f"-- {title} {'-' * columns}"[:columns], QUIET)


def _roll(view: View, columns: int, rows: int) -> list[Text]:
    """Return the last seconds of notes, time to the right, keys upwards."""
    bars = view.shown_bars()
    keys = [bar.key for bar in bars]
    middle = (min(keys) + max(keys)) // 2 if keys else 60
    span = max(max(keys) - min(keys) + 1 if keys else 0, LEAST_KEYS)
    lowest, now_ns = middle - span // 2, view.snapshot["time_ns"]
    signs = [[(" ", "")] * columns for _ in range(rows)]
    for bar in bars if rows else ():
        row = signs[min(max(rows - 1 - (bar.key - lowest) * rows // span, 0), rows - 1)]
        begin = _column(bar.begin_ns, now_ns, columns)
        style = LEFT if bar.out else CAME
        for column in range(max(begin + 1, 0), _column(bar.end_ns or now_ns, now_ns, columns)):
            row[column] = ("-", style) if row[column][0] == " " else row[column]
        if begin >= 0 and (bar.out or not row[begin][0].isdigit()):
            row[begin] = (str(1 + bar.velocity * 9 // 128) if bar.out else "o"), style
    return [Text.assemble(*row) for row in signs]


def _column(time_ns: int, now_ns: int, columns: int) -> int:
    return columns - 1 - (now_ns - time_ns) * columns // (SECONDS * 10**9)


def _controls(view: View, rows: int) -> list[Text]:
    first = min(max(view.chosen - rows // 2, 0), max(len(view.controls) - rows, 0))
    return [_control(view, number) for number in range(first, first + rows) if number < len(view.controls)]


def _control(view: View, number: int) -> Text:
    control = view.controls[number]
    value, least, most = view.value(control), control["minimum"], control["maximum"]
    level = round(min(max((value - least) / (most - least), 0), 1) * 16) if most > least else 0
    moved = "".join(f" cc{controller}" for controller in control["controllers"])
    text = f"{'>' if number == view.chosen else ' '} {control['name']:<20.20} [{'=' * level}{' ' * (16 - level)}] {said(control, value)}"
    row = Text(f"{text} {'' if control['choices'] else control['unit']}{moved}", CHOSEN if number == view.chosen else "")
    return row


def _prompt(view: View) -> Text:
    if view.typed is not None:
        return Text.assemble((f": {view.typed}", HEAD), "_", ("  Return sends it, Escape does not", QUIET))
    if view.leaves:
        return Text("press q again to end", HEAD)
    return Text("arrows control  p panic  m mute  r record  f performer  : line  ? help  q q end", QUIET)


def _help(view: View) -> list[Text]:
    rows = [Text("Keys", HEAD), *(Text(f"  {key:<12} {what}") for key, what in KEYS), Text("Lines", HEAD)]
    return [*rows, *(Text(f"  {command['usage']:<24} {command['help']}") for command in view.description["commands"])]
