"""What serves the page, asked through real sockets by programs that are no browser."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, closing, contextmanager
from importlib.resources import files
from pathlib import Path

import pytest
from command_line import ScaledPerformer
from viewed_runs import LIMIT_S, playing
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from engine.midi.events import note_off, note_on
from engine.output.viewing import page
from engine.output.viewing.page import program
from engine.output.viewing.page.address import Address, bind
from engine.output.viewing.page.server import MOST_BYTES

FOLDER = Path(str(files(page) / "files"))
FILES = {path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.*")}
OUTSIDE = re.compile(r"""(https?|wss?|ftp)://|(data|blob):|["'(]//|@import""")
LINKED = re.compile(r"""(?:(?:href|src)=|from |new URL\()"(?!midi"|#)([^"]+)\b""")
NAME_OF_SVG = 'xmlns="http://www.w3.org/2000/svg"'  # a name, and asked for by nobody


class Page:
    """A page that has been opened."""

    def __init__(self, address, query="", origin=None):
        url = address.url.replace("http:", "ws:")
        self.socket = connect(f"{url}socket{query}", origin=origin or f"http://127.0.0.1:{address.port}", proxy=None, open_timeout=LIMIT_S)
        self.state, self.notes_in, self.notes_out, self.answers, self.described = {}, [], [], [], None

    def look_until(self, condition):
        """Take what is shown until it meets the condition."""
        end_s = time.monotonic() + LIMIT_S
        while not condition(self):
            assert time.monotonic() < end_s, (self.state, self.answers)
            message = json.loads(self.socket.recv(LIMIT_S))
            self.described = message.get("description", self.described)
            snapshot = message.get("snapshot", {})
            self.notes_in += snapshot.pop("notes_in", [])
            self.notes_out += snapshot.pop("notes_out", [])
            self.state |= snapshot
            self.answers += [(each["to"], each["line"], each["done"]) for each in [message.get("answer")] if each]

    def ask(self, line):
        self.socket.send(line)
        count = len(self.answers)
        self.look_until(lambda page: len(page.answers) > count)
        return self.answers[-1]


@contextmanager
def served(**options):
    """A run, and the address of its page."""
    address = bind(0)
    with address.endpoint, playing(ScaledPerformer()) as run, program.served(run.channel, run.session.steering, address, **options):
        yield run, address


@pytest.fixture(scope="module")
def shared():
    """A run for tests that leave it as it was."""
    with served() as running:
        yield running


@contextmanager
def opened(address, query=""):
    page = Page(address, query)
    with page.socket:
        yield page


def get(address, path, **headers):
    with closing(http.client.HTTPConnection("127.0.0.1", address.port, timeout=LIMIT_S)) as connection:
        connection.request("GET", path, headers={name.title(): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()


def test_whoever_knows_the_address_is_given_the_files_and_may_load_nothing_else(shared):
    _, address = shared
    for name, content in {"": FILES["index.html"], **FILES}.items():
        status, headers, body = get(address, f"/{address.token}/{name}")
        assert (status, body) == (200, content)
        policy = dict(each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert set(policy["connect-src"].split()) == {"'self'", *(f"ws://{host}" for host in address.hosts)}
        assert (headers["referrer-policy"], headers["x-content-type-options"]) == ("no-referrer", "nosniff")
    assert get(address, f"/{address.token}/../server.py")[0] == get(address, f"/{address.token}/server.py")[0] == 404
    assert get(address, f"/{address.token}/", host=f"localhost:{address.port}")[0] == 200


def test_the_files_name_nothing_from_elsewhere():
    for name, content in FILES.items():
        assert not OUTSIDE.search(content.replace(NAME_OF_SVG, "")), name
    linked = {(name, each) for name, content in FILES.items() for each in LINKED.findall(content)}
    assert {os.path.normpath(os.path.join(os.path.dirname(name), each)) for name, each in linked} == set(FILES) - {"index.html"}


def test_another_token_is_refused_and_nothing_says_the_right_one(shared):
    _, address = shared
    other = Address(address.endpoint)
    assert len(address.token) >= 32 and address.token != other.token and address.token not in repr(address)
    for path in ("/", "//", "/favicon.ico", "/index.html", f"/{address.token[:-1]}/", f"/x/{address.token}/", "/%C3%A9/"):
        status, headers, body = get(address, path)
        assert status == 403 and address.token not in body + str(headers)
    with pytest.raises(InvalidStatus, match="403"):
        Page(other)


@pytest.mark.parametrize("headers", [
    {"host": "elsewhere.example"}, {"host": "elsewhere.example:{port}"}, {"host": "127.0.0.1"}, {"host": "127.0.0.1:1"},
    {"origin": "http://elsewhere.example"}, {"origin": "null"}, {"origin": "https://127.0.0.1:{port}"},
])  # fmt: skip
def test_another_name_of_this_computer_and_another_site_are_refused(shared, headers):
    _, address = shared
    given = {name: value.format(port=address.port) for name, value in headers.items()}
    assert get(address, f"/{address.token}/", **given)[0] == 403


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", "http://127.0.0.1:1", ""])
def test_another_site_cannot_steer(shared, origin):
    _, address = shared
    with pytest.raises(InvalidStatus, match="403"):
        url = address.url.replace("http:", "ws:") + "socket"
        connect(url, origin=origin or None, proxy=None)


def test_notes_come_to_the_page_and_what_it_asks_for_is_done_and_answered():
    with served() as (run, address), opened(address) as page, opened(address) as other:
        page.look_until(lambda page: page.state and page.described)
        assert [control["name"] for control in page.described["controls"]] == ["gain", "mood"]
        assert page.described["performers"] == []  # this run lets none be exchanged
        assert page.ask("set gain 2") == ("set gain 2", "gain 2", True)
        run.keyboard.play(note_on(2, 60, 20), note_off(2, 60))
        for each in (page, other):
            each.look_until(lambda page: len(page.notes_out) == 2)
            assert [note["velocity"] for note in each.notes_in + each.notes_out] == [20, 0, 40, 0]
            assert each.state["controls"] == {"gain": 2, "mood": 0}
        assert other.answers == []


def test_what_is_no_number_is_none(shared):
    _, address = shared
    for since in ("9" * 5000, "-1", "x", "1.5"):
        with opened(address, f"?since={since}") as page:
            assert page.ask("status")[2]
    for width in ("9" * 5000, "x", ""):
        assert get(address, f"/{address.token}/engraving?width={width}")[0] == 404


def test_what_is_wrong_is_answered_and_the_page_goes_on():
    with served() as (_, address), opened(address) as page:
        line, answer, done = page.ask("gian 2")
        assert (line, done) == ("gian 2", False) and "did you mean 'gain'?" in answer
        assert page.ask('record "take') == ('record "take', 'record "take: No closing quotation', False)
        page.socket.send(b"\xff\x00")  # no text: is left out, as an empty line is
        page.socket.send("   ")
        assert page.ask("panic") == ("panic", "silent", True)
        page.socket.send("x" * (MOST_BYTES + 1))
        with pytest.raises(ConnectionClosed):
            page.look_until(lambda page: False)


def test_a_page_that_was_cut_off_is_shown_what_it_has_missed():
    with served() as (run, address):
        with opened(address) as page:
            page.look_until(lambda page: page.state)
        run.keyboard.play(note_on(0, 60, 20))
        run.look_until(lambda shown: shown.notes_out)
        with opened(address, f"?since={page.state['sequence']}") as again:
            again.look_until(lambda page: page.notes_out)
            assert again.state["complete"] and again.described
        for nonsense in ("?since=x", "?since=-1", "?since=99999999999999999999"):
            with opened(address, nonsense) as other:
                other.look_until(lambda page: page.state)


def test_a_page_that_does_not_read_is_dropped_and_the_others_go_on():
    with served(reading_s=0.2) as (run, address), opened(address) as page:
        with socket.socket() as sleeper:
            sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sleeper.connect(("127.0.0.1", address.port))
            sleeper.settimeout(LIMIT_S)
            sleeper.sendall(handshake(address))
            for _ in range(800):
                sleeper.sendall(frame(b"help"))
            page.look_until(lambda page: page.state)
            last = page.state["sequence"]
            page.look_until(lambda page: page.state["sequence"] > last + 60)
            assert page.ask("gain 1.5")[2]
            run.keyboard.play(note_on(0, 60, 40))
            page.look_until(lambda page: page.notes_out)
            end_s = time.monotonic() + LIMIT_S
            while sleeper.recv(65_536):  # what was on its way, then the end
                assert time.monotonic() < end_s


def handshake(address):
    lines = [
        f"GET /{address.token}/socket HTTP/1.1", f"Host: {address.hosts[0]}", f"Origin: http://{address.hosts[0]}", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def frame(text):
    """Return a text in one frame, masked by zeros (RFC 6455, 5.2)."""
    return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text


def test_the_end_of_a_run_ends_its_pages_and_frees_the_port():
    with ExitStack() as stack:
        with served() as (_, address):
            port, page = address.port, stack.enter_context(opened(address))
        with pytest.raises(ConnectionClosed):
            page.look_until(lambda page: False)
    bind(port).endpoint.close()


def test_the_music_goes_on_without_the_page():
    before = programs()
    with served() as (run, address), opened(address) as page:
        page.look_until(lambda page: page.state)
        (served_by,) = programs() - before
        os.kill(served_by, signal.SIGKILL)
        with pytest.raises(ConnectionClosed):
            page.look_until(lambda page: False)
        run.keyboard.play(note_on(0, 60, 20))
        seen = run.look_until(lambda shown: program.GONE in shown.said)
        if not any(shown.notes_out for shown in seen):
            run.look_until(lambda shown: shown.notes_out)


def programs():
    """Return the programs that this process has started and that run."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return {int(number) for number in listed.stdout.split() if Path(f"/proc/{number}/cmdline").exists()}
