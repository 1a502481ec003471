"""The page as an end of a run: what is played on it and heard there, by programs that are no browser and by one that is."""

import json
import time
from contextlib import contextmanager

import pytest
from command_line import ScaledPerformer
from opened_pages import opened_page
from viewed_runs import LIMIT_S, playing
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from engine.midi.events import Event, control_change, note_off, note_on
from engine.output.page_ends import MOST_WAITING, PageEnds, PageSink
from engine.output.viewing.page.address import bind
from engine.output.viewing.page.program import served

# A browser's MIDI devices where there are none: what is sent to the output is in `heard`, and `press` plays the input.
DEVICES = """
window.heard = [];
const input = {id: 'keys', type: 'input', name: 'Stage Keys', onmidimessage: null};
const output = {id: 'module', type: 'output', name: 'Module', send: (data, time) => heard.push([[...data], time])};
window.press = (...data) => input.onmidimessage({data: Uint8Array.from(data)});
navigator.requestMIDIAccess = async () => ({inputs: new Map([['keys', input]]), outputs: new Map([['module', output]])});
"""


@contextmanager
def run_on_page():
    """A run that is played and heard on its page."""
    address = bind(0)
    with address.endpoint, playing(ScaledPerformer()) as run:
        sink = PageSink()
        run.session.rig.engine.add_sink(sink)
        with served(run.channel, run.session.steering, address, PageEnds(run.keyboard.hear, sink)):
            run.ask("gain 2")
            yield run, address
            sink.close()


@pytest.fixture(scope="module")
def running():
    with run_on_page() as (run, address):
        yield run, address


@contextmanager
def player(address, name="midi"):
    url = address.url.replace("http:", "ws:") + name
    with connect(url, origin=f"http://127.0.0.1:{address.port}", proxy=None, open_timeout=LIMIT_S) as socket:
        yield socket


def hear(socket, count=1):
    """Return the due times and messages that come next."""
    heard = []
    while len(heard) < count:
        heard += [(due_ns, bytes.fromhex(message)) for due_ns, message in json.loads(socket.recv(LIMIT_S))["midi"]]
    return heard


def play(socket, *messages):
    for message in messages:
        socket.send(json.dumps({"midi": message.hex()}))


def test_what_is_played_on_a_page_is_performed_and_every_page_hears_it_with_its_time(running):
    _, address = running
    with player(address) as socket, player(address) as other:
        socket.send(json.dumps({"ping": 1.5}))
        answer = json.loads(socket.recv(LIMIT_S))
        assert answer["pong"] == 1.5 and answer["time_ns"] <= time.monotonic_ns()
        before_ns = time.monotonic_ns()
        play(socket, note_on(0, 60, 30))
        for each in (socket, other):
            ((due_ns, message),) = hear(each)
            assert message == note_on(0, 60, 60)
            assert before_ns <= due_ns <= time.monotonic_ns()
        play(socket, note_off(0, 60))
        assert hear(other)[0][1] == note_off(0, 60)


def test_what_a_page_holds_is_released_when_it_has_gone(running):
    _, address = running
    with player(address) as other:
        with player(address) as socket:
            play(socket, note_on(0, 62, 30), control_change(0, 64, 127))
            hear(other, 2)
        assert [message[:2] for _, message in hear(other, 2)] == [note_off(0, 62)[:2], control_change(0, 64, 0)[:2]]


@pytest.mark.parametrize("nonsense", ["x", "[]", "{}", '{"midi": "9"}', '{"midi": 9}', b"\xff"])
def test_a_page_that_talks_nonsense_is_dropped_and_the_music_goes_on(running, nonsense):
    _, address = running
    with player(address) as other:
        with player(address) as socket:
            socket.send(nonsense)
            with pytest.raises(ConnectionClosed):
                socket.recv(LIMIT_S)
        play(other, b"\x90\x3c", b"\xf0\x01\xf7", b"\x40", note_on(0, 64, 20), note_off(0, 64))  # the first are not whole
        assert [message for _, message in hear(other, 2)] == [note_on(0, 64, 40), note_off(0, 64)]


def test_a_sink_that_nobody_takes_from_waits_for_nothing_and_does_not_grow():
    sink = PageSink()
    for pitch in range(2 * MOST_WAITING):
        sink.send(Event(pitch, note_on(0, pitch % 128, 64)))
    sink.close()
    taken = sum((sink.take() for _ in range(3)), [])
    assert [event.time_ns for event in taken] == list(range(MOST_WAITING))
    assert sink.take() == []


@pytest.mark.browser
def test_the_keyboard_of_the_page_sounds_in_the_page(running, browser):
    _, address = running
    with opened_page(browser, address.url) as opened:
        opened.page.get_by_role("button", name="Sound").click()
        opened.wait_for("() => document.querySelector('#sound').ariaPressed === 'true'")
        opened.page.locator("#piano").focus()
        opened.wait_for_text("#latency", "To the engine")
        opened.page.keyboard.down("d")
        opened.wait_for_text("#last-notes", "E4, velocity 127")
        opened.wait_for("() => document.querySelector('#level').value > 0.001")
        opened.wait_for_text("#latency", "heard after")
        opened.page.keyboard.up("d")
        opened.page.get_by_role("button", name="Octave down").click()
        opened.page.get_by_role("slider", name="Touch").fill("40")
        opened.page.locator("#piano [data-key='50']").click()
        opened.wait_for_text("#last-notes", "D3, velocity 80")
        opened.page.get_by_role("button", name="Sound").click()
        opened.wait_for("() => document.querySelector('#level').value === 0")


@pytest.mark.browser
def test_devices_of_the_browser_play_and_sound_when_they_are_chosen(running, browser):
    _, address = running
    with opened_page(browser, address.url) as opened:
        opened.page.evaluate(DEVICES)
        opened.page.get_by_role("button", name="MIDI devices of this browser").click()
        opened.page.get_by_label("from Stage Keys").check()
        opened.page.get_by_label("to Module").check()
        opened.wait_for_text("#latency", "To the engine")
        opened.page.evaluate("press(0x90, 70, 25)")
        opened.wait_for("() => heard.length")
        message, time_ms = opened.page.evaluate("heard[0]")
        assert bytes(message) == note_on(0, 70, 50) and time_ms <= opened.page.evaluate("performance.now()") + 100
        opened.page.get_by_label("to Module").uncheck()
        assert [0xB0, 123, 0] in opened.page.evaluate("heard.map(([message]) => message)")
