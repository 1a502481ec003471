"""Draws the pictures of the page that the documents show, in Chromium without a screen: its states one after another.

    python docs/draw_page.py
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from engine.bench.measuring.programs import PERF_LIVE
from engine.score.files import read_score

DOCS = Path(__file__).parent
PORT = 8329
SCORE, SUNG = "brahms_lullaby.musicxml", "Voice"
PLAYED_S, SUNG_NOTES, PRACTISED_NOTES, WRONG, QUARTERS_PER_S = 12, 16, 30, (10, 21), 76 / 60
CHORD, LETTERS, LOWEST = "adgk", "awsedftgyhujkolp", 60  # of the page's keyboard
LIMIT_MS = 120_000
ENGRAVED = "() => document.querySelector('#score svg')"


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        with started() as address:
            draw_keys(browser, address)
            draw_score(browser, address)
        with as_file(files("engine.examples") / SCORE) as path:
            draw_duo(browser, path)
        draw_away(browser)
        browser.close()


def draw_keys(browser: Browser, address: str) -> None:
    """Draw the start screen, a chord, and a control that learns."""
    with opened(browser, address, "light", 1280, 620) as page:
        begin_button(page).wait_for()
        picture(page, "page_start")
        page.get_by_label("Play the other part").check()
        page.get_by_label("Music").select_option(SCORE)
        page.wait_for_function("() => document.querySelector('#part').options.length > 1")
        page.select_option("#part", SUNG)
        picture(page, "page_start_duo")
        begin(page, "Give my keys touch")
        page.locator("#piano").focus()
        for letter in CHORD:
            page.keyboard.down(letter)
            time.sleep(0.7)
        picture(page, "page_keys")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.get_by_role("button", name="Record", exact=True).click()
        page.locator("#piano").focus()
        page.get_by_role("button", name="Learn dynamics", exact=True).click()
        page.get_by_text("move the controller that is to set dynamics").wait_for()
        page.locator("#controls").scroll_into_view_if_needed()
        picture(page, "page_learnt")
        page.get_by_role("button", name="Back to the start").click()


def draw_score(browser: Browser, address: str) -> None:
    """Draw a score as it is played, looped, directed and steered by hand, and the page on a telephone."""
    with opened(browser, address, "dark", 1280, 1000) as page:
        begin_button(page).wait_for()
        page.get_by_label("Music").select_option(SCORE)
        begin(page, "Play this score")
        page.get_by_role("button", name="Loop", exact=True).click()  # else it might end before the pictures are drawn
        page.wait_for_function("() => document.querySelector('#last-notes').textContent && document.querySelector('#score svg')")
        time.sleep(PLAYED_S)
        page.evaluate("scrollTo(0, 0)")
        picture(page, "page")
        score = page.get_by_role("application", name="Engraved score")
        for key in ("Home", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "l"):
            score.press(key)
        page.locator("#direction").fill("molto crescendo")
        page.get_by_role("button", name="Direct", exact=True).click()
        page.wait_for_function("() => document.querySelector('.mark')")
        time.sleep(PLAYED_S)
        score.press("Shift+ArrowRight")
        score.press("Shift+ArrowLeft")
        page.evaluate("scrollTo(0, 0)")
        picture(page, "page_directed")
        page.locator("#hand").screenshot(path=DOCS / "page_hand.png")
        page.set_viewport_size({"width": 360, "height": 800})
        page.wait_for_function("() => document.querySelector('#score svg')?.viewBox.baseVal.width < 360")  # engraved anew
        page.evaluate("scrollTo(0, 0)")
        picture(page, "page_narrow")


def draw_duo(browser: Browser, path: Path) -> None:
    """Draw a duo, whose singer plays on the keyboard of the page, and how it went."""
    notes = read_score(path).notes
    sung = notes[notes["part"] == 0][:PRACTISED_NOTES]
    ends = ["--in", "page", "--out", "page", "--score", str(path), "--follow", SUNG]
    with started(*ends) as address, opened(browser, address, "light", 1280, 900) as page:
        page.wait_for_function(ENGRAVED)
        page.locator("#piano").focus()
        begun_s = time.monotonic()
        for number, (quarter, pitch) in enumerate(zip(sung["onset_quarter"].tolist(), sung["pitch"].tolist(), strict=True)):
            time.sleep(max(begun_s + quarter / QUARTERS_PER_S - time.monotonic(), 0))
            if number == SUNG_NOTES:  # before there is a report
                page.evaluate("scrollTo(0, 0)")
                picture(page, "page_duo")
            page.keyboard.press(LETTERS[pitch - LOWEST + (number in WRONG)])
        page.wait_for_function("() => document.querySelector('#practice-bars').children.length")
        page.locator("#practice").screenshot(path=DOCS / "page_practice.png")


def draw_away(browser: Browser) -> None:
    """Draw a page whose run has gone."""
    with started("--in", "page", "--out", "page") as address:
        page = browser.new_page(viewport={"width": 1280, "height": 420})
        page.goto(address)
        page.wait_for_function("() => document.querySelector('#connection').textContent === 'connected'")
    page.wait_for_function("() => document.body.classList.contains('away')")
    picture(page, "page_away")
    page.close()


@contextmanager
def started(*ends: str) -> Iterator[str]:
    """Run perf-live in an empty folder; yield the address of its page."""
    command = [sys.executable, "-c", PERF_LIVE, *ends, "--page", "--page-port", str(PORT), "--no-browser"]
    with tempfile.TemporaryDirectory() as folder:
        program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)  # noqa: S603
        try:
            assert program.stdout  # noqa: S101
            yield next(line for line in program.stdout if line.startswith("page: ")).strip().removeprefix("page: ")
        finally:
            program.terminate()
            program.wait()


@contextmanager
def opened(browser: Browser, address: str, scheme: str, width: int, height: int) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light")
    page.set_default_timeout(LIMIT_MS)
    page.goto(address)
    yield page
    page.close()


def picture(page: Page, name: str) -> None:
    page.screenshot(path=DOCS / f"{name}.png")


def begin_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Begin", exact=True)


def begin(page: Page, what: str) -> None:
    page.get_by_label(what).check()
    begin_button(page).click()
    page.wait_for_function("() => document.querySelector('#sound').ariaPressed === 'true' && document.body.dataset.shows === 'run'")


if __name__ == "__main__":
    main()
