"""The tempo in the transport of a score: a factor on a slider, beats a minute in a field, and what is typed."""

import pytest
from opened_pages import opened_page
from played_scores import engraved_page, score_on_page
from score_fixtures import attributes, musicxml, note
from synthetic_dexter import write_models

from engine.performers.dexter.performer import load_performer

pytestmark = pytest.mark.browser

BEATS = "beats => document.querySelector('#beats').value === beats"
TOLD = "text => document.querySelector('#tempo').getAttribute('aria-valuetext') === text"
METRONOME = '<metronome><beat-unit>quarter</beat-unit><per-minute>80</per-minute></metronome>'
MARK = f"<direction><direction-type>{METRONOME}</direction-type></direction>"


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), None)


@pytest.fixture(scope="module")
def run(performer, tmp_path_factory):
    """A score of 80 quarters a minute."""
    path = tmp_path_factory.mktemp("scores") / "notes.musicxml"
    bars = ["".join(note(step, 4) for step in "CDEF") for _ in range(80)]
    path.write_text(musicxml([attributes() + MARK + bars[0], *bars[1:]]))
    with score_on_page(performer, path, {"expression": 0}) as run:
        yield run


def test_the_tempo_is_set_by_slider_by_beats_a_minute_and_by_a_typed_line(run, browser):
    run.ask("tempo 1")
    with engraved_page(browser, run) as opened, opened_page(browser, run.address.url) as other:
        page = opened.page
        opened.wait_for(BEATS, "80")
        beats = page.get_by_role("spinbutton", name="beats a minute")
        beats.fill("120")
        beats.press("Enter")
        opened.wait_for_answer("tempo 1.5, 120 beats a minute")
        for each in (opened, other):
            each.wait_for(TOLD, "1.5 ×, 120 beats a minute")
        assert page.inner_text("#play") == "Pause"  # Return has not paused it
        slider = page.get_by_role("slider", name="Tempo", exact=True)
        slider.press("Home")
        opened.wait_for_answer("tempo 0.25, 20 beats a minute")
        slider.press("Delete")
        opened.wait_for_answer("tempo 1, 80 beats a minute")
        page.fill("#line", "tempo 60")
        page.press("#line", "Enter")
        for each in (opened, other):
            each.wait_for(TOLD, "0.75 ×, 60 beats a minute")
        knob = page.get_by_role("group", name="tempo", exact=True).locator("output")
        assert knob.inner_text() == "0.75"  # the knob among the controls is the same
        beats.fill("1000")
        beats.press("Enter")
        opened.wait_for_answer("tempo 1000: got 1000 beats a minute; allowed here: 20 to 320")
        assert page.locator("#log li[data-control=tempo]").count() <= 2
        assert not opened.nameless and opened.least_contrast >= 4.5


def test_return_in_the_bars_of_a_loop_loops_them(run, browser):
    with engraved_page(browser, run) as opened:
        opened.page.fill("#first", "3")
        opened.page.fill("#last", "4")
        opened.page.press("#last", "Enter")
        opened.wait_for_answer("loops bars 3 to 4")
        run.ask("loop off")


@pytest.mark.parametrize("width", [360, 2560])
def test_it_fits(run, browser, width):
    with engraved_page(browser, run, viewport={"width": width, "height": 800}) as opened:
        opened.wait_for("() => document.querySelector('#beats').value")
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
