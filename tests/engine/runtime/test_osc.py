"""OSC over a real socket: what it asks for, what it is answered, and that no packet does any harm."""

import random
import socket
import threading

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from engine.base.errors import PerfLiveError
from engine.runtime.steering.osc import bind, read_packet, steered_by_osc
from engine.runtime.steering.requests import Command, Steering

LIMIT_S = 10


def message(address, *arguments):
    builder = OscMessageBuilder(address)
    for argument in arguments:
        builder.add_arg(argument)
    return builder.build().dgram


@pytest.fixture
def controller():
    """A run that writes down what it is told, and a program that tells it."""
    told: list[list[str]] = []
    asked = threading.Event()
    steering = Steering(asked.set)

    def hear(name):
        def carry_out(words, asker):
            told.append([name, *words])
            if name == "set" and words[1] == "wrong":
                raise PerfLiveError("not so")
            return f"{name} done"

        return carry_out

    usages = ("set CONTROL VALUE", "panic", "mute [on|off]", "seek BAR", "status", "quit", "save PRESET", "tap [VELOCITY]")
    steering.add([Command(usage, "", hear(usage.split()[0])) for usage in usages])
    with bind(0) as endpoint, steered_by_osc(steering, endpoint), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        assert endpoint.getsockname()[0] == "127.0.0.1"
        sender.settimeout(LIMIT_S)

        def ask(packet):
            asked.clear()
            sender.sendto(packet, endpoint.getsockname())
            if packet[:5] not in (b"/quit", b"/save"):
                assert asked.wait(LIMIT_S)
                steering.obey()
            answer = OscMessage(sender.recv(65_507))
            return answer.address, answer.params[0]

        yield told, ask, lambda packet: sender.sendto(packet, endpoint.getsockname())


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (message("/set/dynamics", 6), ["set", "dynamics", "6"]),
        (message("/control/dynamics", -2.5), ["set", "dynamics", "-2.5"]),
        (message("/set", "dynamics", 6.0), ["set", "dynamics", "6"]),
        (message("/set/hint", True), ["set", "hint", "on"]),
        (message("/panic"), ["panic"]),
        (message("/panic", 1.0), ["panic"]),
        (message("/tap", 1.0), ["tap"]),
        (message("/tap", 90), ["tap", "90"]),
        (message("/mute", 1), ["mute", "on"]),
        (message("/mute", 0.0), ["mute", "off"]),
        (message("/mute"), ["mute"]),
        (message("/seek", 12.0), ["seek", "12"]),
        (message("/seek/12"), ["seek", "12"]),
    ],
)
def test_an_address_and_its_arguments_are_a_command(packet, words, controller):
    told, ask, _ = controller
    assert ask(packet) == ("/ok", f"{words[0]} done")
    assert told == [words]


def test_who_asks_is_answered(controller):
    told, ask, _ = controller
    assert ask(message("/status")) == ("/status", "status done")
    assert ask(message("/set/dynamics", "wrong")) == ("/error", "set dynamics wrong: not so")
    assert ask(message("/sett/dynamics", 1)) == ("/error", "sett dynamics 1: not a command; did you mean 'set'?")
    assert ask(message("/quit")) == ("/error", "quit: is for typed lines only")
    assert ask(message("/save", "x")) == ("/error", "save: is for typed lines only")
    assert [words[0] for words in told] == ["status", "set"]


def test_a_button_that_is_let_go_asks_for_nothing_and_no_packet_does_harm(controller, capfd):
    told, ask, send = controller
    send(message("/panic", 0.0))
    send(message("/tap", 0.0))
    generator = random.Random(5)
    whole = [message("/set/dynamics", 6.0), message("/panic"), b"#bundle\x00" + bytes(8) + b"\x00\x00\x00\x10" + message("/panic")]
    for _ in range(300):
        damaged = bytearray(generator.choice(whole))
        for _ in range(generator.randrange(1, 6)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        packet = bytes(damaged[: generator.randrange(1, len(damaged) + 1)])
        read_packet(packet)  # returns whatever it is
    for packet in (b"\x00", b"/", b"#bundle\x00", b"/a\x00\x00,s\x00\x00abc", bytes(60_000)):
        send(packet)
    assert ask(message("/status")) == ("/status", "status done")
    assert told == [["status"]]


def test_a_port_that_is_taken_is_one_line():
    with bind(0) as taken, pytest.raises(PerfLiveError, match=r"--osc \d+: .*; close the program that uses this port, or choose another"):
        bind(taken.getsockname()[1])
