"""ABC: what the music standard 2.1 says of each sign. Onsets, lengths and pitches are counted by hand."""

import pytest

from engine.base.errors import PerfLiveError
from engine.score.files import read_score
from engine.score.notation.part_lists import read_parts

HEAD = "X:1\nT:Tune\nM:4/4\nL:1/4\nK:C\n"
REPEATS = """<score-partwise version="4.0"><part-list><score-part id="P1"><part-name>Flute</part-name></score-part></part-list>
<part id="P1">{}</part></score-partwise>"""


def read(tmp_path, text):
    path = tmp_path / "tune.abc"
    path.write_text(text)
    return read_score(path)


def onsets_and_pitches(score):
    return [(round(onset, 3), pitch) for onset, pitch in sorted(score.notes[["onset_quarter", "pitch"]].tolist())]


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        (HEAD + "C/ D// E2 F3/2|", [(0, 60), (0.5, 62), (0.75, 64), (2.75, 65)]),
        (HEAD + "C>D E<<F|", [(0, 60), (1.5, 62), (2, 64), (2.25, 65)]),
        (HEAD + "(3CDE (3:2:2F2G G,|c'2|", [(0, 60), (0.667, 62), (1.333, 64), (2, 65), (3.333, 67), (4, 55), (5, 84)]),
        (HEAD.replace("4/4", "6/8") + "(2CD E|", [(0, 60), (1.5, 62), (3, 64)]),
        (HEAD + "[CE]2 [GB]/2 z/ x c|Z2|d4|", [(0, 60), (0, 64), (2, 67), (2, 71), (4, 72), (13, 74)]),
        (HEAD + "^F f F|F2 _B- B|B B|", [(0, 66), (1, 78), (2, 66), (3, 65), (5, 70), (7, 71), (8, 71)]),
        (HEAD + "_B2 z2-|_B4-|B4|B4|", [(0, 70), (4, 70), (12, 71)]),
        (HEAD + "%%propagate-accidentals octave\n^F f F z|", [(0, 66), (1, 77), (2, 66)]),
        (HEAD.replace("K:C", "K:A mix") + "F C G [K:Bb] B|e4|", [(0, 66), (1, 61), (2, 67), (3, 70), (4, 75)]),
        (HEAD.replace("K:C", "K:D =c ^g") + "C F G C|", [(0, 60), (1, 66), (2, 68), (3, 60)]),
        (HEAD.replace("K:C", "K:C treble-8") + "C4|", [(0, 48)]),
        (HEAD.replace("K:C", "K:C transpose=-2") + "C E F z|", [(0, 58), (1, 62), (2, 63)]),
        (HEAD + "C2 E2 & G4|", [(0, 60), (0, 67), (2, 64)]),
        (HEAD + "C D E F-|F4|", [(0, 60), (1, 62), (2, 64), (3, 65)]),
    ],
    ids=[
        "lengths", "broken rhythm", "tuplets", "of two in three", "chords and rests", "accidentals", "ties hold accidentals",
        "of one octave", "keys", "accidentals of keys", "octave clef", "transposition", "layers", "ties",
    ],
)  # fmt: skip
def test_notes_are_where_and_what_they_are_written_as(tmp_path, capfd, text, notes):
    assert onsets_and_pitches(read(tmp_path, text)) == notes
    assert capfd.readouterr().err == ""


def pitches(score):
    return [pitch for _, pitch in onsets_and_pitches(score)]


@pytest.mark.parametrize(
    ("music", "order"),
    [
        ("|:C4|1 D4:|2 E4||F4|", "CDCEF"),
        ("C4:|D4|E4:|F4|", "CCDEDEF"),
        ("|:C4|[1,3 D4:|[2 E4:|F4|", "CDCECDF"),
        ("|::C4::|D4:|E4|", "CCCDDE"),
        ("C4|D4!fine!|E4!D.C.alfine!|", "CDECD"),
    ],
    ids=["voltas", "without a beginning", "lists of voltas", "three times", "da capo"],
)
def test_repeats_are_played(tmp_path, music, order):
    assert pitches(read(tmp_path, HEAD + music)) == [{"C": 60, "D": 62, "E": 64, "F": 65}[letter] for letter in order]


def test_voices_are_parts_with_names_and_tunes_follow_each_other(tmp_path):
    text = (
        HEAD.replace("K:C", 'V:A name="Flute"\nV:B name="Cello" clef=bass\nK:C')
        + "V:A\nc2 d2|e4|\nV:B\nC,4|G,4|\n[V:A] f4|\n\nX:2\nK:G\nF2|\n"
    )
    score = read(tmp_path, text)
    rows = sorted((onset, pitch, part) for onset, pitch, part in score.notes[["onset_quarter", "pitch", "part"]].tolist())
    assert rows == [(0, 48, 1), (0, 72, 0), (2, 74, 0), (4, 55, 1), (4, 76, 0), (8, 77, 0), (12, 66, 0)]
    parts = read_parts(tmp_path / "tune.abc", 2)
    assert [(part.name, part.program) for part in parts] == [("Flute", 73), ("Cello", 42)]


@pytest.mark.parametrize(
    ("field", "quarters"),
    [("3/8=60", 90), ("1/4=80", 80), ('"Andante" 1/2=60', 120), ("120", 120), ("1/4 3/8 1/4 3/8=40", 200), ("C2=30", 60)],
)
def test_tempos_count_their_beat(tmp_path, field, quarters):
    score = read(tmp_path, HEAD.replace("K:C", f"Q:{field}\nK:C") + "C4|D4|")
    assert score.tempos["quarters_per_minute"].tolist() == [quarters]


def test_what_is_written_above_and_below_is_kept(tmp_path):
    score = read(tmp_path, HEAD + '"Am"C "^rit."D !p!E .F|"_a tempo"G4|\nw:do re~mi fa-sol * la\n')
    words = [(word.onset_quarter, word.kind) for word in score.words]
    assert words == [(1, "tempo-change"), (4, "a-tempo")]
    texts = [(text.onset_quarter, text.text, text.kind) for text in score.annotations if text.kind in ("lyric", "chord")]
    assert sorted(texts) == [(0, "Am", "chord"), (0, "do ", "lyric"), (1, "re mi ", "lyric"), (2, "fa", "lyric"), (3, "sol ", "lyric")]
    assert score.markings["velocity"].tolist()[2] < 64


def test_what_is_not_known_is_said_and_the_rest_is_read(tmp_path, capfd):
    assert pitches(read(tmp_path, HEAD + "C4|&&D2\x7fE2|")) == [60, 62, 64]
    assert "line 6: '\\x7f'" in capfd.readouterr().err
    with pytest.raises(PerfLiveError, match="it has no notes"):
        read(tmp_path, "X:1\nK:C\n")


def test_musicxml_repeats_without_a_beginning_begin_after_the_last_one(tmp_path):
    ends = '<barline location="right"><repeat direction="backward"/></barline>'
    measures = "".join(
        f"""<measure number="{number}"><attributes><divisions>1</divisions></attributes><note><pitch><step>{step}</step><octave>4</octave>
</pitch><duration>4</duration><type>whole</type></note>{ends if step in "CE" else ""}</measure>"""
        for number, step in enumerate("CDEF", 1)
    )
    path = tmp_path / "repeats.musicxml"
    path.write_text(REPEATS.format(measures))
    assert pitches(read_score(path)) == [60, 60, 62, 64, 62, 64, 65]
