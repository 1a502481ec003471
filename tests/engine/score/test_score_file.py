"""Scores from MusicXML, MEI, Humdrum and MIDI files."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import mido
import numpy as np
import pytest
from score_fixtures import HUMDRUM, MEI, attributes, barline, direction, musicxml, note

from engine.base.errors import PerfLiveError
from engine.midi.chunks import KeptEvent
from engine.midi.events import Event, note_off, note_on
from engine.midi.file import MidiTimeline, Track, write_midi_file
from engine.score import files as score_file
from engine.score.files import read_score
from engine.score.tables import ORNAMENTS

ROOT = Path(__file__).parents[3]


@pytest.fixture
def score_of(tmp_path):
    def read(text, repeats="play", name="score.musicxml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_score(path, repeats)

    return read


def places(score):
    return [(onset, duration, pitch) for onset, duration, pitch in score.notes[["onset_quarter", "duration_quarter", "pitch"]].tolist()]


def test_chords_grace_notes_and_merged_ties_are_in_order(score_of):
    first = note("E", 4) + note("C", 4, before="<chord/>") + note("D", 0) + note("F", 0) + note("G", 12, tie="start")
    score = score_of(musicxml([attributes() + first, note("G", 8, tie="stop") + note("A", 8)]))
    assert places(score) == [(0, 1, 60), (0, 1, 64), (1, 0, 62), (1, 0, 65), (1, 5, 67), (6, 2, 69)]
    assert score.notes["is_grace"].tolist() == [False, False, True, True, False, False]
    assert score.measures.tolist() == [(0, 4, 1), (4, 4, 2)]
    assert len(set(score.notes["id"])) == 6
    assert not score.notes["velocity"].any()


def test_an_upbeat_begins_at_zero_and_is_a_measure_of_its_own_length(score_of):
    text = musicxml([attributes(3) + note("G", 4), note("C", 12), attributes(6, 8) + note("D", 12)])
    score = score_of(text)
    assert places(score) == [(0, 1, 67), (1, 3, 60), (4, 3, 62)]
    assert score.measures["duration_quarter"].tolist() == [1, 3, 3]
    assert score.time_signatures.tolist() == [(0, 3, 4), (4, 6, 8)]
    assert score.end_quarter == 7


def test_changing_divisions_keep_positions(score_of):
    score = score_of(musicxml([attributes(1) + note("C", 4), attributes(1, divisions=6) + note("D", 2) + note("E", 4)]))
    np.testing.assert_allclose(score.notes["onset_quarter"], [0, 1, 4 / 3])
    np.testing.assert_allclose(score.notes["duration_quarter"], [1, 1 / 3, 2 / 3])


REPEATED = musicxml(
    [
        attributes(1) + barline('<repeat direction="forward"/>') + note("C", 4, identifier="c"),
        '<barline location="left"><ending number="1" type="start"/></barline>'
        + note("D", 4, identifier="d")
        + '<barline location="right"><ending number="1" type="stop"/><repeat direction="backward"/></barline>',
        '<barline location="left"><ending number="2" type="start"/></barline>'
        + note("E", 4, identifier="e", notations='<fermata type="upright"/>')
        + '<barline location="right"><ending number="2" type="stop"/></barline>',
    ]
)


@pytest.mark.parametrize(
    ("repeats", "expected"),
    [("play", ["c-1", "d-1", "c-2", "e-1"]), ("skip", ["c", "e"]), ("printed", ["c", "d", "e"])],
)
def test_repeats_are_played_skipped_or_left_as_printed(score_of, repeats, expected):
    score = score_of(REPEATED, repeats)
    assert score.notes["id"].tolist() == expected
    assert score.notes["onset_quarter"].tolist() == list(range(len(expected)))
    assert score.markings["fermata"].tolist() == [False] * (len(expected) - 1) + [True]


def test_words_are_repeated_with_their_notes(score_of):
    measure = attributes() + direction("<words>Allegro</words>") + note("C", 16) + barline('<repeat direction="backward"/>')
    text = musicxml([measure, note("D", 16)])
    assert [word.onset_quarter for word in score_of(text).words] == [0, 4]
    assert [word.onset_quarter for word in score_of(text, repeats="skip").words] == [0]


def test_repeats_in_one_part_hold_for_all(score_of):
    repeated = [attributes(1) + note("C", 4), note("D", 4) + barline('<repeat direction="backward"/>')]
    score = score_of(musicxml(repeated, [attributes(1) + note("E", 4), note("F", 4)]))
    assert places(score) == [(onset, 1, pitch) for onset, pair in enumerate([(60, 64), (62, 65)] * 2) for pitch in pair]


def test_parts_are_numbered_and_share_the_time(score_of):
    high, low = [attributes(1, divisions=2) + note("C", 2, 5)], [attributes(1) + note("C", 2, 3) + note("D", 2, 3)]
    score = score_of(musicxml(high, low))
    assert places(score) == [(0, 0.5, 48), (0, 1, 72), (0.5, 0.5, 50)]
    assert score.notes["part"].tolist() == [1, 0, 1]


def test_transposing_instruments_sound(score_of):
    transpose = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    clarinet = attributes(1).replace("</attributes>", f"{transpose}</attributes>")
    assert score_of(musicxml([clarinet + note("D", 4)])).notes["pitch"].tolist() == [60]


def test_tempos_are_in_quarters_a_minute(score_of):
    metronome = "<metronome><beat-unit>quarter</beat-unit><beat-unit-dot/><per-minute>60</per-minute></metronome>"
    dotted = direction(metronome, '<sound tempo="90"/>')
    later = direction("<words>Largo</words>", '<sound tempo="40"/>')
    score = score_of(musicxml([attributes(1) + dotted + note("C", 4), note("D", 4), later + note("E", 4)]))
    assert score.tempos.tolist() == [(0, 90), (2, 40)]


def dynamics(name):
    return direction(f"<dynamics><{name}/></dynamics>")


def test_dynamics_and_hairpins_reach_the_notes_under_them(score_of):
    content = attributes() + dynamics("p") + note("C", 4) + direction('<wedge type="crescendo"/>') + note("D", 4) + note("E", 4)
    content += direction('<wedge type="stop"/>') + dynamics("ff") + note("F", 4)
    second = dynamics("sf") + note("G", 8) + dynamics("fp") + note("A", 4) + dynamics("ffff") + note("B", 4)
    marks = score_of(musicxml([content, second])).markings
    assert marks["dynamic"].tolist() == [3, 3, 3, 7, 7, 3, 8]
    assert marks["hairpin"].tolist() == [0, 1, 1, 0, 0, 0, 0]
    np.testing.assert_allclose(marks["hairpin_position"], [0, 0, 0.5, 0, 0, 0, 0])
    assert marks["sudden_accent"].tolist() == [False] * 4 + [True, True, False]


def test_words_change_loudness_and_tempo_until_the_next_mark(score_of):
    content = attributes() + direction("<words>dim.</words>") + note("C", 4) + direction("<words>ritardando</words>") + note("D", 4)
    content += dynamics("pp") + note("E", 4) + direction("<words>a tempo</words>") + note("F", 4)
    score = score_of(musicxml([direction("<words>Allegro</words>") + content]))
    assert score.markings["hairpin"].tolist() == [-1, -1, 0, 0]
    assert score.markings["tempo_change"].tolist() == [0, -1, -1, 0]
    assert [(word.onset_quarter, word.text, word.kind) for word in score.words] == [
        (0, "Allegro", "tempo"),
        (1, "ritardando", "tempo-change"),
        (3, "a tempo", "a-tempo"),
    ]


def test_articulations_slurs_and_ornaments(score_of):
    slurred = note("C", 4, notations='<slur type="start" number="1"/>') + note("D", 4, voice=2) + note("E", 4)
    last = note("F", 4, notations='<slur type="stop" number="1"/><articulations><staccato/><strong-accent/></articulations>')
    tied = note("G", 4, tie="start") + note("G", 4, tie="stop", notations='<fermata type="upright"/><ornaments><trill-mark/></ornaments>')
    marks = score_of(musicxml([attributes() + slurred + last, tied])).markings
    assert marks["slur_start"].tolist() == [True, False, False, False, False]
    assert marks["slurred"].tolist() == [True, False, True, False, False]
    assert marks["slur_end"].tolist() == [False, False, False, True, False]
    assert marks["staccato"].tolist() == marks["marcato"].tolist() == [False, False, False, True, False]
    assert marks["fermata"].tolist() == marks["ornament"].tolist() == [False, False, False, False, True]
    assert not marks["accent"].any()


def test_repeated_notes_keep_their_slurs(score_of):
    slurred = note("C", 4, notations='<slur type="start"/>') + note("D", 4, notations='<slur type="stop"/>')
    score = score_of(musicxml([attributes(2) + slurred + barline('<repeat direction="backward"/>')]))
    assert score.markings["slurred"].tolist() == [True, False, True, False]


def test_compressed_musicxml(tmp_path):
    path = tmp_path / "score.mxl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/container.xml", '<container><rootfiles><rootfile full-path="a.xml"/></rootfiles></container>')
        archive.writestr("a.xml", musicxml([attributes(1) + note("C", 4)]))
    assert places(read_score(path)) == [(0, 1, 60)]


@pytest.mark.parametrize(("text", "name"), [(MEI, "score.mei"), (HUMDRUM, "score.krn")])
def test_mei_and_humdrum(score_of, text, name):
    score = score_of(text, name=name)
    assert places(score)[:2] == [(0, 1, 60), (1, 1, 62)]
    assert score.time_signatures.tolist() == [(0, 2, 4)]
    assert score.has_markings


def test_mei_has_its_ornaments_and_arpeggio_signs(score_of):
    chord = '<chord xml:id="x" dur="4" dur.ppq="4"><note xml:id="c" oct="4" pname="e"/><note xml:id="d" oct="4" pname="g"/></chord>'
    signs = '<trill startid="#a" tstamp="1"/><mordent startid="#b" form="upper"/><arpeg plist="#x" order="down"/>'
    signs += '<turn startid="#x" form="lower" delayed="true"/><arpeg startid="#b" order="nonarp"/>'
    text = MEI.replace("</layer>", chord + "</layer>").replace("</measure>", signs + "</measure>").replace('count="2"', 'count="3"')
    marks = score_of(text, name="score.mei").markings
    kinds = [ORNAMENTS[kind - 1] if kind else "" for kind in marks["ornament_kind"].tolist()]
    assert kinds == ["trill", "inverted-mordent", "", "delayed-inverted-turn"]
    assert marks["ornament"].tolist() == [True, True, False, True]
    assert marks["arpeggio"].tolist() == [0, 0, -1, -1]


def write_midi(path, notes, kept=(), tempos=(), division=480):
    events = []
    for onset, duration, pitch, velocity in notes:
        events += [Event(onset, note_on(0, pitch, velocity)), Event(onset + duration, note_off(0, pitch))]
    timeline = MidiTimeline(tracks=(Track(tuple(kept)),), division=division, tempos=tempos)
    write_midi_file(path, events, timeline)


def test_a_midi_score_keeps_velocities_gate_lengths_metre_and_tempo(tmp_path):
    tempo = KeptEvent(0, 0, b"\xff\x51\x03" + (1_000_000).to_bytes(3, "big"))
    metre = [KeptEvent(0, 0, b"\xff\x58\x04\x01\x02\x18\x08"), KeptEvent(480, 0, b"\xff\x58\x04\x03\x02\x18\x08")]
    second = 1_000_000_000
    notes = [(0, second // 2, 60, 49), (second, 3 * second, 64, 80), (4 * second, second, 67, 33)]
    path = tmp_path / "score.mid"
    write_midi(path, notes, [tempo, *metre], ((0, 1_000_000),))
    score = read_score(path)
    assert places(score) == [(0, 0.5, 60), (1, 3, 64), (4, 1, 67)]
    assert score.notes["velocity"].tolist() == [49, 80, 33]
    assert score.tempos.tolist() == [(0, 60)]
    assert score.time_signatures.tolist() == [(0, 1, 4), (1, 3, 4)]
    assert score.measures.tolist() == [(0, 1, 1), (1, 3, 2), (4, 3, 3)]
    assert not score.has_markings and not score.markings.view(np.uint8).any()


def test_voices_that_meet_on_a_key_are_notes_as_long_as_the_key_is_held(tmp_path):
    """A notation program writes on, off and on again at one tick."""
    path = tmp_path / "score.mid"
    file = mido.MidiFile(ticks_per_beat=480)
    messages = [("note_on", 60, 0), ("note_off", 60, 0), ("note_on", 60, 0), ("note_on", 67, 0), ("note_off", 67, 0), ("note_off", 60, 240)]
    file.tracks.append(mido.MidiTrack(mido.Message(kind, note=pitch, velocity=64, time=time) for kind, pitch, time in messages))
    file.save(path)
    assert places(read_score(path)) == [(0, 0.5, 60), (0, 0.5, 60), (0, 0, 67)]  # what is alone stays as it is


@pytest.mark.parametrize("division", [0xE728, 0xE701, 0xE819, 0xE350])  # 25 frames of 40 ticks and of 1, 24 of 25, 29.97 of 80
def test_a_midi_file_in_smpte_time_is_read_at_120_quarters_a_minute(tmp_path, capsys, division):
    write_midi(tmp_path / "score.mid", [(0, 10**9, 60, 64), (2 * 10**9, 10**9, 62, 64)], division=division)
    score = read_score(tmp_path / "score.mid")
    onsets = score.notes["onset_quarter"] * 60 / score.tempos["quarters_per_minute"][0]
    assert onsets == pytest.approx([0, 2], abs=0.02) and score.tempos["quarters_per_minute"] == pytest.approx(120, abs=0.2)
    assert "in seconds, not in beats" in capsys.readouterr().err


UNPITCHED = "<note><unpitched><display-step>C</display-step><display-octave>5</display-octave></unpitched><duration>4</duration></note>"


def test_unpitched_notes_stand_beside_the_others(score_of):
    score = score_of(musicxml([attributes(2) + UNPITCHED + note("C", 4)]))
    assert places(score) == [(1, 1, 60)]
    assert score.percussion[["onset_quarter", "duration_quarter", "key", "part"]].tolist() == [(0, 1, 38, 0)]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (musicxml([attributes(1) + "<note><rest/><duration>4</duration></note>"]), "score.xml", "it has no notes"),
        ("<score-partwise><part", "score.xml", "damaged or of another format"),
        ("<html/>", "score.musicxml", "damaged or of another format"),
        ("", "score.xml", "it is empty"),
        ("nothing", "score.mei", "damaged or of another format"),
        ("nothing", "score.krn", "damaged or of another format"),
        ("nothing", "score.mid", "MThd"),
        ("nothing", "score.mxl", "not a compressed MusicXML file"),
        ("nothing", "score.pdf", "allowed: .xml, .musicxml"),
    ],
)
def test_what_is_no_score_is_refused_in_one_line(score_of, text, name, message):
    with pytest.raises(PerfLiveError, match=message) as caught:
        score_of(text, name=name)
    assert "\n" not in str(caught.value) and name in str(caught.value)


def test_missing_files_folders_and_huge_files_are_refused(tmp_path, monkeypatch):
    with pytest.raises(PerfLiveError, match="No such file"):
        read_score(tmp_path / "none.musicxml")
    (tmp_path / "folder.xml").mkdir()
    with pytest.raises(PerfLiveError, match="folder.xml"):
        read_score(tmp_path / "folder.xml")
    (tmp_path / "big.xml").write_text(musicxml([attributes(1) + note("C", 4)]))
    monkeypatch.setattr(score_file, "LARGEST_BYTES", 100)
    with pytest.raises(PerfLiveError, match="may have at most"):
        read_score(tmp_path / "big.xml")


def test_partitura_is_imported_in_one_place():
    importing = {
        path.relative_to(ROOT).as_posix()
        for folder in ("engine", "models", "training", "export")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"^\s*(import|from) partitura\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert importing == {"engine/base/partitura_loader.py"}


OFFLINE = """
import sys

def audit(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        print("connection:", event, arguments)

sys.addaudithook(audit)
from pathlib import Path
from engine.base.partitura_loader import load_partitura, load_partitura_readers
from engine.score.files import read_score
from engine.score.notation.partitura_reading.asking import Request

read_score(sys.argv[1])
assert "partitura" not in sys.modules
"""
WHOLE = """
load_partitura()
import fluidsynth
assert fluidsynth.Synth
"""
READERS = """
load_partitura_readers()
from engine.score.notation.partitura_reading.scores import read
assert len(read(Request("musicxml", Path(sys.argv[1]).read_bytes(), "play")).score().notes) == 1
assert not {"pandas", "scipy.stats"} & set(sys.modules)
"""


@pytest.mark.parametrize("then", [WHOLE, READERS])
def test_partitura_opens_no_connection_and_leaves_fluidsynth_alone(tmp_path, then):
    pytest.importorskip("fluidsynth")
    path = tmp_path / "score.xml"
    path.write_text(musicxml([attributes(1) + note("C", 4)]))
    environment = {name: value for name, value in os.environ.items() if name != "CI"}  # with which pyfluidsynth prints what it finds
    call = [sys.executable, "-c", OFFLINE + then, str(path)]
    ended = subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
