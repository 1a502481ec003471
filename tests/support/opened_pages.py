"""The page of a run in a real browser, and all that the browser asks for and complains of meanwhile."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page

LIMIT_MS = 60_000
POLL_MS = 50
NAMELESS = re.compile(r"^\s*- (slider|button|combobox|textbox|spinbutton|meter|img|log|region)\b(?! \")", re.MULTILINE)
LEAST_CONTRAST = """() => {
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const linear = (part) => part <= 10 ? part / 3294 : ((part / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    const ground = (element) => {
        const colour = parts(getComputedStyle(element).backgroundColor);
        return colour.length === 4 && !colour[3] ? ground(element.parentElement) : colour;
    };
    const texts = [...document.querySelectorAll('body *')].filter((each) =>
        each.checkVisibility() && [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
    return Math.min(...texts.map((each) => {
        const [light, dark] = [parts(getComputedStyle(each).color), ground(each)].map(luminance).sort((a, b) => b - a);
        return (light + 0.05) / (dark + 0.05);
    }));
}"""
SHOWS_RUN = "() => document.querySelector('#route').textContent"


class OpenedPage:
    """A page; ``asked`` are the hosts that it has asked for anything, ``wrong`` what the browser says is wrong with it."""

    def __init__(self, page: Page):
        self.page = page
        self.asked: set[str] = set()
        self.wrong: list[str] = []
        page.set_default_timeout(LIMIT_MS)
        page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc))
        page.on("websocket", lambda websocket: self.asked.add(urlsplit(websocket.url).netloc))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" else None)

    def wait_for(self, condition: str, argument: Any = None) -> None:
        """Wait until a condition in JavaScript is true."""
        self.page.wait_for_function(condition, arg=argument, timeout=LIMIT_MS, polling=POLL_MS)

    def wait_for_text(self, selector: str, text: str) -> None:
        self.wait_for("([selector, text]) => document.querySelector(selector)?.textContent.includes(text)", [selector, text])

    def wait_for_answer(self, answer: str) -> None:
        """Wait until an answer is the last one."""
        self.wait_for("answer => document.querySelector('#log').lastElementChild?.textContent === answer", answer)

    @property
    def least_contrast(self) -> float:
        """Of the texts that are seen, with what is behind them (WCAG 2.1, 1.4.3)."""
        return float(self.page.evaluate(LEAST_CONTRAST))

    @property
    def nameless(self) -> list[str]:
        """What can be used or looked at and has no name for who does not see it."""
        return NAMELESS.findall(self.page.locator("body").aria_snapshot())

    def control(self, name: str) -> Locator:
        return self.page.get_by_role("group", name=name, exact=True).locator("input, select")


@contextmanager
def opened_page(browser: Browser, url: str, shown: str = SHOWS_RUN, **options: Any) -> Iterator[OpenedPage]:
    """Open the page and wait until a condition in JavaScript holds. At the end nothing is wrong, and no other computer was asked for
    anything.
    """
    page = browser.new_page(**options)
    try:
        opened = OpenedPage(page)
        page.goto(url)
        opened.wait_for(shown)
        yield opened
        assert opened.asked == {urlsplit(url).netloc}
        assert opened.wrong == [], opened.wrong
    finally:
        page.close()
