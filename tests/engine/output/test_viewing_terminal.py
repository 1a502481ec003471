"""What ``--show`` draws and what its keys ask for, without a terminal."""

import pytest

from engine.output.viewing.snapshot import Counts, Description, Note, Port, ScorePlace, ShownCommand, ShownControl, Snapshot, as_dict
from engine.output.viewing.terminal.__main__ import keys
from engine.output.viewing.terminal.drawing import draw
from engine.output.viewing.terminal.view import View

S = 1_000_000_000
GAIN = ShownControl("gain", 0, 2, 1, "x", "how loud", (), {"auto": -1.0}, (21,))
MOOD = ShownControl("mood", 0, 2, 0, "", "how glad", ("sad", "calm", "glad"), {}, ())


def description(controls=(GAIN, MOOD)):
    commands = (ShownCommand("panic", "end every sound"),)
    return Description(1, "scaled", "notes", 0, 0, "Keyboard", ("Module",), controls, commands, (), None, (), (), ())


def snapshot(**changed):
    told = {
        "sequence": 1, "time_ns": 10 * S, "description": 1, "complete": True, "notes_in": (), "notes_out": (), "said": (), "pedal_in": 0,
        "pedal_out": 0, "counts": Counts(), "controls": {"gain": 1.0, "mood": 1.0}, "ports": (), "muted": False, "recording": None,
        "replaying": None, "place": None, "beats_per_minute": None, "beat": None, "duo": None,
    }  # fmt: skip
    return Snapshot(**{**told, **changed})


def view_of(*messages, controls=(GAIN, MOOD)):
    view = View()
    for message in (description(controls), *messages):
        view.take({"description" if isinstance(message, Description) else "snapshot": as_dict(message)})
    return view


def screen(view, columns=80, rows=24):
    return [row.plain for row in draw(view, columns, rows)]


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 60), (40, 12), (20, 5)])
def test_the_screen_is_full_and_its_last_row_tells_the_keys(columns, rows):
    many = [ShownControl(f"control{number}", 0, 1, 0, "", "", (), {}, ()) for number in range(30)]
    view = view_of(snapshot(notes_out=tuple(Note(9 * S, 0, key, 64) for key in range(128))), controls=many)
    for _ in range(25):
        view.press("down")
    shown = screen(view, columns, rows)
    assert len(shown) == rows and shown[-1].startswith("arrows control")
    assert all(row.isascii() for row in shown)
    if rows >= 24:
        assert any("> control25 " in row for row in shown)


def test_what_colour_says_is_said_in_words():
    ports = (Port("Keyboard", "in", False), Port("Module", "out", True))
    told = snapshot(
        muted=True, recording="take.mid", ports=ports, pedal_in=127, pedal_out=40, counts=Counts(late=2, most_late_ns=15_000_000),
        place=ScorePlace(12, 3.5, 46.5, 96.2, True),
    )  # fmt: skip
    shown = "\n".join(screen(view_of(told)))
    for words in (
        "MUTED", "RECORDS take.mid", "in Keyboard: GONE", "out Module: there", "pedal 127 DOWN", "pedal  40 half", "2 late (15 ms)",
        "bar 12, beat 3.5", "96 quarters a minute",
    ):  # fmt: skip
        assert words in shown


def test_notes_roll_by_and_meters_fall():
    begun = snapshot(notes_in=(Note(8 * S, 0, 60, 20),), notes_out=(Note(8 * S, 0, 60, 127, 2_000_000),))
    ended = snapshot(notes_in=(Note(9 * S, 0, 60, 0),), notes_out=(Note(9 * S, 0, 60, 0),))
    view = view_of(begun, ended)
    (row,) = [row for row in screen(view) if "9---" in row]
    assert row.index("9") == 80 - 1 - 16 and row.rindex("-") == 80 - 1 - 8 - 1
    assert "out velocity 127 [" in screen(view)[2] and "1 in" not in screen(view)[4]
    full = screen(view_of(snapshot(notes_out=(Note(10 * S, 0, 60, 127),))))[2].count("#")
    assert 0 < screen(view_of(snapshot(notes_out=(Note(9 * S, 0, 60, 127),))))[2].count("#") < full
    view.take({"snapshot": as_dict(snapshot(time_ns=100 * S))})
    assert not any("9---" in row for row in screen(view))


def test_keys_choose_and_change_controls():
    view = view_of(snapshot())
    assert view.press("right") == ["set gain 1.1"]
    assert view.press("right") == ["set gain 1.2"]  # from what was asked for, before it is told
    assert view.press("d") == ["set gain 1"]
    assert [view.press("left") for _ in range(12)][-1] == ["set gain 0"]
    assert view.press("down") == [] and view.press("right") == ["set mood glad"] and view.press("right") == ["set mood glad"]
    assert view.press("up") == view.press("up") == []
    view.take({"answer": "gain 0"})
    assert view.press("right") == ["set gain 1.1"]
    assert View().press("right") == []


def test_keys_tell_the_run_what_a_typed_line_would():
    view = view_of(snapshot())
    assert [view.press(key) for key in "pm r"] == [["panic"], ["mute"], ["toggle"], ["record"]]
    view.take({"snapshot": as_dict(snapshot(recording="take.mid"))})
    assert view.press("r") == ["record off"] and view.press("b") == ["replay"]
    view.take({"snapshot": as_dict(snapshot(replaying="take.mid"))})
    assert view.press("b") == ["replay off"] and any("PLAYS take.mid BACK" in row for row in screen(view))
    assert view.press("q") == [] and "again" in screen(view)[-1] and view.press("p") == ["panic"]
    assert view.press("q") == [] and view.press("q") == ["quit"]
    assert [line for key in keys("fvelocity 0.1\r") for line in view.press(key)] == ["performer velocity 0.1"]
    assert [line for key in keys(":lox\x7fop 1 2\r:p\x1b\r") for line in view.press(key)] == ["loop 1 2"]
    view.press("?")
    assert any("panic" in row and "end every sound" in row for row in screen(view))
    assert view.press("p") == [] and view.press("p") == ["panic"]


def test_sequences_of_the_terminal_are_keys_and_what_is_unknown_is_none():
    assert list(keys("\x1b[A\x1bOB\x1b[5~a\x1b[1;5C")) == ["up", "down", "a"]


def test_answers_and_what_is_said_stand_in_the_log():
    view = view_of(snapshot(said=("port 'Keyboard' is gone; waiting for it",)))
    view.take({"answer": "silent"})
    view.take({"answer": "heard"})
    shown = screen(view)
    assert shown[-2] == "heard"
    assert shown.index("silent") == shown.index("port 'Keyboard' is gone; waiting for it") + 1
