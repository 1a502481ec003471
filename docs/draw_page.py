"""Draws the pictures of the page that the documents show, in Chromium without a screen: its states one after another, in one run.

    python docs/draw_page.py
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from engine.bench.measuring.programs import PERF_LIVE

DOCS = Path(__file__).parent
PORT = 8329
SCORE = "brahms_lullaby.musicxml"
PLAYED_S = 12
CHORD = "adgk"  # letters of the page's keyboard
LIMIT_MS = 120_000


def main() -> None:
    with started() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        with opened(browser, address, "light", 1280, 620) as page:
            page.screenshot(path=DOCS / "page_start.png")
            begin(page, "Give my keys touch")
            page.locator("#piano").focus()
            for letter in CHORD:
                page.keyboard.down(letter)
                time.sleep(0.7)
            page.screenshot(path=DOCS / "page_keys.png")
            page.get_by_role("button", name="Back to the start").click()
        with opened(browser, address, "dark", 1280, 1000) as page:
            page.get_by_label("Music").select_option(SCORE)
            begin(page, "Play this score")
            page.wait_for_function("() => document.querySelector('#last-notes').textContent && document.querySelector('#score svg')")
            time.sleep(PLAYED_S)
            page.screenshot(path=DOCS / "page.png")
            page.set_viewport_size({"width": 360, "height": 800})
            page.wait_for_function("() => document.querySelector('#score svg')?.viewBox.baseVal.width < 360")  # engraved anew
            page.screenshot(path=DOCS / "page_narrow.png")
        browser.close()


@contextmanager
def started() -> Iterator[str]:
    """Run perf-live in an empty folder; yield the address of its page."""
    command = [sys.executable, "-c", PERF_LIVE, "--page", "--page-port", str(PORT), "--no-browser"]
    with tempfile.TemporaryDirectory() as folder:
        program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)  # noqa: S603
        try:
            assert program.stdout  # noqa: S101
            yield program.stdout.readline().strip().removeprefix("page: ")
        finally:
            program.terminate()
            program.wait()


@contextmanager
def opened(browser: Browser, address: str, scheme: str, width: int, height: int) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light")
    page.set_default_timeout(LIMIT_MS)
    page.goto(address)
    page.get_by_role("button", name="Begin", exact=True).wait_for()
    yield page
    page.close()


def begin(page: Page, what: str) -> None:
    page.get_by_label(what).check()
    page.get_by_role("button", name="Begin", exact=True).click()
    page.wait_for_function("() => document.querySelector('#sound').ariaPressed === 'true' && document.body.dataset.shows === 'run'")


if __name__ == "__main__":
    main()
