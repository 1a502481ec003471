"""What is done by hand on the page: beats that are tapped, a plane of two controls, another seed."""

import pytest
from command_line import ScaledPerformer, ScaledStream
from opened_pages import opened_page
from played_scores import engraved_page, score_on_page
from score_fixtures import attributes, musicxml, note
from synthetic_dexter import write_models
from viewed_runs import playing

from engine.output.viewing.page.address import bind
from engine.output.viewing.page.program import served
from engine.performers.controls import Control
from engine.performers.dexter.performer import load_performer
from engine.performers.setup import Setup

pytestmark = pytest.mark.browser

TAPS = """async (count) => {
    const baton = document.querySelector('#baton');
    for (let tap = 0; tap < count; tap++) {
        baton.dispatchEvent(new KeyboardEvent('keydown', {key: ' ', repeat: false, bubbles: true}));
        baton.dispatchEvent(new KeyboardEvent('keydown', {key: ' ', repeat: true, bubbles: true}));
        await new Promise((done) => setTimeout(done, 500));
    }
}"""
TRIES, SOON_MS = 30, 1000
CONTROL = "([name, value]) => Math.abs(Number(document.querySelector(`#control-${name}`).value) - value) < 0.05"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    performer = load_performer(write_models(tmp_path_factory.mktemp("models")), None)
    path = tmp_path_factory.mktemp("scores") / "notes.musicxml"
    bars = ["".join(note(step, 4) for step in "CDEF") for _ in range(40)]
    path.write_text(musicxml([attributes() + bars[0], *bars[1:]]))
    with score_on_page(performer, path, {}) as run:
        run.ask("pause")
        yield run


def press_until(opened, baton, below, condition):
    """Press it so far below its top until the dynamics are so; a press that follows the one before too soon is left out."""
    reached = f"() => (value => {condition})(Number(document.querySelector('#control-dynamics').value))"
    for _ in range(TRIES):
        baton.click(position={"x": 20, "y": below})
        opened.page.wait_for_timeout(SOON_MS)
        if opened.page.evaluate(reached):
            return
    raise AssertionError(f"not reached: {condition}")


def test_the_space_bar_counts_in_and_a_press_says_how_loud(run, browser):
    with engraved_page(browser, run) as opened:
        baton = opened.page.get_by_role("button", name="Tap the beat")
        opened.page.evaluate(TAPS, 6)  # two would do, but on a busy machine taps come together
        opened.wait_for_text("#log", "beats a minute")
        opened.wait_for_text("#play", "Pause")
        height = baton.bounding_box()["height"]
        press_until(opened, baton, 2, "value > 35")
        press_until(opened, baton, height - 2, "value < -35")
        assert opened.page.locator("#log li[data-control=tap]").count() <= 2
        run.ask("pause")


def test_two_controls_are_moved_at_once_on_a_plane(run, browser):
    with engraved_page(browser, run) as opened:
        page = opened.page
        plane = page.get_by_role("application", name="Plane of two controls")
        assert [page.input_value(each) for each in ("#plane-across", "#plane-up")] == ["expression", "dynamics"]
        page.select_option("#plane-up", "expression_velocity")
        plane.scroll_into_view_if_needed()
        box = plane.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 1)
        page.mouse.up()
        for name in ("expression", "expression_velocity"):
            opened.wait_for(CONTROL, [name, 2])
        plane.press("ArrowLeft")
        plane.press("ArrowDown")
        plane.press("ArrowDown")
        opened.wait_for(CONTROL, ["expression", 1.95])
        opened.wait_for(CONTROL, ["expression_velocity", 1.9])
        plane.press("Delete")
        for name in ("expression", "expression_velocity"):
            opened.wait_for(CONTROL, [name, 1])
        run.ask("set expression 0")
        opened.wait_for("() => document.querySelector('#plane-part output').textContent.startsWith('expression 0,')")
        run.ask("set expression 1")


class TwoControls(ScaledPerformer):
    controls = (Control("dynamics", -10, 10, 0, "", "how loud"), Control("range", 0, 2, 1, "", "how far"))


def test_a_plane_is_of_two_controls(browser):
    address = bind(0)
    with address.endpoint, playing(TwoControls()) as run, served(run.channel, run.session.steering, address):
        with opened_page(browser, address.url) as opened:
            assert {opened.page.input_value(each) for each in ("#plane-across", "#plane-up")} == {"dynamics", "range"}


class PartnerStream(ScaledStream):
    told = []

    def set_control(self, name, value):
        self.told.append((name, value))


class PartnerPerformer(ScaledPerformer):
    controls = (*ScaledPerformer.controls, Control("take_turn", 0, 1, 0, "", "lets it go on", ("off", "on")))

    def create_stream(self, seed, controls):
        return PartnerStream(seed, controls)


def test_a_partner_is_told_that_it_is_its_turn(browser):
    address = bind(0)
    with address.endpoint, playing(PartnerPerformer()) as run, served(run.channel, run.session.steering, address):
        with opened_page(browser, address.url) as opened:
            opened.page.get_by_role("button", name="Its turn").click()
            opened.wait_for_answer("take_turn off")
            assert PartnerStream.told == [("take_turn", 1), ("take_turn", 0)]


def test_another_seed_begins_anew(browser):
    address = bind(0)
    with address.endpoint, playing(ScaledPerformer()) as run:
        run.session.rig.let_exchange(lambda name, lookahead_s: Setup(ScaledPerformer()))
        with served(run.channel, run.session.steering, address), opened_page(browser, address.url) as opened:
            assert opened.page.locator("#conducting").is_hidden() and opened.page.locator("#hand").is_hidden()
            opened.page.get_by_label("Seed").fill("7")
            opened.page.get_by_role("button", name="Begin anew with it").click()
            opened.wait_for_answer("scaled plays, seed 7")
            opened.wait_for("() => document.querySelector('#now').textContent.includes('seed7')")
        assert run.ask("seed x") == "seed x: got 'x' for the seed; allowed: 0 to 9223372036854775807"
