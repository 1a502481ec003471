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
        run.ask("pause")  # else the score may have ended before the next test
        for font in ("20px Leipzig", "italic 20px Liberation", "bold 20px Liberation"):
            assert opened.page.evaluate("async (font) => (await document.fonts.load(font)).length", font) == 1
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


def test_of_a_long_score_the_first_bars_are_seen_before_the_rest_and_what_is_chosen_stays(performer, browser, tmp_path):
    with score_on_page(performer, whole_notes(tmp_path / "long.musicxml", 90)) as run:
        run.ask("pause")
        with opened_page(browser, run.address.url) as opened:
            opened.wait_for_text("#score-said", "The first bars; the rest is being engraved.")
            heads = opened.page.evaluate(HEADS)
            assert len(heads) == 24
            opened.page.mouse.click(*middle_of(opened, heads[4]))
            opened.wait_for_answer("bar 5")
            opened.wait_for("() => document.querySelector('#score-said').textContent === ''")
            assert len(opened.page.evaluate("[...document.querySelectorAll('#score .page')]")) > 0
            opened.page.get_by_role("application", name="Engraved score").press("End")
            assert opened.page.input_value("#from-bar") == "90"
            opened.page.get_by_role("application", name="Engraved score").press("Home")
            opened.page.get_by_label("Size").select_option("small")
            width = "document.querySelector('#score svg')?.viewBox.baseVal.width"
            before = opened.page.evaluate(width)
            opened.wait_for(f"(before) => {width} > before", before)
            opened.page.get_by_role("application", name="Engraved score").press("Shift+ArrowRight")
            assert opened.page.input_value("#from-bar") == "1" and opened.page.input_value("#to-bar") == "2"


def test_without_an_engraving_the_roll_stays_and_one_line_says_why(performer, browser, tmp_path):
    path = whole_notes(tmp_path / "gone.musicxml", 3)
    with score_on_page(performer, path) as run:
        path.unlink()
        with opened_page(browser, run.address.url) as opened:
            opened.wait_for_text("#log", "the score is not engraved: ")
            assert not opened.page.locator("#score-panel").is_visible()
            assert opened.page.locator("#roll").is_visible()


def middle_of(opened, identifier):
    box = opened.page.locator(f"[id='{identifier}']").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_bar_is_clicked_and_bars_are_dragged_over(run, browser):
    run.ask("pause")
    with engraved_page(browser, run) as opened:
        heads, mouse = opened.page.evaluate(HEADS), opened.page.mouse
        mouse.click(*middle_of(opened, heads[4]))
        opened.wait_for_answer("bar 5")
        opened.wait_for(SOUNDING, heads[4])
        mouse.move(*middle_of(opened, heads[2]))
        mouse.down()
        mouse.move(*middle_of(opened, heads[3]), steps=4)
        mouse.up()
        opened.wait_for_answer("loops bars 3 to 4")
        chosen, first, last = (opened.page.locator(each).bounding_box() for each in (".chosen", *(f"[id='{heads[at]}']" for at in (2, 3))))
        assert chosen["x"] < first["x"] and last["x"] + last["width"] < chosen["x"] + chosen["width"]
        opened.page.keyboard.down("Shift")
        mouse.click(*middle_of(opened, heads[6]))
        assert opened.page.locator("#score-said").inner_text() == "bars 3 to 7 are chosen"
        assert (opened.page.input_value("#from-bar"), opened.page.input_value("#to-bar")) == ("3", "7")
        run.ask("loop off")


def test_a_bar_whose_number_came_before_is_gone_to_by_the_time_that_it_is_played(performer, browser, tmp_path):
    path = tmp_path / "movements.krn"
    path.write_text("**kern\n*clefG2\n*M4/4\n=1-\n1c\n=2\n1d\n=3\n1e\n=1\n1f\n=2\n1g\n==\n*-\n")
    with score_on_page(performer, path) as run:
        run.ask("pause")
        with engraved_page(browser, run) as opened:
            opened.page.mouse.click(*middle_of(opened, opened.page.evaluate(HEADS)[4]))
            opened.wait_for_answer("bar 2.2")


def test_keys_do_what_the_pointer_does(run, browser):
    run.ask("pause")
    run.ask("seek 10")
    with engraved_page(browser, run) as opened:
        opened.wait_for(SOUNDING, opened.page.evaluate(HEADS)[9])
        score = opened.page.get_by_role("application", name="Engraved score")
        score.focus()
        for key in ("ArrowRight", "ArrowRight", "Enter"):
            score.press(key)
        opened.wait_for_answer("bar 11")
        for key in ("Shift+ArrowRight", "Shift+ArrowRight", "l"):
            score.press(key)
        opened.wait_for_answer("loops bars 11 to 13")
        score.press("Home")
        score.press("ArrowDown")
        below = int(opened.page.input_value("#from-bar"))
        assert below > 2
        score.press("ArrowUp")
        assert opened.page.input_value("#from-bar") == "1"
        score.press("Space")
        opened.wait_for_answer("plays")
        score.press("Space")
        opened.wait_for_answer("paused")
        run.ask("loop off")


def test_chosen_bars_are_directed_in_words_and_marked(run, browser):
    run.ask("pause")
    with engraved_page(browser, run) as opened, engraved_page(browser, run, viewport={"width": 360, "height": 800}) as other:
        page = opened.page
        heads = page.evaluate(HEADS)
        page.mouse.click(*middle_of(opened, heads[2]))
        page.keyboard.down("Shift")
        page.mouse.click(*middle_of(opened, heads[4]))
        page.keyboard.up("Shift")
        page.locator("#direction").fill("poco crescendo")
        page.get_by_role("button", name="Direct", exact=True).click()
        opened.wait_for_answer("bars 3 to 5: crescendo 0.5")
        assert [(each.name, tuple(each.bars)) for each in run.stream.interpretation.directions] == [("crescendo", (3, 5))]
        for each in (opened, other):
            each.wait_for_text(".mark", "crescendo 0.5")
            each.wait_for_text("#directions-given", "3–5: crescendo 0.5")
        mark, head = (page.locator(each).first.bounding_box() for each in (".mark", f"[id='{heads[2]}']"))
        assert mark["y"] < head["y"] and mark["x"] < head["x"] + head["width"]
        page.get_by_role("button", name="Take back").click()
        opened.wait_for("() => !document.querySelector('.mark')")
        page.locator("#direction").fill("loudly")
        page.get_by_role("button", name="Direct", exact=True).click()
        opened.wait_for_text("#log", "no direction is called 'loudly'")


def test_the_curves_grow_with_the_music_and_a_page_that_comes_later_has_them(run, browser):
    run.ask("seek 1")
    with engraved_page(browser, run) as opened:
        run.ask("play")
        opened.wait_for("() => Number(document.querySelector('#curves').dataset.beats) > 8")
        run.ask("pause")
        with engraved_page(browser, run, color_scheme="dark") as other:
            other.wait_for("() => Number(document.querySelector('#curves').dataset.beats) > 8")
