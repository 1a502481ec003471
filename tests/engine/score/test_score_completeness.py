"""Nothing of a score is dropped without a line: what is written late, early or where nothing looks for it is read or said.

Onsets and pitches are counted by hand from the files.
"""

import pytest

from engine.score.files import read_score

ADDED = """**kern\t**kern
*M4/4\t*M4/4
=1\t=1
4C\t4c
4D\t4d 4f
2E\t2e
=2\t=2
*\t*+
*\t*\t**kern
2C\t2c\t4g
.\t.\t4a
2F\t2f\t2b
==\t==\t==
*-\t*-\t*-
"""
ENDED = """**kern\t**kern
*M3/4\t*M3/4
=1\t=1
4c\t4g
*-\t*
4b
4cc
=2
*^
2.e\t4cc
.\t8dd
.\t8ee
.\t4ff
*v\t*v
==
*-
"""
PARTED = """**kern\t**kern
*M4/4\t*M4/4
=1\t=1
*^\t*
2c\t2e\t2g
*-\t*\t*
2d\t2b
=2\t=2
1cc\t1C
==\t==
*-\t*-
"""
MOVEMENTS = "**kern\n*M4/4\n=1\n1c\n==\n*-\n!! Trio\n**kern\n*M3/4\n=1\n2.d\n=2\n2.e\n==\n*-\n"
NOT_LISTED = """<score-partwise version="4.0"><part-list><score-part id="P1"><part-name>Flute</part-name></score-part></part-list>{}
</score-partwise>""".format(
    "".join(
        f"""<part id="{part}"><measure number="7"><attributes><divisions>1</divisions></attributes>
<note><pitch><step>{step}</step><octave>4</octave></pitch><duration>4</duration><type>whole</type></note>{more}</measure></part>"""
        for part, step, more in (("P1", "C", ""), ("P2", "E", "<note><rest/><duration>4</duration><type>whole</type></note>"))
    )
)
OUTSIDE = """<mei xmlns="http://www.music-encoding.org/ns/mei"><music><body><mdiv><score><scoreDef meter.count="4" meter.unit="4"><staffGrp>
<staffDef n="1" lines="5"/></staffGrp></scoreDef><section><measure n="3"><staff n="1"><note pname="d" oct="5" dur="1"/><note
pname="e" oct="5" dur="1"/><layer n="1">
<note pname="c" oct="5" dur="1"/></layer></staff></measure></section></score></mdiv></body></music></mei>"""


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        (
            ADDED,
            [(0, 48), (0, 60), (1, 50), (1, 62), (1, 65), (2, 52), (2, 64)]
            + [(4, 48), (4, 60), (4, 67), (5, 69), (6, 53), (6, 65), (6, 71)],
        ),
        (ENDED, [(0, 60), (0, 67), (1, 71), (2, 72), (3, 64), (3, 72), (4, 74), (4.5, 76), (5, 77)]),
        (PARTED, [(0, 60), (0, 64), (0, 67), (2, 62), (2, 71), (4, 48), (4, 72)]),
        (MOVEMENTS, [(0, 60), (4, 62), (7, 64)]),
        (
            ADDED.replace("\n", "\r\n"),
            [(0, 48), (0, 60), (1, 50), (1, 62), (1, 65), (2, 52), (2, 64)]
            + [(4, 48), (4, 60), (4, 67), (5, 69), (6, 53), (6, 65), (6, 71)],
        ),
    ],
    ids=["added", "ended", "parted", "movements", "lines of Windows"],
)
def test_humdrum_spines_may_begin_late_and_end_early(tmp_path, capfd, text, notes):
    path = tmp_path / "spines.krn"
    path.write_bytes(text.encode())
    assert sorted(read_score(path).notes[["onset_quarter", "pitch"]].tolist()) == notes
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("movements.krn", MOVEMENTS.replace("**kern\n*M3/4", "**kern\t**dynam\n*M3/4\t*"), "2 notes of spine 1, from measure 1"),
        ("parts.musicxml", NOT_LISTED, "1 note of part P2, from measure 7"),
        ("outside.mei", OUTSIDE, "2 notes of staff 1, from measure 3"),
    ],
    ids=["movements", "parts", "outside"],
)
def test_notes_that_are_not_read_are_said(tmp_path, capfd, name, text, what):
    path = tmp_path / name
    path.write_text(text)
    read_score(path)
    assert capfd.readouterr().err == f"left out of {str(path)!r}: {what}\n"
