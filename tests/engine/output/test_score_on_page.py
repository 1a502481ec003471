"""The engraved score on the page, in a real browser: it goes along with the music, and the run goes where one points."""

import pytest
from opened_pages import opened_page
from played_scores import engraved_page, score_on_page
from score_fixtures import attributes, barline, musicxml, note
from synthetic_dexter import write_models

from engine.performers.dexter.performer import load_performer

pytestmark = pytest.mark.browser

REPEAT = barline('<repeat direction="backward"/>')
SOUNDING = "ids => [...document.querySelectorAll('.sounding')].map(each => each.id).join() === ids"
HEADS = "[...document.querySelectorAll('#score .note')].map(each => each.id)"


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), None)


def whole_notes(path, count=40, repeated=2):
    """Write bars of one note each; the first ones are repeated."""
    bars = [note("CDEFGAB"[bar % 7], 16) + REPEAT * (bar + 1 == repeated) for bar in range(count)]
    path.write_text(musicxml([attributes() + bars[0], *bars[1:]]))
    return path


@pytest.fixture(scope="module")
def run(performer, tmp_path_factory):
    path = whole_notes(tmp_path_factory.mktemp("scores") / "notes.musicxml")
    with score_on_page(performer, path, {"tempo": 4}) as run:
        run.ask("pause")
        yield run


def go(run, line):
    run.ask("pause")
    return run.ask(line)


def test_the_notes_that_sound_are_in_colour_and_a_repeat_leads_back(run, browser):
    with engraved_page(browser, run) as opened:
        heads = opened.page.evaluate(HEADS)
        assert len(heads) == 40
        go(run, "seek 2")
        opened.wait_for(SOUNDING, heads[1])
        run.ask("play")
        for bar in (0, 1, 2):
            opened.wait_for(SOUNDING, heads[bar])
        line, head = (opened.page.locator(each).bounding_box() for each in (".cursor", f"[id='{heads[2]}']"))
        assert abs(line["y"] + line["height"] / 2 - head["y"]) < 40


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (2560, "light")])
def test_the_page_is_turned_for_the_music_and_fits_the_screen(run, browser, width, scheme):
    with engraved_page(browser, run, viewport={"width": width, "height": 500}, color_scheme=scheme) as opened:
        go(run, "seek 40")
        opened.wait_for(SOUNDING, opened.page.evaluate(HEADS)[39])
        opened.wait_for("""() => {
            const [inner, outer] = ['.sounding', '#score'].map((each) => document.querySelector(each).getBoundingClientRect());
            return inner.top >= outer.top && inner.bottom <= outer.bottom;
        }""")
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        ink = opened.page.locator(".staff path").first.evaluate("path => getComputedStyle(path).stroke")
        assert ink == opened.page.evaluate("getComputedStyle(document.body).color")
        go(run, "seek 1")


def test_without_an_engraving_the_roll_stays_and_one_line_says_why(performer, browser, tmp_path):
    path = whole_notes(tmp_path / "gone.musicxml", 3)
    with score_on_page(performer, path) as run:
        path.unlink()
        with opened_page(browser, run.address.url) as opened:
            opened.wait_for_text("#log", "the score is not engraved: ")
            assert not opened.page.locator("#score-panel").is_visible()
            assert opened.page.locator("#roll").is_visible()
