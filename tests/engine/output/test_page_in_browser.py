"""The page in a real browser: what can be seen and done without a port."""

from contextlib import ExitStack, contextmanager

import pytest
from command_line import ScaledPerformer
from opened_pages import opened_page
from viewed_runs import playing

from engine.midi.events import note_off, note_on
from engine.output.page_ends import PageEnds, PageSink
from engine.output.viewing.page.address import Address, bind
from engine.output.viewing.page.program import served
from engine.output.viewing.snapshot import INTERVAL_S

pytestmark = pytest.mark.browser

COLOURS_ON_ROLL = """() => {
    const roll = document.querySelector('#roll');
    const {data} = roll.getContext('2d').getImageData(0, 0, roll.width, roll.height);
    for (let at = 0; at < data.length; at += 16)
        if (data[at + 3] === 255 && Math.abs(data[at] - data[at + 1]) + Math.abs(data[at + 1] - data[at + 2]) > 150) return true;
    return false;
}"""


@contextmanager
def run_with_page():
    address = bind(0)
    with address.endpoint, playing(ScaledPerformer()) as run:
        ends = PageEnds(run.keyboard.hear, PageSink())
        with served(run.channel, run.session.steering, address, ends):
            yield run, address
            ends.sink.close()


@pytest.fixture(scope="module")
def running():
    with run_with_page() as (run, address):
        yield run, address


def test_a_note_is_seen_on_the_roll_in_the_meters_and_among_the_last_notes(running, browser):
    run, address = running
    with opened_page(browser, address.url) as opened:
        assert not opened.page.evaluate(COLOURS_ON_ROLL)
        run.keyboard.play(note_on(0, 61, 90))
        opened.wait_for_text("#last-notes", "C♯4, velocity 90")
        opened.wait_for(COLOURS_ON_ROLL)
        assert opened.page.get_by_role("meter", name="Velocity in").evaluate("meter => meter.value") == 90
        run.keyboard.play(note_off(0, 61))


def test_on_a_busy_machine_notes_stay_on_the_roll(browser, monkeypatch):
    """Snapshots are made ten times as often as the page's program is told of them, as if that were so late."""
    monkeypatch.setattr("engine.output.viewing.channel.INTERVAL_S", INTERVAL_S / 10)
    with run_with_page() as (run, address), opened_page(browser, address.url) as opened:
        run.keyboard.play(note_on(0, 60, 60))
        opened.wait_for_text("#last-notes", "C4")
        opened.page.wait_for_timeout(500)
        run.keyboard.play(note_off(0, 60))
        opened.page.wait_for_timeout(500)
        assert opened.page.evaluate(COLOURS_ON_ROLL)


def test_everything_has_a_name_and_is_reached_by_the_keyboard(running, browser):
    _, address = running
    with opened_page(browser, address.url) as opened:
        assert not opened.nameless
        reached = set()
        for _ in range(45):
            opened.page.keyboard.press("Tab")
            reached.add(opened.page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
        here = {"sound", "piano", "devices-ask"}
        assert reached >= here | {"panic", "mute", "record", "control-gain", "control-mood", "Learn gain", "preset-name", "line", "log"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 2560])
def test_it_fits_the_screen_and_can_be_read(running, browser, width, scheme):
    run, address = running
    with opened_page(browser, address.url, viewport={"width": width, "height": 800}, color_scheme=scheme) as opened:
        opened.page.keyboard.press("Escape")
        opened.wait_for_answer("silent")
        opened.page.fill("#line", "nonsense")
        opened.page.press("#line", "Enter")
        opened.wait_for_text("#log", "nonsense: not a command")
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        assert opened.least_contrast >= 4.5


def test_a_take_is_recorded_and_played_back_on_the_page(running, browser, tmp_path, monkeypatch):
    run, address = running
    monkeypatch.chdir(tmp_path)
    with opened_page(browser, address.url) as opened:
        buttons = {name: opened.page.get_by_role("button", name=name, exact=True) for name in ("Record", "Play back")}
        buttons["Record"].click()
        opened.wait_for("() => document.querySelector('#record').ariaPressed === 'true'")
        run.keyboard.play(note_on(0, 62, 91), note_off(0, 62))
        opened.wait_for_text("#last-notes", "D4, velocity 91")
        buttons["Record"].click()
        opened.wait_for_text("#log", "kept take-")
        opened.page.evaluate("document.querySelector('#last-notes').replaceChildren()")
        buttons["Play back"].click()
        opened.wait_for_text("#last-notes", "D4, velocity 91")
        opened.wait_for_text("#log", " back")
        opened.wait_for_text("#delay", "A note goes out")
        opened.wait_for("() => document.querySelector('#replay').ariaPressed === 'false'")


def test_where_motion_is_not_wanted_the_roll_stands_still(running, browser):
    run, address = running
    with opened_page(browser, address.url, reduced_motion="reduce") as opened:
        run.keyboard.play(note_on(0, 61, 90))
        opened.wait_for(COLOURS_ON_ROLL)
        run.keyboard.play(note_off(0, 61))


def test_two_pages_show_the_same_and_each_is_answered_for_itself(running, browser):
    _, address = running
    with opened_page(browser, address.url) as opened, opened_page(browser, address.url) as other:
        opened.page.get_by_role("button", name="Mute").click()
        other.wait_for("() => document.querySelector('#mute').ariaPressed === 'true'")
        opened.wait_for_answer("muted")
        other.page.get_by_role("button", name="Mute").click()
        opened.wait_for("() => document.querySelector('#mute').ariaPressed === 'false'")
        assert "heard" not in opened.page.locator("#log").inner_text()


def test_a_page_comes_back_by_itself(browser):
    with playing(ScaledPerformer()) as run, ExitStack() as stack:
        address = bind(0)
        port = address.port
        with address.endpoint, served(run.channel, run.session.steering, address):
            opened = stack.enter_context(opened_page(browser, address.url))
        opened.wait_for_text("#connection", "not connected")
        opened.page.get_by_role("button", name="Mute").click()
        opened.wait_for_text("#log", "not connected to the run")
        again = Address(bind(port).endpoint, address.token)
        with again.endpoint, served(run.channel, run.session.steering, again):
            opened.wait_for("() => document.querySelector('#connection').textContent === 'connected'")
            run.keyboard.play(note_on(0, 48, 77))
            opened.wait_for_text("#last-notes", "C3, velocity 77")
            opened.wrong.clear()  # that nobody answered meanwhile
