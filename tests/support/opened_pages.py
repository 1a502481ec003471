"""The page of a run in a real browser, and all that the browser asks for and complains of meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page

LIMIT_MS = 60_000
POLL_MS = 50
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
        self.wait_for("([selector, text]) => document.querySelector(selector).textContent.includes(text)", [selector, text])

    def wait_for_answer(self, answer: str) -> None:
        """Wait until an answer is the last one."""
        self.wait_for("answer => document.querySelector('#log').lastElementChild?.textContent === answer", answer)

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
        assert opened.wrong == []
    finally:
        page.close()
