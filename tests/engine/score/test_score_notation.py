"""What stands for other notes, times or events: swing, metric modulation, tremolos, signs of repetition, drums, words sung."""

from pathlib import Path

import numpy as np
import pytest
from score_fixtures import attributes, direction, musicxml, note

from engine.midi.percussion import key_at, key_of
from engine.score.files import read_score
from engine.score.piece import piece_of, read_piece
from engine.score.realisation.swing import delays
from engine.score.track_texts import COPYRIGHT, LYRIC, MARKER, TEXT, TRACK_NAME

SCORES = Path(__file__).parents[2] / "data" / "scores"
MEI = """<mei xmlns="http://www.music-encoding.org/ns/mei"><meiHead><fileDesc><titleStmt><title>t</title></titleStmt><pubStmt/></fileDesc>
</meiHead><music><body><mdiv><score><scoreDef meter.count="4" meter.unit="4"><staffGrp>
<staffDef n="1" lines="5" clef.shape="{clef}" clef.line="2" label="{label}"/></staffGrp></scoreDef><section>{measures}</section>
</score></mdiv></body></music></mei>"""


@pytest.fixture
def read(tmp_path):
    def written(text, name="score.musicxml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return read_score(tmp_path / name)

    return written


def mei(*layers, clef="G", label="Part", signs=""):
    measures = [f'<measure n="{n}"><staff n="1"><layer n="1">{layer}</layer></staff>{signs}</measure>' for n, layer in enumerate(layers, 1)]
    return MEI.format(clef=clef, label=label, measures="".join(measures))


def notes_of(score):
    return [(round(onset, 3), pitch) for onset, pitch in score.notes[["onset_quarter", "pitch"]].tolist()]


def played(score):
    rows = piece_of(score).played.score.notes[["onset_quarter", "duration_quarter", "pitch"]].tolist()
    return [(round(onset, 4), round(duration, 4), pitch) for onset, duration, pitch in rows]


def strokes(score):
    return [(round(onset, 3), key) for onset, key in score.percussion[["onset_quarter", "key"]].tolist()]


def four(step):
    return "".join(f'<note dur="4" oct="5" pname="{name}"/>' for name in step)


# Swing


def swung(score):
    notes = score.notes
    return (notes["onset_quarter"] + delays(score, notes["onset_quarter"], notes["part"])).round(4).tolist()


def test_eighths_are_swung_by_the_stated_ratio():
    score = read_score(SCORES / "swing.musicxml")
    assert swung(score) == [0, 0.6667, 1, 1.6667, 2, 2.6667, 3, 3.6667]
    assert score.notes["onset_quarter"].tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]  # as the networks read them


@pytest.mark.parametrize(
    ("sign", "onsets"),
    [
        (direction("<words>x</words>", "<sound><swing><first>3</first><second>1</second></swing></sound>"), [0, 0.75, 1, 1.25, 1.5, 1.75]),
        (direction("<words>Medium Swing</words>"), [0, 0.6667, 1, 1.25, 1.5, 1.75]),
        (direction("<words>Swing 16ths</words>"), [0, 0.5, 1, 1.3333, 1.5, 1.8333]),
        (direction("<words>Straight 8ths, no swing</words>"), [0, 0.5, 1, 1.25, 1.5, 1.75]),
        ("", [0, 0.5, 1, 1.25, 1.5, 1.75]),
    ],
)
def test_swing_in_words_and_elements_leaves_pairs_with_shorter_notes_alone(read, sign, onsets):
    text = musicxml([attributes() + sign + note("C", 2) + note("D", 2) + "".join(note(step, 1) for step in "EFGA") + note("C", 8)])
    assert swung(read(text))[:6] == onsets


def test_swing_begins_where_it_stands_and_ends_with_straight(read):
    pairs = note("C", 2) + note("D", 2)
    text = musicxml(
        [attributes() + 4 * pairs, direction("<words>Swing</words>") + 4 * pairs, direction("<words>Straight</words>") + 4 * pairs]
    )
    late = np.array(swung(read(text))) % 1
    assert late[1::2].round(3).tolist() == [0.5] * 4 + [0.667] * 4 + [0.5] * 4


# Tempo


@pytest.mark.parametrize(("old", "new", "tempo"), [("quarter", "half", 240), ("half", "quarter", 60), ("quarter", "quarter-dot", 180)])
def test_an_equation_of_note_values_changes_the_tempo_wherever_it_is_played(read, old, new, tempo):
    units = "".join(f"<beat-unit>{unit.removesuffix('-dot')}</beat-unit>{'<beat-unit-dot/>' * unit.endswith('dot')}" for unit in (old, new))
    mark = direction("<metronome><beat-unit>quarter</beat-unit><per-minute>120</per-minute></metronome>")
    end = '<barline location="right"><repeat direction="backward"/></barline>'
    text = musicxml([attributes() + mark + note("C", 16), direction(f"<metronome>{units}</metronome>") + note("D", 16) + end])
    assert read(text).tempos.tolist() == [(0, 120), (4, tempo), (8, 120), (12, tempo)]


def test_humdrum_without_a_tempo_has_none_and_marks_in_words_are_read(read):
    body = "**kern\n*M4/4\n{}=1\n2c\n2d\n=2\n1e\n==\n*-\n"
    assert read(body.format(""), "a.krn").tempos.tolist() == []
    assert read(body.format("*MM90\n"), "b.krn").tempos.tolist() == [(0, 90)]
    assert read("!!!OMD: Allegro [quarter = 100]\n" + body.format(""), "c.krn").tempos.tolist() == [(0, 100)]


def test_gradual_tempo_words_of_scores_that_verovio_alone_reads(read):
    score = read("**kern\n*M4/4\n=1\n4c\n4d\n!LO:TX:a:t=rit.\n4e\n4f\n=2\n!LO:TX:a:t=a tempo\n1e\n==\n*-\n", "a.krn")
    assert score.markings["tempo_change"].tolist() == [0, 0, -1, -1, 0]
    assert score.markings["tempo_change_position"].tolist() == [0, 0, 0, 0.5, 0]
    assert [(word.onset_quarter, word.text, word.kind) for word in score.words] == [(2, "rit.", "tempo-change"), (4, "a tempo", "a-tempo")]


def test_fermatas_and_arpeggios_of_scores_that_verovio_alone_reads(read):
    score = read("**kern\n*M4/4\n=1\n2c: 2e: 2g:\n2d;\n==\n*-\n", "a.krn")
    assert score.markings["arpeggio"].tolist() == [1, 1, 1, 0] and score.markings["fermata"].tolist() == [False] * 3 + [True]


# Tremolos


@pytest.mark.parametrize(("strokes_", "unit"), [(1, 0.5), (2, 0.25), (3, 0.125)])
def test_the_strokes_of_a_tremolo_are_note_values(read, strokes_, unit):
    sign = f'<ornaments><tremolo type="single">{strokes_}</tremolo></ornaments>'
    tempo = direction("<words>x</words>", '<sound tempo="90"/>')
    quarter = note("C", 4, notations=sign).replace("eighth", "quarter")
    score = read(musicxml([attributes() + tempo + quarter + note("D", 12)]))
    assert notes_of(score) == [(0, 60), (1, 62)]
    assert played(score)[:-1] == [(step * unit, unit, 60) for step in range(round(1 / unit))]


def test_a_tremolo_too_fast_to_be_measured_has_a_speed_of_its_own(read):
    sign = '<ornaments><tremolo type="single">3</tremolo></ornaments>'
    tempo = direction("<words>x</words>", '<sound tempo="240"/>')
    score = read(musicxml([attributes() + tempo + note("C", 16, notations=sign)]))
    assert len(played(score)) == 12  # a second; 32 would be 32 a second


def test_two_chords_of_a_tremolo_are_played_in_turn(read):
    chord = '<chord dur="2"><note oct="4" pname="c"/><note oct="4" pname="e"/></chord>'
    layer = f'<fTrem beams="2">{chord}<note dur="2" oct="5" pname="c"/></fTrem>'
    score = read(mei(layer + '<note dur="2" oct="4" pname="g"/>'), "a.mei")
    assert notes_of(score) == [(0, 60), (0, 64), (1, 72), (2, 67)]
    turns = [[(step / 4, 0.25, 60), (step / 4, 0.25, 64)] if step % 2 == 0 else [(step / 4, 0.25, 72)] for step in range(8)]
    assert played(score) == [*sum(turns, []), (2, 2, 67)]


def test_humdrum_tremolos(read):
    score = read("**kern\n*M4/4\n*tremolo\n=1\n16cLL\n16c\n16c\n16cJJ\n2.d\n==\n*-\n", "a.krn")
    assert notes_of(score) == [(0, 60), (1, 62)]
    assert played(score) == [*((step / 4, 0.25, 60) for step in range(4)), (1, 3, 62)]


# Signs of repetition


@pytest.mark.parametrize(
    ("layers", "pitches"),
    [
        ((four("cdef"), "<mRpt/>", "<mRpt/>"), [72, 74, 76, 77] * 3),
        ((four("cdef"), four("gfed"), "<mRpt2/>", "<mSpace/>"), [72, 74, 76, 77, 79, 77, 76, 74] * 2),
        ((four("cdef"), four("gfed"), '<multiRpt num="2"/>', "<mSpace/>", four("cccc")), [72, 74, 76, 77, 79, 77, 76, 74] * 2 + [72] * 4),
        (('<note dur="4" oct="5" pname="c"/><beatRpt/><note dur="4" oct="5" pname="d"/><beatRpt/>',), [72, 72, 74, 74]),
        (('<note dur="4" oct="5" pname="c"/><note dur="4" oct="5" pname="d"/><halfmRpt/>',), [72, 74, 72, 74]),
        (('<multiRest num="2"/>', four("cdef")), [72, 74, 76, 77]),
    ],
)
def test_signs_of_repetition_are_played(read, layers, pitches):
    score = read(mei(*layers), "a.mei")
    assert [pitch for _, pitch in notes_of(score)] == pitches
    if "Rest" not in layers[0]:
        assert [onset for onset, _ in notes_of(score)] == list(range(len(pitches)))
    assert len(set(score.notes["id"].tolist())) == len(pitches)


# Drums


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Snare Drum", 38), ("Bass Drum", 36), ("Kick", 36), ("Closed Hi-Hat", 42), ("Open Hi-Hat", 46), ("Pedal Hi-hat", 44),
        ("Grosse caisse", 36), ("Becken", 49), ("Ride Cymbal", 51), ("Drums", None), ("Percussion", None), ("Violin", None),
        ("Große Trommel", 36), ("Triangel", 81), ("Tam-tam", 52),
    ],
)  # fmt: skip
def test_keys_of_instruments(name, key):
    assert key_of(name) == key


def test_places_on_the_staff_of_a_drum_kit():
    """The Percussive Arts Society's guide: bass drum in the lowest space, snare in the third, closed hi-hat above, cross on it the rim."""
    assert [key_at(place) for place in (1, 5, 9, 8, 10, -1)] == [36, 38, 42, 51, 49, 44]
    assert key_at(5, "x") == 37


def test_mei_percussion_by_place_name_and_key(read):
    measures = '<note dur="4" loc="1"/><note dur="4" oct="5" pname="c"/><note dur="4" loc="5" head.shape="x"/><note dur="4" loc="9"/>'
    kit = read(mei(measures, clef="perc", label="Drumset"), "kit.mei")
    assert not len(kit.notes) and strokes(kit) == [(0, 36), (1, 38), (2, 37), (3, 42)]
    triangle = read(mei('<note dur="1" loc="4"/>', clef="perc", label="Triangle"), "triangle.mei")
    assert strokes(triangle) == [(0, 81)]


def test_musicxml_instruments_without_keys_go_by_their_names(read):
    names = "<score-instrument id='I0'><instrument-name>{}</instrument-name></score-instrument>"
    header = names.format("Cowbell") + names.format("Guiro").replace("I0", "I1")
    drum = "<note>{}<unpitched/><duration>8</duration><instrument id='I{}'/></note>"
    text = musicxml([attributes() + drum.format("", 0) + drum.format("<chord/>", 1) + drum.format("", 1)])
    score = read(text.replace("</part-name>", f"</part-name>{header}"))
    assert strokes(score) == [(0, 56), (0, 73), (2, 73)]


def test_drums_are_messages_on_channel_10_in_their_own_track():
    piece = read_piece(SCORES / "drum_chord.musicxml")
    sent = [(event.quarter, event.message[0], event.message[1], event.track) for event in piece.non_note_events]
    assert sent[:4] == [(0, 0x99, 36, 1), (0, 0x99, 36, 1), (1, 0x89, 36, 1), (1, 0x89, 36, 1)]
    assert len(sent) == 16 and set(piece.channels.tolist()) == {0}
    assert piece.timeline.tracks[1].kept[0].data == b"\xff\x03\x05Drums"


def test_drums_follow_dynamics_and_accents(read):
    drum = "<note><unpitched/><duration>4</duration>{}</note>"
    accent = "<notations><articulations><accent/></articulations></notations>"
    text = musicxml([attributes() + direction("<dynamics><p/></dynamics>") + drum.format("") + drum.format(accent) + 2 * drum.format("")])
    plain, accented = read(text).percussion["velocity"].tolist()[:2]
    assert plain == 49 and accented == 64  # p, and a level above it


# Texts


def texts(piece, kind):
    events = [(track, event) for track, each in enumerate(piece.timeline.tracks) for event in each.kept]
    return [(track, event.tick / 960, event.data[3:].decode()) for track, event in events if event.data[1] == kind]


def test_syllables_chords_and_marks_stand_where_they_are_played():
    piece = read_piece(SCORES / "lead_sheet.musicxml")
    assert texts(piece, LYRIC) == [(0, 0, "la"), (0, 2, "lo ")]  # a word ends in a space (RP-017)
    assert texts(piece, MARKER) == [(0, 0, "A"), (0, 0, "C")]


def test_verses_follow_repeats_and_belong_to_the_part_that_sings(tmp_path):
    def sung(step, *words):
        lyrics = "".join(f'<lyric number="{n}"><syllabic>single</syllabic><text>{word}</text></lyric>' for n, word in enumerate(words, 1))
        return note(step, 16).replace("</note>", f"{lyrics}</note>")

    end = '<barline location="right"><repeat direction="backward"/></barline>'
    harmony = "<harmony><root><root-step>B</root-step><root-alter>-1</root-alter></root><kind>dominant</kind></harmony>"
    singer = [attributes() + sung("G", "歌", "zwei") + end, sung("A", "fin")]
    text = musicxml([attributes() + harmony + note("C", 16) + end, note("C", 16)], singer)
    head = "<work><work-title>Étude</work-title></work>"
    head += "<identification><creator type='composer'>Ich</creator><rights>(c) ich</rights></identification>"
    (tmp_path / "a.musicxml").write_text(text.replace("<part-list>", head + "<part-list>"), encoding="utf-8")
    piece = read_piece(tmp_path / "a.musicxml")
    assert texts(piece, LYRIC) == [(1, 0, "歌 "), (1, 4, "zwei "), (1, 8, "fin ")]
    assert texts(piece, MARKER) == [(0, 0, "Bb7"), (0, 4, "Bb7")]
    assert (0, 0, "Étude") in [*texts(piece, TRACK_NAME), *texts(piece, TEXT)] and (0, 0, "Ich") in texts(piece, TEXT)
    assert texts(piece, COPYRIGHT) == [(0, 0, "(c) ich")]


def test_humdrum_and_abc_words(read):
    krn = "**kern\t**text\n*M4/4\t*\n=1\t=1\n2c\tGlo-\n2d\t-ri-\n=2\t=2\n1e\t-a\n==\t==\n*-\t*-\n"
    assert [text.text for text in read(krn, "a.krn").annotations if text.kind == "lyric"] == ["Glo", "ri", "a "]
    abc = "X:1\nT:Tune\nM:4/4\nL:1/4\nK:C\nc d e f|\nw: Al-le-lu-ia\n"
    assert [(text.text, text.kind) for text in read(abc, "a.abc").annotations][:3] == [("Tune", "title"), ("Al", "lyric"), ("le", "lyric")]


def test_a_sign_for_percussion_in_the_course_of_a_part_takes_no_note_its_pitch(read):
    clef = "<attributes><clef><sign>percussion</sign><line>2</line></clef></attributes>"
    score = read(musicxml([attributes() + note("C", 16), note("D", 16), clef + note("E", 16), note("F", 16)]))
    assert (score.notes["pitch"].tolist(), len(score.percussion)) == ([60, 62, 64, 65], 0)
