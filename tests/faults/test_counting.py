"""What the observer's log says is lost, stuck and late; and how the tables go into a document."""

import pytest

from engine.base.errors import PerfLiveError, UsageError
from engine.bench.reliability.document import check_document, write_table
from engine.bench.reliability.stage.log import Entry, compare, encode, read_log, sounding

ON, LOUDER, OFF, ZERO = b"\x90\x3c\x40", b"\x90\x3c\x50", b"\x80\x3c\x40", b"\x90\x3c\x00"
DOWN, UP = b"\xb0\x40\x7f", b"\xb0\x40\x00"


def entries(*messages):
    return [Entry(10 * index, message) for index, message in enumerate(messages)]


def test_a_note_with_another_velocity_is_heard_and_its_wait_is_known():
    counted = compare(entries(ON, OFF), [Entry(7, LOUDER), Entry(30, ZERO)])
    assert (counted.sent, counted.lost, counted.extra, counted.stuck, counted.pedals, counted.waits) == (1, 0, 0, 0, 0, ((0, 7),))


def test_what_is_not_heard_is_lost_and_what_was_not_sent_is_extra():
    counted = compare(entries(ON, OFF, ON, OFF), entries(ON, OFF, b"\x90\x3e\x40", b"\x80\x3e\x00"))
    assert (counted.sent, counted.lost, counted.extra) == (2, 1, 1)


def test_only_the_channels_that_are_asked_for_count():
    counted = compare(entries(ON), entries(ON, b"\x91\x3c\x40", b"\xb1\x40\x7f"), [0])
    assert (counted.sent, counted.lost, counted.extra, counted.stuck, counted.pedals) == (1, 0, 0, 1, 0)


@pytest.mark.parametrize(
    ("messages", "keys", "pedals"),
    [
        ([ON], [(0, 60)], []),
        ([ON, LOUDER, OFF], [], []),
        ([ON, ZERO, DOWN], [], [(0, 64)]),
        ([DOWN, UP, b"\xb0\x42\x01"], [], [(0, 66)]),
        ([ON, OFF, b"\x90", b"", b"\xb0\x7b\x00"], [], []),
    ],
)
def test_what_sounds(messages, keys, pedals):
    assert sounding(messages) == (keys, pedals)


def test_a_log_is_read_as_far_as_it_goes(tmp_path):
    whole = encode(5, ON) + encode(6, OFF)
    (tmp_path / "log").write_bytes(whole + encode(7, ON)[:-1])
    assert read_log(tmp_path / "log") == ([Entry(5, ON), Entry(6, OFF)], len(whole))
    assert read_log(tmp_path / "log", len(encode(5, ON)))[0] == [Entry(6, OFF)]


def test_a_table_is_written_in_its_place(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- written by x -->\nold\n<!-- end of what x wrote -->\n\nmore\n")
    write_table(page, "x", ("a", "b"), [("1", "2")])
    table = "| a | b |\n| --- | --- |\n| 1 | 2 |"
    assert page.read_text() == f"# Page\n\n<!-- written by x -->\n\n{table}\n\n<!-- end of what x wrote -->\n\nmore\n"
    with pytest.raises(UsageError, match="no place for the table"):
        check_document(page, "y")
    with pytest.raises(PerfLiveError, match="cannot read"):
        check_document(tmp_path / "none.md", "x")
