"""How scores are read, beside readers that share no code with the engine's: what counts as equal, and files that cannot be read."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
from score_fixtures import attributes, direction, musicxml, note

from engine.base.command_line import run
from training.evaluation.command import app
from training.evaluation.reading.agreement import common_notes, first_difference
from training.evaluation.reading.music21_reader import read_with_music21
from training.evaluation.reading.process import ENGINE, PARTITURA, read_apart
from training.evaluation.reading.report import Row, write_csv
from training.evaluation.reading.spelt_out import mei_spelt_out

SCORES = Path(__file__).parents[2] / "data" / "scores"
TWO_BARS = [(0.0, 60, False), (0.0, 64, False), (4.0, 60, False), (4.0, 59, True)]


def test_notes_are_equal_by_pitch_and_onset_and_grace_notes_by_pitch() -> None:
    moved = [(0.01, 60, False), (0.0, 65, False), (5.0, 60, False), (0.0, 59, True)]
    assert common_notes(TWO_BARS, moved) == 2  # the first, and the grace note
    assert common_notes(TWO_BARS, TWO_BARS * 2) == 4  # struck twice is not equal
    assert first_difference(TWO_BARS, moved) == "quarter 0: [60, 64] beside [60, 65]"
    assert first_difference(TWO_BARS, TWO_BARS) == ""


@pytest.mark.parametrize(
    ("name", "pitches"),
    [
        ("dc_fine_two_parts.musicxml", None),
        ("voltas_12_3.musicxml", None),
        ("transpose_clarinet_b_flat.musicxml", None),
        ("mei_tie_attribute.mei", None),
        ("k2_split_two_spines.krn", None),
        ("microtone_alter.musicxml", [70, 79, 76]),
    ],
)
def test_the_other_reader_hears_the_cases_as_they_are_written(name: str, pitches: list[int] | None) -> None:
    expected = json.loads((SCORES / "expected.json").read_text(encoding="utf-8"))[name]["notes"]
    notes = sorted((onset, pitch) for onset, pitch, _ in read_with_music21(SCORES / name))
    if pitches is None:
        assert notes == sorted((onset, pitch) for onset, _, pitch in expected)
    else:
        assert [pitch for _, pitch in notes] == pitches


def test_a_reader_is_ended_in_time_and_says_why_it_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "cut.musicxml").write_text("<score-partwise><part-list>")
    shutil.copy(SCORES / "voltas_two.musicxml", tmp_path)
    assert read_apart(ENGINE, tmp_path / "voltas_two.musicxml", 0.0001).refused == "takes more than 0.0001 s"
    assert "damaged" in read_apart(ENGINE, tmp_path / "cut.musicxml", 60.0).refused
    assert read_apart(PARTITURA, tmp_path / "cut.musicxml", 60.0).refused.startswith("XMLSyntaxError")
    assert len(read_apart(PARTITURA, tmp_path / "voltas_two.musicxml", 60.0).notes) == 5


def test_the_command_prints_a_table_by_collection_and_writes_a_row_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("voltas_two.musicxml", "krn_repeat.krn"):
        (tmp_path / name.split(".")[1]).mkdir()
        shutil.copy(SCORES / name, tmp_path / name.split(".")[1])
    (tmp_path / "krn" / "nothing.krn").write_text("nothing\n")
    assert run(app, "perf-eval", ["reading", str(tmp_path), "--out", str(tmp_path / "files.csv")]) == 0
    shown = capsys.readouterr().out
    assert "krn/nothing.krn: refused" in shown and "musicxml" in shown
    with (tmp_path / "files.csv").open(encoding="utf-8") as file:
        rows = {row["file"]: (row["notes"], row["equal_notes"]) for row in csv.DictReader(file)}
    assert rows == {"krn/krn_repeat.krn": ("5", "5"), "krn/nothing.krn": ("0", ""), "musicxml/voltas_two.musicxml": ("5", "5")}


def test_the_command_goes_on_with_the_files_that_its_table_has_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = Row(
        "krn",
        "krn/long.krn",
        notes=10,
        refused="",
        other_notes=8,
        other_refused="",
        equal_notes=6,
        difference="",
        seconds=1.0,
        other_seconds=9.0,
    )
    table = tmp_path / "files.csv"
    write_csv([row], table)
    (tmp_path / "krn").mkdir()
    (tmp_path / "krn" / "long.krn").write_text("nothing\n")  # would be refused
    assert run(app, "perf-eval", ["reading", str(tmp_path), "--out", str(table)]) == 0
    cells = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("│ krn")).split()
    # files, with notes, read, compared, share of notes, median, files of which 95% are equal
    assert [cell for cell in cells if cell != "│"][1:8] == ["1", "1", "1", "1", "0.600", "0.600", "0"]
    table.write_text("a,b\n1,2\n")
    assert run(app, "perf-eval", ["reading", str(tmp_path), "--out", str(table)]) == 2
    assert "not a table of this command" in capsys.readouterr().err


def test_a_folder_without_scores_is_a_wrong_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(app, "perf-eval", ["reading", str(tmp_path)]) == 2
    assert "has no scores" in capsys.readouterr().err


def test_the_other_reader_plays_the_list_of_a_humdrum_file(tmp_path: Path) -> None:
    lines = ["**kern", "*>[A,B,A]", "*>A", "*clefG2", "*M4/4", "=1", "1cc", "*>B", "=2", "1dd", "==", "*-"]
    (tmp_path / "list.krn").write_text("\n".join(lines) + "\n")
    assert read_with_music21(tmp_path / "list.krn") == [(0.0, 72, False), (4.0, 74, False), (8.0, 72, False)]


def test_the_other_reader_takes_copies_durations_of_chords_and_staves_that_pause(tmp_path: Path) -> None:
    upper = '<staff n="1"/>'
    chord = '<chord xml:id="c"><note pname="c" oct="5" dur="2"/><note pname="e" oct="5" dur="2"/></chord>'
    measures = f'<measure>{upper}<staff n="2"><layer>{chord}<chord copyof="#c"/></layer></staff></measure>'
    later = '<measure><staff n="1"><layer><note pname="g" oct="5" dur="1"/></layer></staff><staff n="2"/></measure>'
    staves = "".join(f'<staffDef n="{number}" lines="5" clef.shape="G" clef.line="2"/>' for number in (1, 2))
    definition = f'<scoreDef meter.count="4" meter.unit="4"><staffGrp>{staves}</staffGrp></scoreDef>'
    header = "<meiHead><fileDesc><titleStmt><title/></titleStmt><pubStmt/></fileDesc></meiHead>"
    score = f"<score>{definition}<section>{measures}{later}</section></score>"
    text = (
        f'<mei xmlns="http://www.music-encoding.org/ns/mei" meiversion="5.0">{header}<music><body><mdiv>{score}</mdiv></body></music></mei>'
    )
    (tmp_path / "score.mei").write_text(text)
    expected = [(0.0, 72, False), (0.0, 76, False), (2.0, 72, False), (2.0, 76, False), (4.0, 79, False)]
    assert sorted(read_with_music21(tmp_path / "score.mei")) == expected


def test_spaces_without_a_duration_are_what_is_left_of_their_bar() -> None:
    measure = """<measure><staff n="1"><layer><space/><note dur="4" dots="1"/></layer><layer><note dur="2"/></layer></staff>
<staff n="2"><layer><beam><note dur="16"/><note/></beam><rest/><rest/></layer></staff></measure>"""
    text = mei_spelt_out(f'<mei><score><scoreDef meter.count="3" meter.unit="4"/>{measure}</score></mei>'.encode())
    found = re.findall(r"<(?:space|rest|note) ?([^/]*)/>", text)
    # an eighth of a half note's bar; a sixteenth in the beam; of what is left, 2 - 1/2 quarters, each rest has a dotted eighth
    assert found == ['dur="8" dots="0"', 'dur="4" dots="1"', 'dur="2"', 'dur="16"', 'dur="16" dots="0"', *['dur="8" dots="1"'] * 2]


def test_a_tuplet_that_stands_as_an_element_and_as_a_sign_is_one() -> None:
    notes = "".join(f'<note xml:id="n{number}" dur="8"/>' for number in range(3))
    signs = '<tupletSpan startid="#n0" endid="#n2" num="3" numbase="2"/><tupletSpan startid="#n3" endid="#n4" num="3" numbase="2"/>'
    layer = f'<layer><tuplet num="3" numbase="2">{notes}</tuplet><note xml:id="n3" dur="8"/><note xml:id="n4" dur="8"/></layer>'
    text = mei_spelt_out(f"<mei><score><scoreDef/><measure><staff>{layer}</staff>{signs}</measure></score></mei>".encode())
    assert (text.count("<tuplet "), text.count("<tupletSpan")) == (1, 1)


def test_a_da_capo_among_other_words_goes_to_the_fine(tmp_path: Path) -> None:
    fine = direction("<words>Fine</words>", "<sound fine='yes'/>")
    da_capo = direction("<words>Menuetto da capo</words>", "<sound dacapo='yes'/>")
    path = tmp_path / "minuet.musicxml"
    path.write_text(musicxml([attributes() + note("C", 16) + fine, note("D", 16), note("E", 16) + da_capo]))
    assert [pitch for _, pitch, _ in read_with_music21(path)] == [60, 62, 64, 60]
