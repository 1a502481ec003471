"""Scores as Verovio engraves them: every note is found, every bar that is played is known, and nothing in them can act."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from score_fixtures import attributes, barline, musicxml, note

from engine.base.errors import PerfLiveError
from engine.output.engraving.engraving import Request, engrave, printed_bars
from engine.output.engraving.midi_notation import NOTE, musicxml_of_midi, voices_of
from engine.output.engraving.safe_drawing import made_safe
from engine.score.files import read_score
from engine.score.midi import read_midi_score

SCORES = Path("tests/data/scores")
FUER_ELISE = Path("engine/examples/beethoven_fuer_elise_theme.mid")
KINDS = [SCORES / name for name in ("voltas_12_3.musicxml", "da_capo_al_fine.musicxml", "pickup_and_multirest.musicxml", "krn_repeat.krn")]


def engraving(path, width=800):
    return engrave(Request(str(path), width, read_score(path).measures["number"].tolist()))


@pytest.mark.parametrize("path", [*KINDS, SCORES / "m2_expansion.mei", FUER_ELISE], ids=lambda path: path.name)
def test_each_note_is_drawn_and_each_bar_is_where_its_notes_sound(path):
    engraved, score = engraving(path), read_score(path)
    drawn = set(re.findall(' id="([^"]*)"', "".join(page["svg"] for page in engraved["pages"])))
    assert {identifier for notes in engraved["notes"] for identifier, _, _ in notes} <= drawn
    begins = set()
    for bar, index in zip(score.measures, engraved["bars"], strict=True):
        begins |= {bar["onset_quarter"] + begin for _, begin, _ in engraved["notes"][index]}
    assert set(score.notes["onset_quarter"].tolist()) <= begins  # those that are tied to are drawn as well


def test_another_program_engraves_it_and_a_width_breaks_lines():
    asked = {"path": str(SCORES / "chorale_96.musicxml"), "bars": [1, 2], "width": 320}
    program = [sys.executable, "-m", "engine.output.engraving"]
    engraved = json.loads(subprocess.run(program, input=json.dumps(asked).encode(), capture_output=True, check=True).stdout)
    assert [page["width"] for page in engraved["pages"]] == [320] * len(engraved["pages"])
    assert sum(page["svg"].count('"system"') for page in engraved["pages"]) > 2


def test_the_first_bars_of_a_score_are_engraved_alone_up_to_where_the_music_leaves_them(tmp_path):
    path = tmp_path / "long.musicxml"
    repeat = barline('<repeat direction="backward"/>')
    bars = [note("CDEFGAB"[bar % 7], 16) + repeat * (bar + 1 in (2, 30)) for bar in range(40)]
    path.write_text(musicxml([attributes() + bars[0], *bars[1:]]))
    played = read_score(path).measures["number"].tolist()
    first, whole = (engrave(Request(str(path), 800, played, beginning=beginning)) for beginning in (True, False))
    assert (first["whole"], whole["whole"]) == (False, True)
    assert first["bars"] == [0, 1, *range(24)] and len(whole["bars"]) == len(played)
    assert len(first["notes"]) == 24 and first["notes"] == whole["notes"][:24]


@pytest.mark.parametrize("path", [KINDS[0], KINDS[3], FUER_ELISE], ids=lambda path: path.name)
def test_where_there_is_no_beginning_all_is_engraved(path):
    asked = Request(str(path), 800, read_score(path).measures["number"].tolist())
    whole = engrave(asked)
    assert whole["whole"] and engrave(replace(asked, beginning=True)) == whole


def test_what_cannot_be_engraved_is_said_in_one_line(tmp_path):
    damaged = tmp_path / "damaged.musicxml"
    damaged.write_text("<score-partwise><part/>")
    for path in (damaged, tmp_path / "none.mei"):
        with pytest.raises(PerfLiveError) as raised:
            engrave(Request(str(path), 800, []))
        assert "\n" not in str(raised.value)


def test_bars_that_verovio_plays_otherwise_are_found_by_their_numbers():
    assert printed_bars([1, 2, 1, 2], [(0, 0), (1, 4), (0, 8), (1, 12)], [1, 2]) == [0, 1, 0, 1]
    assert printed_bars([1, 1, 2, 7], [(0, 0)], [1, 1, 2]) == [0, 1, 2, 2]


def test_of_a_drawing_only_shapes_and_texts_are_shown():
    drawn = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 1 1" onload="act()">
        <style>g {fill: url(//elsewhere)}</style><script>act()</script><foreignObject><p/></foreignObject>
        <a href="javascript:act()"><text>t</text></a><image href="//elsewhere"/>
        <g id="panic" class="note" style="fill: red" onclick="act()" color="black"><use xlink:href="#E0A4"/></g>
        <use href="//elsewhere#a"/></svg>"""
    from lxml import etree

    shown = etree.tostring(made_safe(drawn)).decode()
    assert not re.search("style|script|foreign|elsewhere|onload|onclick|act|image|black", shown)
    assert 'id="score-panic"' in shown and 'href="#score-E0A4"' in shown


def test_a_repeat_written_by_a_score_with_odd_labels_leads_back(tmp_path):
    path = tmp_path / "odd.musicxml"
    repeat = barline('<repeat direction="backward"/>')
    document = musicxml([attributes() + note("C", 16), note("D", 16) + repeat, note("E", 16)])
    path.write_text(document.replace('number="2"', 'number="X1"').replace('number="3"', 'number="2"'))
    assert engraving(path)["bars"] == [0, 1, 0, 1, 2]


def test_a_midi_score_is_written_with_rests_accidentals_and_beams():
    from lxml import etree

    right = etree.fromstring(musicxml_of_midi(read_midi_score(FUER_ELISE))).find("part")
    first, second = right.findall("measure")[:2]
    assert [each.findtext("type") for each in first.iter("note")] == ["quarter", "16th", "16th"]
    assert [each.findtext("accidental") for each in first.iter("note")] == [None, None, "sharp"]
    assert [each.findtext("accidental") for each in second.iter("note")] == [None, "sharp", None, None, "natural", None]
    assert [each.findtext("beam") for each in second.iter("note")] == ["begin", *["continue"] * 4, "end"]
    for measure in right.findall("measure")[:-1]:
        own = [each for each in measure.iter("note") if each.findtext("voice") == "1" and each.find("chord") is None]
        assert sum(int(each.findtext("duration")) for each in own) == 36


def test_notes_that_last_while_others_begin_are_a_second_voice():
    table = np.array([(0, 72, 43), (24, 48, 57), (24, 48, 62), (72, 24, 38), (72, 96, 60)], NOTE)
    assert voices_of(table) == [2, 1, 1, 1, 1]
    assert table["duration_div"].tolist() == [72, 48, 48, 24, 24]
