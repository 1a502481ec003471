"""The duo on the page: where the soloist was heard, how sure that is, and who is ahead."""

import time

import pytest
from duos import LULLABY, lullaby, sung
from played_scores import engraved_page, score_on_page
from synthetic_dexter import write_models

from engine.midi.events import is_note_on, note_off, note_on
from engine.performers.dexter.performer import load_performer
from engine.runtime.following.performer import Following

pytestmark = pytest.mark.browser

NOTES = 10


@pytest.fixture
def run(tmp_path):
    performer = load_performer(write_models(tmp_path), None)
    with score_on_page(performer, LULLABY, {"expression": 0}, following=Following("Voice")) as run:
        yield run


def test_a_soloist_and_the_accompaniment_are_seen(run, browser):
    piece = lullaby()
    voice = piece.tracks == 0
    with engraved_page(browser, run) as opened:
        opened.wait_for_text("#duo-part", "You play Voice.")
        assert opened.page.locator("#duo-heard").inner_text() == "–"
        assert opened.page.locator("#tempo-part").is_hidden()  # the tempo is the soloist's
        sung_notes = [event for event in sung(piece, voice, 0.5) if is_note_on(event.message)][:NOTES]
        begun_ns = time.monotonic_ns()
        for event in sung_notes:
            time.sleep(max(0, (event.time_ns + begun_ns - time.monotonic_ns()) / 1e9))
            run.keyboard.play(event.message, note_off(0, event.message[1]))
        quarters = sorted(piece.score.notes["onset_quarter"][voice].tolist())[:NOTES]
        bar = next(int(each["number"]) for each in piece.score.measures[::-1] if each["onset_quarter"] <= quarters[-1])
        opened.wait_for_text("#duo-heard", f"bar {bar}, beat ")
        opened.wait_for("() => document.querySelector('#duo-sure').value > 0.5")
        opened.wait_for("() => /together|by \\d+ ms/.test(document.querySelector('#duo-ahead').textContent)")
        opened.wait_for("() => document.querySelector('.cursor.heard') && document.querySelector('.cursor:not(.heard)')")
        opened.wait_for("() => document.querySelector('.sounding')")
        assert not opened.nameless and opened.least_contrast >= 4.5
        for _ in range(40):
            run.keyboard.play(note_on(0, 109, 50), note_off(0, 109))  # a key that the song has not
            time.sleep(0.1)  # for more than three seconds, or they could be few chords
        opened.wait_for_text("#duo-part", "not found in the score")


def sing(run, wrong=()):
    """Sing the first notes in twice the tempo, those of these numbers a semitone too high."""
    voice = lullaby().tracks == 0
    begun_ns = time.monotonic_ns()
    for number, event in enumerate([event for event in sung(lullaby(), voice, 0.5) if is_note_on(event.message)][: 2 * NOTES]):
        time.sleep(max(0, (event.time_ns + begun_ns - time.monotonic_ns()) / 1e9))
        key = event.message[1] + (number in wrong)
        run.keyboard.play(note_on(0, key, event.message[2]), note_off(0, key))


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (2560, "light")])
def test_who_practises_is_told_bar_by_bar_how_it_went(run, browser, width, scheme):
    """The song begins with an upbeat of two notes; the bars 2 to 4 have three each. The tenth note is in bar 4."""
    with engraved_page(browser, run, viewport={"width": width, "height": 800}, color_scheme=scheme) as opened:
        page = opened.page
        page.get_by_role("button", name="How did it go?").click()
        opened.wait_for_text("#practice-said", "Nothing of the score was heard yet.")
        assert page.locator("#practice-report").is_hidden()
        sing(run, wrong=[9])
        opened.wait_for_text("#practice-said", "20 notes: 1 wrong, 0 missed, 0 extra.")  # by itself, as nothing more comes
        cells = "[...document.querySelectorAll('#practice-bars tr')].map(row => [...row.cells].slice(0, 6).map(cell => cell.textContent))"
        rows = page.evaluate(cells)
        assert rows[:4] == [
            ["1", "once", "2", "0", "0", "0"],
            ["2", "once", "3", "0", "0", "0"],
            ["3", "once", "3", "0", "0", "0"],
            ["4", "once", "3", "1", "0", "0"],
        ]
        assert page.locator("#practice-bars tr").nth(2).locator("td").nth(6).inner_text() == "60"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not opened.nameless and opened.least_contrast >= 4.5
        page.get_by_role("button", name="Go to bar 3").press("Enter")
        opened.wait_for_answer("bar 3")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (2560, "light")])
def test_the_duo_is_readable_at_any_width_in_dark_and_light(run, browser, width, scheme):
    viewport = {"width": width, "height": 800}
    with engraved_page(browser, run, viewport=viewport, color_scheme=scheme, reduced_motion="reduce") as opened:
        opened.wait_for_text("#duo-part", "You play Voice.")
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        assert not opened.nameless and opened.least_contrast >= 4.5


def test_a_score_that_accompanies_nobody_has_no_duo(browser, tmp_path):
    with score_on_page(load_performer(write_models(tmp_path), None), LULLABY) as run, engraved_page(browser, run) as opened:
        assert opened.page.locator("#duo").is_hidden() and opened.page.locator("#practice").is_hidden()
