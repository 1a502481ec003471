"""perf-live --page without ports: the start screen, in a browser and asked by a program that is none."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest
import synthetic_dexter
from command_line import ELISE, EXAMPLES
from jack_stage import LIMIT_S, PERF_LIVE
from opened_pages import OpenedPage, opened_page
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from engine.output.viewing.page.address import bind
from engine.output.viewing.page.starts import MOST_FILE_BYTES

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BEGIN = "() => { const begin = document.querySelector('#begin-now'); return begin.checkVisibility() && !begin.disabled; }"


class Started:
    """A perf-live that asks what to play."""

    def __init__(self, program: "subprocess.Popen[str]", temporary: Path):
        assert program.stdout
        self.program, self.temporary = program, temporary
        self.url = program.stdout.readline().strip().removeprefix("page: ")

    def send(self, name: str, content: bytes, **headers: str) -> tuple[int, Any]:
        """Drop a file; return what it is answered."""
        there = urlsplit(self.url)
        with closing(http.client.HTTPConnection(there.hostname or "", there.port, timeout=LIMIT_S)) as connection:
            connection.request("POST", f"{there.path}files/{quote(name)}", content, headers)
            response = connection.getresponse()
            text = response.read().decode()
            return response.status, json.loads(text) if response.headers["content-type"] == "application/json" else text

    @contextmanager
    def screen(self) -> Iterator[ClientConnection]:
        origin = self.url.rsplit("/", 2)[0]
        with connect(f"{self.url.replace('http', 'ws', 1)}socket", origin=origin, proxy=None, open_timeout=LIMIT_S) as socket:  # type: ignore
            yield socket

    def end(self) -> tuple[int, str]:
        self.program.send_signal(signal.SIGINT)
        _, errors = self.program.communicate(timeout=LIMIT_S)
        return self.program.returncode, errors


@contextmanager
def started(folder: Path, *arguments: object) -> Iterator[Started]:
    with bind(0).endpoint as endpoint:
        port = endpoint.getsockname()[1]
    temporary = folder / "temporary"
    temporary.mkdir()
    called = [sys.executable, "-c", PERF_LIVE, "--page", "--no-browser", "--page-port", str(port), *map(str, arguments)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, "TMPDIR": str(temporary), "XDG_CONFIG_HOME": str(folder)}
    program = subprocess.Popen(called, cwd=folder, env=environment, text=True, **pipes)
    try:
        yield Started(program, temporary)
    finally:
        program.terminate()
        program.communicate(timeout=LIMIT_S)


def hear(socket: ClientConnection) -> dict[str, Any]:
    """Return what is offered."""
    while not (message := json.loads(socket.recv(LIMIT_S))):
        pass
    offer: dict[str, Any] = message["start"]
    return offer


def begin(opened: OpenedPage, what: str, performer: str = "") -> None:
    opened.wait_for(BEGIN)
    opened.page.get_by_label(what).check()
    if performer:
        opened.page.get_by_text("Who plays, and how").click()
        opened.page.locator("#chosen-performer").select_option(performer)
    opened.page.get_by_role("button", name="Begin", exact=True).click()


@contextmanager
def start_screen(browser: "Browser", url: str, **options: Any) -> Iterator[OpenedPage]:
    with opened_page(browser, url, "() => document.body.dataset.shows === 'start'", **options) as opened:
        yield opened


@pytest.mark.browser
def test_a_take_is_played_recorded_and_played_back_without_port_and_sound_card(browser: "Browser", tmp_path: Path) -> None:
    with started(tmp_path) as run, start_screen(browser, run.url) as opened:
        opened.page.get_by_label("Play a take back").check()
        opened.page.set_input_files("#upload", ELISE)
        opened.wait_for("name => document.querySelector('#file').value === name", ELISE.name)
        begin(opened, "Play a take back")
        opened.wait_for("() => document.querySelector('#level').value > 0.001")
        opened.page.get_by_role("button", name="Back to the start").click()

        begin(opened, "Give my keys touch", "passthrough")
        opened.wait_for_text("#latency", "To the engine")
        opened.page.get_by_role("button", name="Record").click()
        opened.wait_for("() => document.querySelector('#record').ariaPressed === 'true'")
        opened.page.locator("#piano").focus()
        opened.page.keyboard.press("h")
        opened.wait_for_text("#last-notes", "A4, velocity 80")
        opened.page.get_by_role("button", name="Record").click()
        opened.wait_for_text("#log", "kept take-")
        opened.page.get_by_label("Save as").fill("plain")
        opened.page.get_by_role("button", name="Save preset").click()
        opened.wait_for("() => document.querySelector('#preset-chosen').textContent.includes('plain')")
        opened.page.locator("#preset-chosen").select_option("subtle")
        opened.page.get_by_role("button", name="Load preset").click()
        opened.wait_for_answer("velocity plays as subtle says")
        opened.wait_for("() => document.querySelector('#control-strength')?.value === '0.5'")
        opened.page.get_by_role("button", name="Back to the start").click()

        opened.wait_for(BEGIN)
        opened.wait_for_text("#said", "1 note")
        opened.page.get_by_label("Play a take back").check()
        (take,) = tmp_path.glob("take-*.mid")
        opened.page.get_by_label("Music").select_option(take.name)
        begin(opened, "Play a take back")
        opened.wait_for_text("#said", "1 note")  # it has ended by itself
        assert run.end() == (0, "")
        opened.wrong.clear()  # that nobody answers any more
    assert not list(run.temporary.iterdir())


@pytest.mark.browser
def test_a_score_is_begun_and_what_is_wrong_is_said_in_one_line(browser: "Browser", tmp_path: Path) -> None:
    model = synthetic_dexter.write_models(tmp_path)
    with started(tmp_path, "--model", model) as run, start_screen(browser, run.url) as opened:
        opened.page.set_input_files("#upload", {"name": "broken.mid", "mimeType": "audio/midi", "buffer": b"no music"})
        opened.wait_for("() => document.querySelector('#file').value === 'broken.mid'")
        begin(opened, "Play this score")
        opened.wait_for_text("#said", "broken.mid")
        opened.wait_for(BEGIN)
        opened.page.get_by_label("this page", exact=True).uncheck()
        begin(opened, "Play this score")
        opened.wait_for_text("#said", "nowhere to play to")
        opened.wait_for(BEGIN)
        opened.page.get_by_label("this page", exact=True).check()
        opened.page.get_by_label("Music").select_option(ELISE.name)
        begin(opened, "Play this score")
        opened.wait_for_text("#route", f"{ELISE.name} → dexter → page")
        opened.wait_for("() => document.querySelector('#last-notes').textContent")
        opened.page.locator("#preset-chosen").select_option("subtle")
        opened.page.get_by_role("button", name="Load preset").click()
        opened.wait_for_text("#log", "'velocity' plays no scores")
        for line in ("set dynamics 6", "save soft", "set dynamics 0", "preset soft"):
            opened.page.fill("#line", line)
            opened.page.press("#line", "Enter")
        opened.wait_for_answer("dexter plays as soft says")
        opened.wait_for("() => document.querySelector('#control-dynamics').value === '6'")
        status, errors = run.end()
        assert status == 0 and errors.count("\n") == 2
        opened.wrong.clear()  # that nobody answers any more


@pytest.mark.browser
def test_one_part_is_played_on_the_page_and_the_other_comes_along(browser: "Browser", tmp_path: Path) -> None:
    with started(tmp_path, "--model", synthetic_dexter.write_models(tmp_path)) as run, start_screen(browser, run.url) as opened:
        page = opened.page
        opened.wait_for(BEGIN)
        page.get_by_label("Play the other part").check()
        page.get_by_label("Music").select_option("brahms_lullaby.musicxml")
        opened.wait_for("() => document.querySelector('#part').options.length === 5")
        names = page.locator("#part option").all_inner_texts()
        assert names == ["whichever I play", "Voice", "Piano", "right", "left"]
        assert not opened.nameless and opened.least_contrast >= 4.5
        page.set_input_files("#upload", {"name": "broken.mid", "mimeType": "audio/midi", "buffer": b"no music"})
        opened.wait_for_text("#part-said", "broken.mid")
        assert page.locator("#part option").count() == 0
        page.get_by_label("Music").select_option("brahms_lullaby.musicxml")
        opened.wait_for("() => document.querySelector('#part').options.length === 5")
        page.select_option("#part", "Voice")
        begin(opened, "Play the other part")
        opened.wait_for_text("#duo-part", "You play Voice.")
        page.locator("#piano").focus()
        for key in ("g", "g", "u"):  # G4 G4 B flat 4: so the voice begins
            page.keyboard.press(key)
        opened.wait_for("() => document.querySelector('#duo-heard').textContent.startsWith('bar ')")
        page.get_by_role("button", name="Back to the start").click()
        opened.wait_for(BEGIN)
        assert run.end() == (0, "")
        opened.wrong.clear()  # that nobody answers any more


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (2560, "light")])
def test_the_start_screen_fits_and_can_be_read(browser: "Browser", shared: Started, width: int, scheme: str) -> None:
    options: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with start_screen(browser, shared.url, **options) as opened:
        opened.wait_for(BEGIN)
        for what in ("Play a take back", "Improvise with me", "Play the other part"):
            opened.page.get_by_label(what).check()
            opened.page.locator("summary").click()
            assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
            assert opened.least_contrast >= 4.5
            assert not opened.nameless


@pytest.mark.browser
def test_the_keyboard_alone_begins_plays_and_comes_back(browser: "Browser", tmp_path: Path) -> None:
    with started(tmp_path, "--performer", "passthrough") as run, start_screen(browser, run.url) as opened:
        opened.wait_for(BEGIN)
        keys = opened.page.keyboard
        tab_to(opened, "what")
        keys.press("ArrowDown")
        tab_to(opened, "begin-now")
        keys.press("Enter")
        opened.wait_for_text("#latency", "To the engine")
        tab_to(opened, "piano")
        keys.press("g")
        opened.wait_for_text("#last-notes", "G4, velocity 80")
        tab_to(opened, "start-again")
        keys.press("Enter")
        opened.wait_for(BEGIN)


def tab_to(opened: OpenedPage, name: str) -> None:
    """Press Tab until an element has the focus that is called so."""
    for _ in range(60):
        opened.page.keyboard.press("Tab")
        if opened.page.evaluate("[document.activeElement.id, document.activeElement.name].includes(" + repr(name) + ")"):
            return
    pytest.fail(f"{name} is not reached")


def test_what_there_is_is_offered_and_of_the_files_that_are_dropped_the_last_one_stays(tmp_path: Path) -> None:
    with started(tmp_path) as run:
        with run.screen() as socket:
            offer = hear(socket)
            assert set(offer["examples"]) == {path.name for path in EXAMPLES.iterdir() if path.suffix in (".mid", ".musicxml")}
            assert [each["name"] for each in offer["performers"]["improvise"]] == ["performance-rnn"]
            assert {each["name"]: each["looks_ahead"] for each in offer["performers"]["keys"]}["dexter"]
            assert "subtle" in offer["presets"] and offer["files"] == []
            assert run.send("first.mid", b"x") == (200, {"name": "first.mid"})
            assert run.send("Stück 2.musicxml", b"y" * 100_000) == (200, {"name": "Stück 2.musicxml"})
            socket.send(json.dumps({"look": True}))
            assert hear(socket)["files"] == ["Stück 2.musicxml"]
        (folder,) = run.temporary.iterdir()
        assert [path.read_bytes() for path in folder.iterdir()] == [b"y" * 100_000]
        assert run.end() == (0, "")
    assert not list(run.temporary.iterdir())


@pytest.mark.parametrize("name", ["script.py", "noname", ".mid", "..", "x" * 300 + ".mid", "x" * 251 + ".mid"])
def test_a_file_that_is_no_music_is_refused(shared: Started, name: str) -> None:
    status, answer = shared.send(name, b"x")
    assert status == 422 and "\n" not in answer["error"]


def test_a_file_that_is_too_large_is_refused(shared: Started) -> None:
    status, answer = shared.send("large.mid", bytes(MOST_FILE_BYTES + 1))
    assert status == 422 and "more than 20 MB" in answer["error"]


def test_another_site_may_drop_nothing_and_nothing_is_put_elsewhere(shared: Started) -> None:
    assert shared.send("a.mid", b"x", Origin="http://elsewhere.example")[0] == 403
    assert shared.send("../a.mid", b"x")[0] in (404, 405)
    assert not list(shared.temporary.rglob("*.mid"))


@pytest.mark.parametrize("chosen", [
    {"what": "score", "file": "/etc/passwd"}, {"what": "take", "file": None}, {"what": "dance"}, {"what": "keys", "inputs": ["nowhere"]},
    {"what": "keys", "inputs": ["page"], "outputs": ["page"], "performer": "nobody"}, {"shell": "rm"}, 7,
])  # fmt: skip
def test_a_choice_that_cannot_be_played_is_refused_and_asked_again(shared: Started, chosen: Any) -> None:
    with shared.screen() as socket:
        hear(socket)
        socket.send(json.dumps({"begin": chosen}))
        with pytest.raises(ConnectionClosed):
            while True:
                socket.recv(LIMIT_S)
    with shared.screen() as socket:
        said = hear(socket)["said"]
        assert said and "\n" not in said and "defect" not in said


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """One for tests that begin nothing."""
    with started(tmp_path_factory.mktemp("start")) as run:
        yield run
        assert run.end()[0] == 0
