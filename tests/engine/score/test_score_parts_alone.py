"""Parts that verovio reads alone and that are put together again, notes that partitura looks into, bars that say no length."""

import pytest
from lxml import etree
from score_fixtures import attributes, musicxml, note

from engine.score.files import read_score
from engine.score.notation.mei.joined_parts import joined_parts
from engine.score.notation.musicxml.single_parts import verovio_documents
from engine.score.notation.partitura_reading.quick_elements import Note

SCORE = """<music xmlns="http://www.music-encoding.org/ns/mei"><score><scoreDef><staffGrp>{definitions}</staffGrp></scoreDef><section>
<measure n="1">{first}</measure><measure n="2">{second}</measure></section></score></music>"""
MEI = """<mei xmlns="http://www.music-encoding.org/ns/mei"><music><body><mdiv><score><scoreDef meter.count="3" meter.unit="4"><staffGrp>
<staffDef n="1" lines="5"/></staffGrp></scoreDef><section>{}</section></score></mdiv></body></music></mei>"""
REST = "<note><rest{}/><duration>{}</duration></note>"


def onsets_and_pitches(score):
    return [(onset, pitch) for onset, pitch in score.notes[["onset_quarter", "pitch"]].tolist()]


def one_part(staves, signs=""):
    staff = "".join(f'<staff n="{n}"/>' for n in range(1, staves + 1))
    definitions = "".join(f'<staffDef n="{n}"/>' for n in range(1, staves + 1))
    return etree.fromstring(SCORE.format(definitions=definitions, first=staff + signs, second=staff))


def test_staves_and_signs_of_parts_follow_each_other():
    parts = [one_part(1, '<dynam staff="1"/>'), one_part(2, '<dynam staff="2"/><slur staff="1 2"/>'), one_part(1, '<dir staff="1"/>')]
    joined = joined_parts(parts)
    first, second = joined.iter("{*}measure")
    assert [(etree.QName(child).localname, child.get("n") or child.get("staff")) for child in first] == [
        *(("staff", number) for number in "1234"),
        *(("dynam", "1"), ("dynam", "3"), ("slur", "2 3"), ("dir", "4")),
    ]
    assert [staff.get("n") for staff in second] == ["1", "2", "3", "4"]
    assert [definition.get("n") for definition in joined.iter("{*}staffDef")] == ["1", "2", "3", "4"]


def test_parts_of_unequal_length_are_not_joined():
    short = one_part(1)
    section = short.find(".//{*}section")
    section.remove(section[1])
    with pytest.raises(ValueError, match="shorter"):
        joined_parts([one_part(1), short])


LONG, SHORT = attributes() + note("C", 16), attributes() + note("E", 16)
WITHOUT_METRE = "<attributes><divisions>4</divisions></attributes>" + note("E", 16)
PAUSE = "<attributes><measure-style><multiple-rest>1</multiple-rest></measure-style></attributes>" + REST.format("", 16)


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        (LONG, [SHORT, note("E", 16)], 2),
        (LONG, [SHORT], 1),  # a part that ends before the other
        (LONG, [WITHOUT_METRE, note("E", 16)], 1),  # that has the metre of the other
        (LONG, [SHORT, PAUSE], 1),  # a rest of measures stands for those of the other
        (WITHOUT_METRE, [note("E", 16), note("E", 16)], 1),  # that verovio leaves out
    ],
)
def test_parts_are_read_alone_where_each_says_all_of_itself(first, second, count):
    documents = verovio_documents(etree.fromstring(musicxml([first, note("D", 16)], second).encode()))
    assert len(documents) == count
    assert [len(etree.fromstring(document).findall("part")) for document in documents] == ([1, 1] if count == 2 else [2])


def test_a_sign_of_one_part_does_not_alter_notes_of_the_next(tmp_path):
    flat = note("E", 8).replace("<type>eighth</type>", "<type>half</type><accidental>flat</accidental>")
    text = musicxml([LONG, note("C", 8) + flat], [attributes() + note("E", 16, 3), note("E", 16, 3)])
    (tmp_path / "a.musicxml").write_text(text, encoding="utf-8")
    score = read_score(tmp_path / "a.musicxml")
    assert [pitch for _, pitch in onsets_and_pitches(score) if pitch < 60] == [52, 52]  # E3


def test_a_bar_of_rests_alone_lasts_its_metre(tmp_path):
    note_of = '<measure n="{}"><staff n="1"><layer n="1"><note dur="2" dots="1" pname="c" oct="4"/></layer></staff></measure>'
    pause = '<measure n="2"><staff n="1"><layer n="1"><mRest/></layer></staff></measure>'
    (tmp_path / "a.mei").write_text(MEI.format(note_of.format(1) + pause + note_of.format(3)), encoding="utf-8")
    assert onsets_and_pitches(read_score(tmp_path / "a.mei")) == [(0, 60), (6, 60)]
    rest = REST.format(' measure="yes"', 12)
    parts = [[attributes(3) + note(step, 12), rest, note(step, 12)] for step in "CE"]
    (tmp_path / "a.musicxml").write_text(musicxml(*parts), encoding="utf-8")
    assert onsets_and_pitches(read_score(tmp_path / "a.musicxml")) == [(0, 60), (0, 64), (6, 60), (6, 64)]


def test_notes_answer_as_their_elements_do():
    element = etree.fromstring('<note id="a"><dot/><dot/><a/><a><b/></a><type>half</type></note>')
    quick = Note(element)
    assert quick.get("id") == "a" and quick.tag == "note"
    for path in ("dot", "type", "chord", "a/b", "chord/b", "a/c"):
        assert quick.find(path) is element.find(path) and quick.findall(path) == element.findall(path)
