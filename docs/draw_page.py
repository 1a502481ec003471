"""Draws the page that docs/page.md shows: a run between JACK ports, in Chromium without a screen.

    python docs/draw_page.py
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from engine.bench.measuring.programs import PERF_LIVE, jack_server

DOCS = Path(__file__).parent
MUSIC = DOCS.parent / "engine" / "examples" / "bach_prelude_in_c.mid"
PORT = 8329
PLAYED_S = 9


def main() -> None:
    options = ["--in", MUSIC.name, "--virtual", "Module", "--api", "jack", "--page", "--page-port", str(PORT), "--no-browser"]
    with jack_server(), sync_playwright() as playwright:
        command = [sys.executable, "-c", PERF_LIVE, *options]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=MUSIC.parent)  # noqa: S603
        try:
            assert program.stdout  # noqa: S101
            program.stdout.readline()
            address = program.stdout.readline().strip().removeprefix("page: ")
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
            page = browser.new_page(viewport={"width": 1280, "height": 1000}, color_scheme="dark")
            page.goto(address)
            time.sleep(PLAYED_S)
            page.screenshot(path=DOCS / "page.png")
            browser.close()
        finally:
            program.terminate()
            program.wait()


if __name__ == "__main__":
    main()
