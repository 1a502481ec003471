"""MEI says the same music in many ways: each is read as it sounds. Expected notes are worked out by hand from the MEI guidelines (v5)."""

from pathlib import Path

import pytest

from engine.base.errors import PerfLiveError
from engine.score.files import read_score

STAFF = '<staffDef n="1" lines="5" clef.shape="G" clef.line="2"/>'
DEFINITION = f'<scoreDef meter.count="4" meter.unit="4"><staffGrp>{STAFF}</staffGrp></scoreDef>'
HEADER = "<meiHead><fileDesc><titleStmt><title/></titleStmt><pubStmt/></fileDesc>{}</meiHead>"


def bar(layer: str, attributes: str = "", staff: str = "1") -> str:
    return f'<measure {attributes}><staff n="{staff}"><layer>{layer}</layer></staff></measure>'


def whole(pname: str, attributes: str = "") -> str:
    return bar(f'<note pname="{pname}" oct="5" dur="1"/>', attributes)


def score(measures: str) -> str:
    return f"<score>{DEFINITION}<section>{measures}</section></score>"


def document(score: str, header: str = "") -> str:
    inside = f"{HEADER.format(header)}<music><body><mdiv>{score}</mdiv></body></music>"
    return f'<mei xmlns="http://www.music-encoding.org/ns/mei" meiversion="5.0">{inside}</mei>'


def notes(folder: Path, text: str) -> list[tuple[float, int]]:
    (folder / "score.mei").write_text(text, encoding="utf-8")
    read = read_score(folder / "score.mei").notes
    return sorted((round(onset, 3), pitch) for onset, pitch in read[["onset_quarter", "pitch"]].tolist())


def pitches(folder: Path, measures: str) -> list[int]:
    return [pitch for _, pitch in notes(folder, document(score(measures)))]


FIRST, SECOND, THIRD = whole("c"), whole("d"), whole("e")  # 72, 74, 76
REST = "<mRest/>"
ENDS = 'right="rptend"'


@pytest.mark.parametrize(
    ("measures", "sounding"),
    [
        (whole("c", ENDS) + SECOND + whole("e", ENDS), [72, 72, 74, 76, 74, 76]),
        (FIRST + whole("d", 'left="rptstart" right="rptend"') + THIRD, [72, 74, 74, 76]),
        (whole("c", 'right="rptboth"') + "</section><section>" + whole("d", ENDS), [72, 72, 74, 74]),
        (f'{FIRST}<ending n="1-2">{whole("d", ENDS)}</ending><ending n="3">{THIRD}</ending>', [72, 74, 72, 74, 72, 76]),
        (f"{FIRST}<ending>{whole('d', ENDS)}</ending><ending>{THIRD}</ending>", [72, 74, 72, 76]),
    ],
)
def test_repeat_signs_and_voltas_are_played(tmp_path: Path, measures: str, sounding: list[int]) -> None:
    assert pitches(tmp_path, measures) == sounding


def said(pname: str, *words: str, attributes: str = "") -> str:
    dirs = "".join(f'<dir staff="1" tstamp="4">{text}</dir>' for text in words)
    return whole(pname, attributes).replace("</measure>", f"{dirs}</measure>")


@pytest.mark.parametrize(
    ("measures", "sounding"),
    [
        (said("c", attributes=ENDS) + said("d", "Fine") + said("e", "D.C. al Fine"), [72, 72, 74, 76, 72, 74]),
        (FIRST + said("d", "segno") + said("e", "Fine") + said("f", "D.S. al Fine"), [72, 74, 76, 77, 74, 76]),
        (said("c", "To Coda") + said("d", "Da capo al Coda") + said("e", "Coda"), [72, 74, 72, 76]),
        (
            f'{FIRST}<ending n="1">{whole("d", ENDS)}</ending><ending n="2">{THIRD}</ending>{said("f", "D.C.")}',
            [72, 74, 72, 76, 77, 72, 76, 77],
        ),
        (FIRST + said("d", "D.C.") + THIRD, [72, 74, 76]),
        (FIRST + said("d").replace("</measure>", '<repeatMark func="daCapo" tstamp="4"/></measure>'), [72, 74, 72, 74]),
    ],
)
def test_jumps_in_words_and_signs_are_played_without_repeats(tmp_path: Path, measures: str, sounding: list[int]) -> None:
    assert pitches(tmp_path, measures) == sounding


def test_an_expansion_list_says_what_is_played(tmp_path: Path) -> None:
    listed = f'<expansion plist="#b #a #b"/><section xml:id="a">{FIRST}</section><section xml:id="b">{SECOND}</section>'
    assert pitches(tmp_path, listed) == [74, 72, 74]


@pytest.mark.parametrize(
    "layer",
    [
        '<app><lem><note pname="c" oct="5" dur="1"/></lem><rdg><note pname="d" oct="5" dur="1"/></rdg></app>',
        '<app><rdg><note pname="c" oct="5" dur="1"/></rdg><rdg><note pname="d" oct="5" dur="1"/></rdg></app>',
        '<choice><sic><note pname="d" oct="5" dur="1"/></sic><corr><note pname="c" oct="5" dur="1"/></corr></choice>',
        '<subst><del><note pname="d" oct="5" dur="1"/></del><add><note pname="c" oct="5" dur="1"/></add></subst>',
        '<supplied><note pname="c" oct="5" dur="1"/></supplied>',
        '<del><note pname="d" oct="5" dur="4"/></del><unclear><note pname="c" oct="5" dur="1"/></unclear>',
    ],
)
def test_of_what_editors_mark_one_reading_sounds(tmp_path: Path, layer: str) -> None:
    assert notes(tmp_path, document(score(bar(layer)))) == [(0.0, 72)]


def test_an_ossia_is_silent(tmp_path: Path) -> None:
    other = '<oStaff n="1"><layer><note pname="g" oct="5" dur="1"/></layer></oStaff>'
    ossia = f'<measure><ossia><staff n="1"><layer><note pname="c" oct="5" dur="1"/></layer></staff>{other}</ossia></measure>'
    assert pitches(tmp_path, ossia) == [72]


def test_parts_are_one_score(tmp_path: Path) -> None:
    one = f"<part>{STAFF}<section>{FIRST}{bar(REST)}{THIRD}</section></part>"
    rests = bar('<multiRest num="2"/>')
    other = f"<part><scoreDef><staffGrp>{STAFF}</staffGrp></scoreDef><section>{rests}{whole('g')}</section></part>"
    assert notes(tmp_path, document(f"<parts>{one}{other}</parts>")) == [(0.0, 72), (8.0, 76), (8.0, 79)]


@pytest.mark.parametrize("outer", ["music", "body", "mdiv", "score"])
def test_a_document_may_begin_inside(tmp_path: Path, outer: str) -> None:
    text = document(score(FIRST))
    begin, end = text.index(f"<{outer}>"), text.index(f"</{outer}>") + len(outer) + 3
    assert notes(tmp_path, text[begin:end].replace(">", ' xmlns="http://www.music-encoding.org/ns/mei">', 1)) == [(0.0, 72)]


def test_a_definition_may_stand_in_the_section_or_nowhere(tmp_path: Path) -> None:
    for definition in (DEFINITION, ""):
        assert notes(tmp_path, document(f"<score><section>{definition}{FIRST}{SECOND}</section></score>")) == [(0.0, 72), (4.0, 74)]


def test_movements_and_scenes_follow_each_other_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    empty = "<score><scoreDef/><section/></score>"
    nested = f"</mdiv><mdiv><mdiv>{empty}</mdiv><mdiv>{score(SECOND)}</mdiv></mdiv><mdiv>{score(THIRD)}"
    assert notes(tmp_path, document(score(FIRST) + nested)) == [(0.0, 72), (4.0, 74), (8.0, 76)]


def test_incipits_are_read_where_there_is_no_other_music(tmp_path: Path) -> None:
    incipit = f"<workList><work><title/><incip>{score(FIRST)}</incip></work></workList>"
    header = HEADER.format(incipit)
    assert notes(tmp_path, f'<mei xmlns="http://www.music-encoding.org/ns/mei">{header}</mei>') == [(0.0, 72)]
    assert notes(tmp_path, document(score(SECOND), incipit)) == [(0.0, 74)]


def test_a_document_without_notes_has_none(tmp_path: Path) -> None:
    with pytest.raises(PerfLiveError, match="it has no notes; give a score with notes"):
        notes(tmp_path, document(score(bar("<mRest/>"))))


def test_spaces_without_a_duration_share_what_is_left_of_the_bar(tmp_path: Path) -> None:
    layer = '<space/><note pname="c" oct="5" dur="4"/><space/><note pname="d" oct="5" dur="4"/>'
    assert notes(tmp_path, document(score(bar(layer)))) == [(1.0, 72), (3.0, 74)]


def test_a_note_without_a_duration_lasts_what_is_left_of_the_bar(tmp_path: Path) -> None:
    layer = '<note pname="c" oct="5" dur="4" dots="1"/><note pname="d" oct="5"/><note pname="e" oct="5" dur="2"/>'
    assert notes(tmp_path, document(score(bar(layer)))) == [(0.0, 72), (1.5, 74), (2.0, 76)]


def test_spaces_in_a_beam_last_as_long_as_its_notes(tmp_path: Path) -> None:
    beam = '<beam><space/><space/><space/><note pname="c" oct="5" dur="16"/></beam><note pname="d" oct="5" dur="4"/>'
    assert notes(tmp_path, document(score(bar(beam)))) == [(0.75, 72), (1.0, 74)]


def test_cue_notes_are_silent(tmp_path: Path) -> None:
    cued = '<note pname="c" oct="5" dur="4" cue="true"/><note pname="d" oct="5" dur="4"/>'
    silent = '<chord dur="4" cue="true"><note pname="e" oct="5"/></chord>'
    half = '<chord dur="4"><note pname="f" oct="5"/><note pname="g" oct="5" cue="true"/></chord>'
    layers = f'<layer n="1">{cued}{silent}{half}</layer><layer n="2" cue="true"><note pname="a" oct="4" dur="1"/></layer>'
    measure = f'<measure><staff n="1">{layers}</staff></measure>'
    assert notes(tmp_path, document(score(measure))) == [(1.0, 74), (3.0, 77)]


def test_what_is_under_a_tuplet_span_is_a_tuplet_and_a_copy_is_what_it_copies(tmp_path: Path) -> None:
    three = '<note xml:id="a" pname="c" oct="5" dur="4"/><note pname="d" oct="5" dur="4"/><note xml:id="b" pname="e" oct="5" dur="4"/>'
    measure = bar(f'{three}<chord xml:id="c" dur="4"><note pname="g" oct="5"/></chord><chord copyof="#c"/>')
    spanned = measure.replace("</measure>", '<tupletSpan startid="#a" endid="#b" num="3"/></measure>')
    twice = spanned.replace(three, f'<tuplet num="3" numbase="2">{three}</tuplet>')
    for text in (spanned, twice):
        assert notes(tmp_path, document(score(text))) == [(0.0, 72), (0.667, 74), (1.333, 76), (2.0, 79), (3.0, 79)]


DOTTED = '<note pname="c" oct="5" dur="2"><dot/></note><note pname="d" oct="5" dur="4"/>'
THREE_IN_TWO = '<note pname="c" oct="5" dur="4" num="3" numbase="2"/>' * 3
WITHOUT = '<note pname="c"/><chord><note pname="d"/><note pname="e" oct="6"/></chord>'


@pytest.mark.parametrize(
    ("layer", "definition", "expected"),
    [
        (DOTTED, "", [(0.0, 72), (3.0, 74)]),
        (THREE_IN_TWO, "", [(0.0, 72), (0.667, 72), (1.333, 72)]),
        (WITHOUT, 'dur.default="2" oct.default="5"', [(0.0, 72), (2.0, 74), (2.0, 88)]),
        ('<note pname="c" oct="5" dur="1"/>', 'trans.semi="-2" trans.diat="-1"', [(0.0, 70)]),
        ('<note pname="c" oct="5" dur="1"/>', 'trans.diat="-7"', [(0.0, 60)]),
    ],
)
def test_what_attributes_and_dots_say_counts_where_it_stands(
    tmp_path: Path, layer: str, definition: str, expected: list[tuple[float, int]]
) -> None:
    assert notes(tmp_path, document(score(bar(layer))).replace("<scoreDef", f"<scoreDef {definition}")) == expected


def test_performed_durations_in_ticks_are_not_note_values(tmp_path: Path) -> None:
    quarters = "".join(f'<note xml:id="n{step}" pname="{step}" oct="5" dur="4" dur.ges="8{{}}"/>' for step in "cde")
    span = '<tupletSpan startid="#nc" endid="#ne" num="3" numbase="2"/>'
    text = document(score(bar(quarters).replace("</measure>", f"{span}</measure>")))
    for ticks in (text.replace("{}", "p"), text.replace("{}", "").replace('meiversion="5.0"', 'meiversion="2012"')):
        assert notes(tmp_path, ticks) == [(0.0, 72), (0.667, 74), (1.333, 76)]


def test_names_may_have_a_prefix(tmp_path: Path) -> None:
    text = document(score(FIRST)).replace("</", "</mei:").replace("<mei xmlns=", "<mei:mei xmlns:mei=")
    for name in ("meiHead", "fileDesc", "titleStmt", "title", "pubStmt", "music", "body", "mdiv", "score"):
        text = text.replace(f"<{name}>", f"<mei:{name}>").replace(f"<{name}/>", f"<mei:{name}/>")
    for name in ("scoreDef", "staffGrp", "staffDef", "section", "measure", "staff ", "layer", "note"):
        text = text.replace(f"<{name}", f"<mei:{name}")
    assert notes(tmp_path, text) == [(0.0, 72)]


def test_ties_and_octave_lines_may_say_when_they_begin_and_end(tmp_path: Path) -> None:
    tie = '<tie staff="1" tstamp="4" tstamp2="1m+1"/>'
    line = '<octave staff="1" dis="8" dis.place="above" tstamp="1" tstamp2="0m+2"/>'
    quarters = "".join(f'<note pname="{name}" oct="5" dur="4"/>' for name in "cdef")
    first = bar(quarters).replace("</measure>", f"{line}{tie}</measure>")
    assert notes(tmp_path, document(score(first + whole("f")))) == [(0.0, 84), (1.0, 86), (2.0, 76), (3.0, 77)]
