"""Ports that share a name, ports whose driver numbers them, and letters that are written in two ways."""

import pytest

from engine.base.errors import UsageError
from engine.midi.ports import match_port, shown_names
from engine.midi.ports.names import Identity

TWINS = ["Keystation", "Organ", "Keystation"]


@pytest.mark.parametrize(("wanted", "place"), [("keystation#1", 0), ("Keystation#2", 2), ("key#2", 2), ("organ#1", 1), ("organ", 1)])
def test_one_of_several_by_one_name(wanted, place):
    assert match_port(wanted, TWINS, "input") == place


def test_a_name_that_has_a_number_sign_itself_comes_first():
    assert match_port("Desk#2", ["Desk#2", "Desk", "Desk"], "input") == 0


@pytest.mark.parametrize("wanted", ["Keystation#3", "Keystation#0"])
def test_a_number_that_no_port_has_is_refused_with_the_candidates(wanted):
    with pytest.raises(UsageError, match=r"input port 'Keystation': got #\d; ports with that in their name: 'Keystation', 'Keystation'"):
        match_port(wanted, TWINS, "input")


def test_twins_are_listed_so_that_each_can_be_typed():
    assert shown_names(TWINS) == ["Keystation#1", "Organ", "Keystation#2"]
    assert [match_port(name, TWINS, "input") for name in shown_names(TWINS)] == [0, 1, 2]
    with pytest.raises(UsageError, match="'Keystation#1', 'Keystation#2'"):
        match_port("Keystation", TWINS, "input")


@pytest.mark.parametrize(
    ("api", "typed", "now"),
    [("winmm", "Keystation 3", "Keystation 1"), ("alsa", "Keystation:MIDI 20:0", "Keystation:MIDI 24:0"), ("jack", "a2j:K [20] (capture)", "a2j:K [24] (capture)")],  # fmt: skip  # noqa: E501
)
def test_a_number_that_the_driver_gave_may_have_changed(api, typed, now):
    assert match_port(typed, ["Other 0", now], "input", api) == 1
    assert Identity.of_port(0, [typed], api).find(["Other 0", now]) == 1


def test_a_number_that_is_part_of_the_name_is_not_another_ports():
    assert Identity.of_port(0, ["Synth 1"], "coremidi").find(["Synth 2"]) is None
    with pytest.raises(UsageError):
        match_port("Synth 3", ["Synth 1", "Synth 2"], "output", "jack")


def test_of_twins_none_is_there_until_both_are():
    second = Identity.of_port(2, TWINS, "coremidi")
    assert second.find(["Keystation", "Organ"]) is None
    assert second.find(["Keystation", "Keystation"]) == 1


def test_letters_are_the_same_composed_or_not_and_on_a_code_page_without_them():
    names = ["Flu\u0308gel", "鍵盤"]  # the first as macOS writes it: a letter and a diaeresis
    assert match_port("FL\u00dcGEL", names, "input") == 0
    assert match_port("鍵".encode().decode("ascii", "surrogateescape"), names, "input") == 1
