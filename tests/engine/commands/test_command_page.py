"""perf-live --page: a browser beside a run between real JACK ports, and what is said where there can be no page."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import synthetic_dexter
from command_line import ELISE, PRELUDE, Command, assert_refused, command
from jack_stage import Stage, stage
from opened_pages import opened_page

from engine.commands.live import app
from engine.midi.events import control_change, is_note_on, note_off, note_on
from engine.output.viewing.page.address import bind

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PANIC_ENDS = control_change(0, 123, 0)


@pytest.fixture
def live(capfd: pytest.CaptureFixture[str]) -> Command:
    return command(app, "perf-live", capfd)


@contextmanager
def stage_with_page(name: str, *arguments: object, plays: bool = True) -> Iterator[tuple[Stage, str]]:
    """A stage, and the address of its page."""
    with bind(0).endpoint as endpoint:
        port = endpoint.getsockname()[1]
    with stage(name, "--page", "--no-browser", "--page-port", port, *arguments, plays=plays) as playing:
        assert playing.program.stdout
        said, _, url = playing.program.stdout.readline().strip().partition(": ")
        assert said == "page" and url.startswith(f"http://127.0.0.1:{port}/")
        yield playing, url


def velocity_of(playing: Stage, key: int, velocity: int) -> int:
    """Play a note; return how hard it comes out."""
    playing.play(note_on(0, key, velocity), note_off(0, key))
    heard = playing.hear(lambda message: message[:2] == bytes((0x80, key)))
    return next(message[2] for message in heard if is_note_on(message))


@pytest.mark.jack
@pytest.mark.browser
def test_what_is_played_is_seen_and_what_is_moved_is_heard(jack_server: str, browser: "Browser", tmp_path: Path) -> None:
    with stage_with_page("PageKeys", "--set", "dynamics=40") as (playing, url):
        with opened_page(browser, url) as opened:
            loud = velocity_of(playing, 60, 20)
            assert loud > 30
            opened.wait_for_text("#last-notes", f"C4, velocity {loud}")
            opened.wait_for_text("#velocity-in + output", "20")

            opened.control("strength").press("Home")
            opened.wait_for_answer("strength 0")
            assert velocity_of(playing, 62, 20) == 20
            opened.control("strength").press("Delete")
            opened.wait_for_answer("strength 1")
            assert velocity_of(playing, 64, 20) > 30
            opened.control("dynamics").dblclick()
            opened.wait_for_answer("dynamics 0")
            opened.control("hint").select_option("off")
            opened.wait_for_answer("hint off")

            opened.page.get_by_role("button", name="Learn strength").click()
            opened.wait_for_answer("move the controller that is to set strength")
            playing.play(control_change(0, 21, 0))
            opened.page.get_by_role("button", name="CC 21 moves strength; learn another").wait_for()
            opened.wait_for("() => document.querySelector('#control-strength').value === '0'")

            playing.play(control_change(0, 64, 127), note_on(0, 67, 64))
            opened.wait_for("() => document.querySelector('#pedal-out').value === 127")
            opened.page.keyboard.press("Escape")
            assert note_off(0, 67)[:2] in [message[:2] for message in playing.hear(lambda message: message == PANIC_ENDS)]
            opened.wait_for_answer("silent")

            opened.page.locator("#performer-name").select_option("passthrough")
            opened.page.get_by_role("button", name="Let it play").click()
            opened.wait_for_text("#now", "passthrough")
            opened.page.locator("#line").fill(f"record {tmp_path / 'take.mid'}")
            opened.page.keyboard.press("Enter")
            opened.wait_for("() => document.querySelector('#record').ariaPressed === 'true'")
            opened.page.get_by_role("button", name="Record", exact=True).click()
            opened.wait_for_answer(f"kept {tmp_path / 'take.mid'}")
        with opened_page(browser, url) as opened:  # after the first was closed
            opened.wait_for_text("#route", "passthrough")
            assert velocity_of(playing, 60, 33) == 33
            opened.wait_for_text("#last-notes", "C4, velocity 33")
        refused = browser.new_page()
        response = refused.goto(url[:-2] + "/")
        assert response and response.status == 403
        refused.close()
        assert playing.end() == (0, "")


@pytest.mark.jack
@pytest.mark.browser
def test_a_score_is_conducted(jack_server: str, browser: "Browser", tmp_path: Path) -> None:
    model = synthetic_dexter.write_models(tmp_path)
    arguments = ("PageScore", "--score", ELISE, "--model", model)
    with stage_with_page(*arguments, plays=False) as (playing, url), opened_page(browser, url) as opened:
        opened.wait_for_text("#now", "plays")
        opened.page.get_by_role("button", name="Pause").click()
        opened.wait_for_text("#now", "paused")
        opened.page.get_by_role("slider", name="Bar").press("End")
        last = opened.page.locator("#last").get_attribute("max")
        opened.wait_for_answer(f"bar {last}")
        opened.wait_for_text("#now", f"bar{last}")
        opened.page.get_by_label("Loop bars").fill("2")
        opened.page.get_by_role("form", name="Transport", exact=True).get_by_label("to", exact=True).fill("3")
        opened.page.get_by_role("button", name="Loop", exact=True).click()
        opened.wait_for_answer("loops bars 2 to 3")


def test_a_port_that_is_taken_is_named_in_one_line(live: Command) -> None:
    with bind(0).endpoint as endpoint:
        port = endpoint.getsockname()[1]
        ended = live("--in", PRELUDE, "--virtual", "Page", "--page", "--page-port", port)
        assert_refused(ended, 1, f"--page: port {port}: Address already in use", "--page-port")


@pytest.mark.parametrize("module", ["starlette", "uvicorn", "websockets"])
def test_what_has_to_be_installed_is_said_in_one_line(live: Command, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert_refused(live("--in", PRELUDE, "--virtual", "Page", "--page"), 2, "pip install 'perf-live[page]'")


@pytest.mark.parametrize("arguments", [("--no-browser",), ("--page-port", "8321")])
def test_options_of_the_page_without_the_page_are_refused(live: Command, arguments: tuple[str, ...]) -> None:
    assert_refused(live("--in", PRELUDE, "--virtual", "Page", *arguments), 2, "give --page as well")


def test_a_run_on_files_has_no_page(live: Command, tmp_path: Path) -> None:
    assert_refused(live("--in", PRELUDE, "--out", tmp_path / "out.mid", "--page"), 2, "--page shows a live run")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--in", "page", "--virtual", "Page"), "give --page as well"),
        (("--in", PRELUDE, "--out", "page"), "give --page as well"),
        (("--in", PRELUDE, "--out", "page", "--out", "page", "--page"), "page is named twice"),
    ],
)
def test_an_end_on_a_page_needs_the_page_and_is_named_once(live: Command, arguments: tuple[str, ...], said: str) -> None:
    assert_refused(live(*arguments), 2, said)
