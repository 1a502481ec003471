"""A performance as one HTML file, opened in a real browser from the disk; and what stands in it."""

import base64
import io
import json
import re
import sys

import numpy as np
import pytest
import soundfile
import synthetic_score_performer
from opened_pages import LIMIT_MS
from score_fixtures import attributes, musicxml, note

from engine.base.errors import PerfLiveError
from engine.midi.events import Event, control_change, note_off, note_on
from engine.midi.file import MidiTimeline, write_midi_file
from engine.midi.note_table import NOTE_FIELDS, Played
from engine.output.html.document import Sound, bundled, write_document
from engine.output.html_content import events_of
from engine.performers.setup import Wanted
from engine.session import ScoreOptions, render_file, render_take
from engine.systems import find_system

BARS = 12
PEDAL = [(800_000_000, 127), (1_600_000_000, 0)]  # of the human, on the beats of .4 s
SHOWN = re.compile(r'<script type="application/json" id="shown">(.*?)</script>', re.DOTALL)
PAUSE = "() => { const play = document.querySelector('#play'); if (play.textContent === 'Pause') play.click(); }"
COLOURS_ON_ROWS = """() => {
    const rows = document.querySelector('#rows');
    const {data} = rows.getContext('2d').getImageData(0, 0, rows.width, rows.height);
    for (let at = 0; at < data.length; at += 4)
        if (data[at + 3] === 255 && Math.abs(data[at] - data[at + 2]) > 60) return true;
    return false;
}"""


def shown_in(path):
    return json.loads(SHOWN.search(path.read_text(encoding="utf-8"))[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A score with a human beside it, and a take."""
    folder = tmp_path_factory.mktemp("pages")
    names = "CDEFGABC"
    bars = [(attributes() if not bar else "") + "".join(note(names[(bar + beat) % 8], 4) for beat in range(4)) for bar in range(BARS)]
    (folder / "piece.musicxml").write_text(musicxml(bars))
    steps = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    pitches = [60 + steps[names[(bar + beat) % 8]] for bar in range(BARS) for beat in range(4)]
    events = [(index * 400_000_000, note_on(0, pitch, 40 + index)) for index, pitch in enumerate(pitches)]
    events += [(time_ns + 300_000_000, note_off(0, message[1])) for time_ns, message in events]
    human = MidiTimeline([Event(*each) for each in sorted(events)])
    pedal = [Event(time_ns, control_change(0, 64, value)) for time_ns, value in PEDAL]
    write_midi_file(folder / "human.mid", sorted([*human.events, *pedal], key=lambda event: event.time_ns))
    models = synthetic_score_performer.write_models(tmp_path_factory.mktemp("models"))
    setup = Wanted(find_system("score-performer"), model=models, settings=["tempo=2"]).load()
    render_file(setup, folder / "piece.musicxml", [folder / "piece.html"], ScoreOptions(beside=folder / "human.mid"))
    passed = Wanted(find_system("passthrough")).load()
    render_take(passed, human, [folder / "take.html"], "<take> & </script>")
    slower = [Event(2 * event.time_ns, event.message) for event in human.events]
    render_take(passed, MidiTimeline(slower), [folder / "beside.html"], "take", beside=folder / "human.mid")
    return folder


@pytest.mark.sound
def test_all_that_is_shown_stands_in_the_file(folder):
    shown = shown_in(folder / "piece.html")
    assert [roll["label"] for roll in shown["rolls"]] == ["performed", "human"]
    assert [len(roll["notes"]) for roll in shown["rolls"]] == [4 * BARS, 4 * BARS]
    assert [curve["label"] for curve in shown["curves"]] == ["tempo, beats a minute", "velocity"]
    assert [len(curve["lines"]) for curve in shown["curves"]] == [2, 2]
    assert [bar["number"] for bar in shown["bars"]] == list(range(1, BARS + 1))
    assert shown["score"]["bars"] == list(range(BARS)) and shown["score"]["pages"][0]["svg"].startswith("<svg")
    seconds = [second for second, _ in shown["course"]]
    assert seconds == sorted(seconds) and shown["course"][-1][1] == 4 * BARS
    take = shown_in(folder / "take.html")
    assert (take["score"], take["unit"]) == (None, "s")
    assert [line["label"] for line in take["curves"][0]["lines"]] == ["input", "performed"]


@pytest.mark.sound
def test_beside_a_take_the_human_has_a_pedal_at_the_takes_times(folder):
    """The take is twice as slow."""
    performed, human = shown_in(folder / "beside.html")["pedals"]
    assert (performed["label"], performed["points"], human["label"]) == ("performed", [], "human")
    assert human["points"] == [[pytest.approx(2 * time_ns / 1e9, abs=5e-3), value] for time_ns, value in PEDAL]


def test_the_pedal_moves_before_the_notes_of_its_time():
    notes = np.array([(0.5, 0.25, 60, 64)], NOTE_FIELDS)
    events = events_of(Played(notes, np.array([(0.5, 127.0), (1.0, 0.0)])))
    assert [(event.time_ns, event.message.hex()) for event in events] == [
        (500_000_000, "b0407f"), (500_000_000, "903c40"), (750_000_000, "803c40"), (1_000_000_000, "b04000"),
    ]


@pytest.mark.sound
def test_the_sound_lasts_as_long_as_the_music_and_is_small(folder):
    text = (folder / "piece.html").read_text(encoding="utf-8")
    kind, sound = re.search(r'id="sound" data-kind="([^"]+)">([^<]*)<', text).groups()
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound)))
    end_s = shown_in(folder / "piece.html")["course"][-1][0]
    assert kind == "audio/mpeg" and end_s - 1 < len(samples) / rate < end_s + 15
    assert len(sound) < 32_000 * len(samples) / rate


@pytest.mark.browser
@pytest.mark.sound
def test_it_plays_from_the_disk_and_asks_for_nothing(folder, browser):
    page, asked, wrong = browser.new_page(), [], []
    page.set_default_timeout(LIMIT_MS)
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto((folder / "piece.html").as_uri())
    page.wait_for_function("() => document.querySelector('#where').textContent.endsWith('bar 1')")
    page.wait_for_function("() => document.querySelector('#score .cursor') && document.querySelector('#score .sounding')")
    assert page.evaluate(COLOURS_ON_ROWS)
    first = page.evaluate("document.querySelector('.sounding').id")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("first => document.querySelector('.sounding')?.id !== first", arg=first)
    page.evaluate(PAUSE)  # at once: on a busy machine the music may have ended before a click
    page.get_by_role("button", name="Play").wait_for()
    page.get_by_role("slider", name="Place").evaluate("slider => { slider.value = 990; slider.dispatchEvent(new Event('input')); }")
    page.wait_for_function(f"() => document.querySelector('#where').textContent.endsWith('bar {BARS}')")
    page.select_option("#span", "0")
    left, width = page.evaluate("(({left, width}) => [left, width])(document.querySelector('#rows').getBoundingClientRect())")
    page.mouse.click(left + width * 0.5, page.evaluate("document.querySelector('#rows').getBoundingClientRect().top + 20"))
    page.wait_for_function(f"() => /bar ({BARS // 2}|{BARS // 2 - 1}|{BARS // 2 + 1})$/.test(document.querySelector('#where').textContent)")
    page.locator("#score .measure").first.click()
    page.wait_for_function("() => document.querySelector('#where').textContent.endsWith('bar 1')")
    assert wrong == [] and {url.partition(":")[0] for url in asked} == {"file", "blob"}
    page.close()


@pytest.mark.browser
@pytest.mark.sound
def test_the_human_is_heard_from_the_same_place_on(folder, browser):
    """The human plays a beat in .4 s."""
    shown = shown_in(folder / "piece.html")
    assert shown["human_course"][:3] == [[0.0, 0.0], [0.401, 1.0], [0.802, 2.0]]
    page, wrong = browser.new_page(), []
    page.set_default_timeout(LIMIT_MS)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto((folder / "piece.html").as_uri())
    page.get_by_role("slider", name="Place").evaluate("slider => { slider.value = 500; slider.dispatchEvent(new Event('input')); }")
    page.wait_for_function("() => document.querySelector('#where').textContent.endsWith('bar 7')")
    page.get_by_label("Hear").select_option("human")
    page.wait_for_function("() => /of 0:1\\d, bar 7$/.test(document.querySelector('#where').textContent)")
    before = page.locator("#where").inner_text()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("before => document.querySelector('#where').textContent !== before", arg=before)
    page.evaluate(PAUSE)
    page.goto((folder / "take.html").as_uri())
    assert page.get_by_label("Hear").is_hidden() and wrong == []
    page.close()


@pytest.mark.browser
@pytest.mark.sound
def test_a_take_has_no_score_and_its_title_is_text(folder, browser):
    page, wrong = browser.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto((folder / "take.html").as_uri())
    page.wait_for_function("() => document.querySelector('#where').textContent === '0:00 of 0:19'")
    assert page.evaluate(COLOURS_ON_ROWS) and page.locator("#score").is_hidden()
    assert page.title().startswith("<take> & </script>, performed by passthrough")
    assert page.locator("#key").inner_text().split() == ["input", "performed"] and wrong == []
    page.close()


@pytest.mark.sound
def test_without_soundfile_it_is_a_wav(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    timeline = MidiTimeline([Event(0, note_on(0, 60, 64)), Event(10**9, note_off(0, 60))])
    render_take(Wanted(find_system("passthrough")).load(), timeline, [tmp_path / "take.html"], "take")
    text = (tmp_path / "take.html").read_text(encoding="utf-8")
    assert 'data-kind="audio/wav">UklGR' in text


def test_modules_become_one_script_with_names_of_their_own(tmp_path):
    (tmp_path / "other").mkdir()
    imported = 'import { one } from "other/one.js";\n'
    (tmp_path / "main.js").write_text(f'import {{ twice }} from "./twice.js";\n{imported}\nconst own = 3;\ntwice(one + own);\n')
    (tmp_path / "twice.js").write_text(f"{imported}\nconst own = 2;\nexport function twice(value) {{\n  return own * value * one;\n}}\n")
    (tmp_path / "other" / "one.js").write_text("const own = 1;\nexport const one = own;\n")
    script = bundled(tmp_path, "main.js", {"other": tmp_path / "other"})
    assert script.count("const one = own;") == 1 and "import" not in script and "export" not in script
    assert script.index("const one = own;") < script.index("function twice") < script.index("twice(one + own)")
    assert "return {twice};" in script and script.count("{ one }") == 2


def test_nothing_that_is_shown_ends_its_script(tmp_path):
    write_document(tmp_path / "page.html", "title", {"parts": ["</script><script>"]}, Sound("audio/wav", b""))
    assert shown_in(tmp_path / "page.html") == {"parts": ["</script><script>"]}


def test_where_nothing_can_be_written_nothing_is_left(tmp_path):
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(PerfLiveError):
        write_document(tmp_path / "taken.html", "title", {}, Sound("audio/wav", b""))
    assert [each.name for each in tmp_path.iterdir()] == ["taken.html"]
