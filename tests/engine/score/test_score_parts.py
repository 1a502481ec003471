"""Names, programs and channels of a score's parts, as each format tells them."""

from pathlib import Path

from score_fixtures import attributes, musicxml, note

from engine.midi.events import Event, note_off, note_on, program_change
from engine.midi.file import MidiTimeline, Track, write_midi_file
from engine.score.notation.part_lists import read_parts
from engine.score.parts import CHANNELS, Part, spread_channels
from engine.score.piece import NonNoteEvent, read_piece
from engine.score.track_texts import TRACK_NAME, meta

SCORES = Path(__file__).parents[2] / "data" / "scores"
GROUPS = """<mei xmlns="http://www.music-encoding.org/ns/mei"><meiHead><work><incip><score><scoreDef><staffGrp>
<staffDef n="9" label="Tuba"/></staffGrp></scoreDef></score></incip></work></meiHead>
<music><body><mdiv><score><scoreDef><staffGrp symbol="bracket">
<staffDef n="1" label="Singstimme"/>
<staffGrp symbol="brace"><label>Pianoforte</label><staffDef n="2"/><staffDef n="3"/></staffGrp>
<staffDef n="4"><label>Solo</label><instrDef midi.instrnum="56"/></staffDef></staffGrp></scoreDef></score></mdiv></body>
</music></mei>"""


def parts_of(tmp_path, header, count=1):
    score = musicxml(*[[attributes() + note("C", 16)]] * count)
    begin, end = score.index("<part-list>"), score.index("</part-list>")
    path = tmp_path / "score.musicxml"
    path.write_text(score[:begin] + "<part-list>" + header + score[end:])
    return path


def test_each_part_of_a_musicxml_score_is_a_track_with_its_name_channel_and_program():
    piece = read_piece(SCORES / "unison_two_parts.musicxml")
    assert [track.kept[0].data for track in piece.timeline.tracks] == [meta(TRACK_NAME, b"Flute"), meta(TRACK_NAME, b"Oboe")]
    assert piece.non_note_events == (NonNoteEvent(0.0, program_change(0, 73), 0), NonNoteEvent(0.0, program_change(1, 68), 1))
    assert set(zip(piece.channels.tolist(), piece.tracks.tolist(), strict=True)) == {(0, 0), (1, 1)}


def test_a_score_of_one_piano_has_no_program_change_and_no_name_that_it_does_not_say(tmp_path):
    for name in ("Piano", "", "MusicXML Part"):
        piece = read_piece(parts_of(tmp_path, f'<score-part id="P0"><part-name>{name}</part-name></score-part>'))
        names = [event.data for event in piece.timeline.tracks[0].kept if event.data[1] == TRACK_NAME]
        assert not piece.non_note_events and set(piece.channels.tolist()) == {0}
        assert names == ([meta(TRACK_NAME, b"Piano")] if name == "Piano" else [])


def test_what_the_file_does_not_say_is_told_from_the_instrument_and_channel_10_is_nobody_s(tmp_path):
    instrument = '<score-instrument id="I"><instrument-name>{}</instrument-name><instrument-sound>{}</instrument-sound></score-instrument>'
    midi = '<midi-instrument id="I"><midi-channel>{}</midi-channel><midi-program>{}</midi-program></midi-instrument>'
    contents = (
        "<part-name>Solo</part-name>" + instrument.format("", "strings.viola"),
        "<part-name>Vc.</part-name>" + midi.format(10, 99),
        "<part-name>Oboe\n 1</part-name>" + midi.format(1, 129),
        "<part-name>Own</part-name>" + midi.format(2, 13),
        "<part-name>Too</part-name>" + midi.format(2, 14),
    )
    header = "".join(f'<score-part id="P{number}">{content}</score-part>' for number, content in enumerate(contents))
    parts = read_parts(parts_of(tmp_path, header, len(contents)), len(contents))
    assert [part.name for part in parts] == ["Solo", "Vc.", "Oboe 1", "Own", "Too"]
    assert [part.program for part in parts] == [41, 42, 68, 12, 13]
    assert spread_channels(parts) == (2, 3, 0, 1, 4)


def test_staves_under_one_brace_are_one_instrument(tmp_path):
    (tmp_path / "score.mei").write_text(GROUPS)
    parts = read_parts(tmp_path / "score.mei", 4)
    assert [(part.name, part.program) for part in parts] == [("Singstimme", 52), ("Pianoforte", 0), ("Pianoforte", 0), ("Solo", 56)]
    assert spread_channels(parts) == (0, 1, 1, 2)
    assert [part.name for part in read_parts(tmp_path / "score.mei", 3)] == ["Singstimme", "Pianoforte", "Solo"]  # one part for both staves
    assert read_parts(tmp_path / "score.mei", 6)[4:] == (Part(4), Part(5))  # not described


def test_humdrum_spines_are_parts_from_the_last_to_the_first(tmp_path):
    path = tmp_path / "score.krn"
    lines = ("!! x", "**kern **kern **dynam **kern", "*Ipiano *Ipiano * *Ivioln", '* * * *I"Violino', "4C 4c p 4g", "*- *- *- *-")
    path.write_text("\n".join(lines).replace(" ", "\t"))
    parts = read_parts(path, 3)
    assert [(part.name, part.program) for part in parts] == [("Violino", 40), ("", 0), ("", 0)]
    assert spread_channels(parts) == (0, 1, 1)


def test_more_instruments_than_channels_share_those_of_their_like(tmp_path, capsys):
    parts = [Part(number, "", program) for number, program in enumerate([40] * 10 + [41] * 5 + [68, 69, 57])]
    channels = spread_channels(parts)
    assert set(channels) == set(CHANNELS) and 9 not in channels
    for channel in CHANNELS:
        assert len({part.program for part, own in zip(parts, channels, strict=True) if own == channel}) == 1
    header = "".join(f'<score-part id="P{number}"><part-name>Violin</part-name></score-part>' for number in range(16))
    piece = read_piece(parts_of(tmp_path, header, 16))
    assert len(piece.non_note_events) == 15 and len(piece.timeline.tracks) == 16
    assert capsys.readouterr().err.splitlines() == [
        f"'{tmp_path}/score.musicxml' has 16 instruments: those that are alike share channels, of which there are 15"
    ]


def test_a_large_orchestra_shares_channels_within_its_sections():
    winds, brass, struck = [72, 73, 68, 69, 71, 71, 70, 70], [60, 60, 56, 57, 58], [47, 9, 13, 8]
    sections = [winds, brass, struck, [46], [0], [19], [52] * 4, [40, 40, 41, 42, 43]]
    parts = [Part(number, "", program) for number, program in enumerate(sum(sections, []))]
    section = [number for number, programs in enumerate(sections) for _ in programs]
    channels = spread_channels(parts)
    assert set(channels) == set(CHANNELS)
    for channel in CHANNELS:
        assert len({number for number, own in zip(section, channels, strict=True) if own == channel}) == 1
    alone = [channels[section.index(number)] for number in (3, 4, 5)]  # harp, piano and organ have nobody of their like
    assert [channels.count(channel) for channel in alone] == [1, 1, 1]


def test_what_chooses_a_program_before_a_channel_s_first_note_stands_at_the_beginning(tmp_path):
    late, later, drums = program_change(0, 40), program_change(0, 41), program_change(9, 8)
    events = [Event(10**9, late), Event(10**9, note_on(0, 60, 64)), Event(2 * 10**9, note_off(0, 60)), Event(2 * 10**9, later)]
    events += [Event(10**9, drums), Event(10**9, note_on(9, 36, 64)), Event(2 * 10**9, note_off(9, 36))]
    write_midi_file(tmp_path / "score.mid", events, MidiTimeline([], (Track(),), 0, 480))
    found = [(event.quarter, event.message) for event in read_piece(tmp_path / "score.mid").non_note_events]
    assert found == [(0, late), (0, drums), (2, note_on(9, 36, 64)), (4, later), (4, note_off(9, 36))]
