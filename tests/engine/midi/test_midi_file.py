import random
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.errors import PerfLiveError
from engine.midi import file
from engine.midi.chunks import END, LONGEST_DELTA_TICKS
from engine.midi.events import Event, control_change, note_off, note_on
from engine.midi.file import MidiTimeline, encode_length, encode_midi, read_midi_file, write_midi_file


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "big") + body


def midi(*tracks: bytes, kind: int = 1, division: int = 480) -> bytes:
    """A file with these track bodies, each given an end-of-track."""
    header = b"".join(value.to_bytes(2, "big") for value in (kind, len(tracks), division))
    return chunk(b"MThd", header) + b"".join(chunk(b"MTrk", track + b"\x00\xff\x2f\x00") for track in tracks)


CONDUCTOR = (
    b"\x00\xff\x03\x05caf\xe9!"  # a track name in latin-1
    b"\x00\xff\x58\x04\x03\x02\x18\x08"  # three quarters a bar
    b"\x00\xff\x51\x03\x07\xa1\x20"  # 500,000 us a quarter
    b"\x83\x60\xff\x51\x03\x0f\x42\x40"  # at 480: 1,000,000
    b"\x00\xff\x06\x01A"  # a marker
)
PIANO = (
    b"\x00\xff\x03\x05Piano"
    b"\x00\xc0\x05"
    b"\x00\xff\x01\x02hi"  # between two messages of the same tick
    b"\x00\x90\x3c\x40"
    b"\x83\x60\x90\x3c\x00"  # at 480: a note-off in its other spelling
    b"\x00\x80\x40\x22"
    b"\x81\x70\xb0\x40\x7f"  # at 720
    b"\x00\xf0\x05\x7e\x7f\x09\x01\xf7"
    b"\x00\xf7\x01\xf8"  # an escape
    b"\x00\xe0\x01\x40\x00\xd0\x11\x00\xa0\x3c\x12"
)
FILE = midi(CONDUCTOR, PIANO)


@pytest.fixture
def read(tmp_path):
    def read_bytes(data: bytes) -> MidiTimeline:
        path = tmp_path / "in.mid"
        path.write_bytes(data)
        return read_midi_file(path)

    return read_bytes


def test_messages_come_with_their_times_and_tracks(read):
    assert read(FILE).events == [
        Event(0, b"\xc0\x05", 1),
        Event(0, b"\x90\x3c\x40", 1),
        Event(500_000_000, b"\x90\x3c\x00", 1),
        Event(500_000_000, b"\x80\x40\x22", 1),
        Event(1_000_000_000, b"\xb0\x40\x7f", 1),
        Event(1_000_000_000, b"\xf0\x7e\x7f\x09\x01\xf7", 1),
        Event(1_000_000_000, b"\xe0\x01\x40", 1),
        Event(1_000_000_000, b"\xd0\x11", 1),
        Event(1_000_000_000, b"\xa0\x3c\x12", 1),
    ]


@pytest.mark.parametrize("data", [FILE, midi(PIANO, kind=0), midi(PIANO, division=0xE728), midi(), midi(b"", PIANO, b"")])
def test_a_file_that_is_read_and_written_is_the_same_file(read, data):
    timeline = read(data)
    assert encode_midi(timeline.events, timeline) == data


def test_events_of_one_tick_keep_their_order_across_tracks(read):
    timeline = read(midi(b"\x00\x91\x01\x01\x01\x91\x02\x01", b"\x00\x92\x03\x01\x00\x92\x04\x01\x01\x92\x05\x01"))
    assert [event.message[1] for event in timeline.events] == [1, 3, 4, 2, 5]


def test_running_status_lasts_over_other_events(read):
    timeline = read(midi(b"\x00\x90\x3c\x40\x00\x3e\x41\x00\xff\x01\x00\x00\x40\x42"))
    assert [event.message for event in timeline.events] == [b"\x90\x3c\x40", b"\x90\x3e\x41", b"\x90\x40\x42"]


def test_data_bytes_beyond_seven_bits_are_clipped(read):
    timeline = read(midi(b"\x00\x90\x3c\xff\x00\xf0\x02\xff\xf7"))
    assert [event.message for event in timeline.events] == [b"\x90\x3c\x7f", b"\xf0\x7f\xf7"]


def test_unknown_chunks_and_a_missing_end_of_track_are_taken(read):
    body = b"\x00\x90\x3c\x40\x0a\x80\x3c\x40"
    data = midi()[:10] + b"\x00\x01\x01\xe0" + chunk(b"XFIH", b"what") + chunk(b"MTrk", body)
    assert [event.message for event in read(data).events] == [b"\x90\x3c\x40", b"\x80\x3c\x40"]
    assert read(data).tracks[0].end_tick == 10


def test_moved_events_keep_to_their_track_and_push_its_end_out(read):
    timeline = read(FILE)
    moved = [event._replace(time_ns=event.time_ns + 3_000_000_000) for event in timeline.events]
    again = read(encode_midi(moved, timeline))
    assert again.events == moved
    assert [kept.data for track in again.tracks for kept in track.kept] == [kept.data for track in timeline.tracks for kept in track.kept]
    assert again.tracks[1].end_tick == again.tempo_map.to_tick(4_000_000_000)


port_messages = st.one_of(
    st.builds(note_on, st.integers(0, 15), st.integers(0, 127), st.integers(0, 127)),
    st.builds(note_off, st.integers(0, 15), st.integers(0, 127), st.integers(0, 127)),
    st.builds(control_change, st.integers(0, 15), st.integers(0, 127), st.integers(0, 127)),
    st.builds(lambda data: b"\xf0" + bytes(data) + b"\xf7", st.lists(st.integers(0, 127), max_size=300)),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), port_messages, st.integers(0, 1))))
def test_what_is_written_is_read(tmp_path_factory, notes):
    path = tmp_path_factory.getbasetemp() / "written.mid"
    timeline = MidiTimeline(tracks=MidiTimeline().tracks * 2, kind=1)
    events = [Event(ticks * 250_000, message, track) for ticks, message, track in notes]
    write_midi_file(path, events, timeline)
    assert read_midi_file(path).events == sorted(events, key=lambda event: (event.time_ns, event.track))


def test_a_new_file_is_read_by_others(tmp_path):
    path = tmp_path / "new.mid"
    write_midi_file(path, [Event(0, note_on(0, 60, 64)), Event(250_000_000, b"\xf8"), Event(1_000_000_000, note_off(0, 60, 33))])
    theirs = mido.MidiFile(path)
    assert theirs.length == pytest.approx(1.0)
    assert [message.type for message in theirs] == ["note_on", "note_off", "end_of_track"]  # a clock tick has no place in a file


def test_an_event_of_a_track_that_the_file_has_not_goes_into_the_first(tmp_path):
    path = tmp_path / "new.mid"
    write_midi_file(path, [Event(0, note_on(0, 60, 64), track=5)])
    assert read_midi_file(path).events == [Event(0, note_on(0, 60, 64), track=0)]


def test_a_silence_longer_than_the_format_knows_is_written_in_parts(tmp_path):
    path = tmp_path / "long.mid"
    end_ns = (2 * LONGEST_DELTA_TICKS + 5) * 250_000
    write_midi_file(path, [Event(0, note_on(0, 60, 64)), Event(end_ns, note_off(0, 60))])
    assert read_midi_file(path).events[-1].time_ns == end_ns


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (b"RIFF....WAVEfmt ", "not a MIDI file"),
        (b"MThd\x00\x00", "truncated in its header"),
        (b"RIFF....RMID", "not a MIDI file"),
        (FILE[: len(midi(CONDUCTOR)) + 3], "1 of the 2 tracks"),
        (midi(b"\x00\x3c\x40"), "byte 0x3c where a message should begin"),
        (midi(b"\x00\xf4"), "byte 0xf4 where a message should begin"),
        (midi(b"\xff\xff\xff\xff\x7f\x90\x3c\x40"), "more than four bytes"),
        (midi(b"\x00\xff\x01\x8f\xff\xff\x7f"), "truncated in the middle of an event"),
        (midi(b"\xff\xff\xff\x7f\x90\x3c\x40", division=1), "1553 days"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, data, what):
    path = tmp_path / "bad.mid"
    path.write_bytes(data)
    with pytest.raises(PerfLiveError, match=r"cannot read '.*bad\.mid'") as caught:
        read_midi_file(path)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


CASES = Path(__file__).parents[2] / "data" / "midi"
FOUR_NOTES = [(0, 60), (0.25, 62), (0.5, 64), (0.75, 65)]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("riff_rmid.mid", "wrapped in RIFF"),
        ("header_counts_too_many_tracks.mid", "1 of the 8 tracks"),
        ("track_length_3_too_long.mid", "the length of track 1 is wrong"),
        ("cut_short.mid", "the file is cut short in track 1"),
        ("realtime_byte_in_track.mid", "real-time byte 0xf8 in track 1"),
    ],
)
def test_a_faulty_file_is_read_with_one_line(capsys, name, what):
    events = read_midi_file(CASES / name).events
    struck = [(event.time_ns / 1e9, event.message[1]) for event in events if event.message[0] == 0x90]
    assert struck == (FOUR_NOTES if name != "cut_short.mid" else FOUR_NOTES[:3] + struck[3:])
    said = capsys.readouterr().err
    assert what in said and name in said and said.count("\n") == 1


TWO_NOTES = b"\x00\x90\x3c\x40\x83\x60\x80\x3c\x00\x00\x90\x3e\x40\x83\x60\x80\x3e\x00"
STRUCK = [(0.0, 60), (0.5, 62)]
SLOW = b"\x00\xff\x51\x03\x0f\x42\x40"  # 60 quarters a minute
PLAIN = midi(TWO_NOTES)
WRAPPED = b"RIFF" + (12 + len(PLAIN)).to_bytes(4, "little") + b"RMIDdata" + len(PLAIN).to_bytes(4, "little") + PLAIN
MONTHS_LATER = b"\x00\xff\x51\x03\xff\xff\xff\xff\xff\xff\x7f\x90\x43\x40"


@pytest.mark.parametrize(
    ("data", "struck", "what"),
    [
        (WRAPPED, STRUCK, "wrapped in RIFF"),
        (WRAPPED.replace(len(PLAIN).to_bytes(4, "little") + b"MThd", b"\1\0\0\0MThd"), STRUCK, "wrapped in RIFF"),
        (WRAPPED + b"LIST\4\0\0\0INFO", STRUCK, "wrapped in RIFF"),
        (bytes(128) + PLAIN, STRUCK, "128 bytes stand before its header"),
        (PLAIN[14:], STRUCK, "no header"),
        (PLAIN[:4] + b"\0\1\0\6" + PLAIN[8:], STRUCK, "the length of its header is wrong"),
        (midi(TWO_NOTES, division=0), STRUCK, "time division 0x0000"),
        (midi(TWO_NOTES, division=0xE700), STRUCK, "time division 0xe700"),
        (midi(SLOW + TWO_NOTES, TWO_NOTES, kind=2), [(0.0, 60), (1.0, 62), (2.0, 60), (2.5, 62)], "one after another"),
        (midi(TWO_NOTES + MONTHS_LATER), STRUCK, "days, and what comes after 30 is left out"),
        (PLAIN[:-6], STRUCK, "cut short in track 1"),
        (midi(TWO_NOTES + b"\x00\xf4"), STRUCK, "byte 0xf4 where a message should begin"),
    ],
)
def test_what_is_there_is_read_with_one_line(read, capsys, data, struck, what):
    events = read(data).events
    assert [(event.time_ns / 1e9, event.message[1]) for event in events if event.message[0] == 0x90] == struck
    said = capsys.readouterr().err
    assert what in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "data",
    [
        midi(TWO_NOTES, kind=2),
        PLAIN[:14] + chunk(b"MTrk", TWO_NOTES),  # without an end of track
        midi(TWO_NOTES.replace(b"\x00\x90\x3e", b"\x00\xf0\x02\x7e\x7f\x00\xf7\x02\x01\xf7\x00\x90\x3e")),  # an exclusive in two parts
    ],
)
def test_what_others_write_is_read_without_a_word(read, capsys, data):
    assert [(event.time_ns / 1e9, event.message[1]) for event in read(data).events if event.message[0] == 0x90] == STRUCK
    assert not capsys.readouterr().err


def test_a_file_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(file, "MOST_BYTES", 50)
    (tmp_path / "large.mid").write_bytes(FILE)
    with pytest.raises(PerfLiveError, match="large.mid.*more than"):
        read_midi_file(tmp_path / "large.mid")


def test_a_tempo_of_zero_is_left_out_with_one_line(capsys):
    timeline = read_midi_file(CASES / "tempo0_mid.mid")
    assert timeline.tempos == () and timeline.events[-1].time_ns == 16 * 500_000_000
    assert "a tempo of 0 microseconds a quarter" in capsys.readouterr().err


def test_a_wrong_length_before_another_track_costs_nothing(read, capsys):
    first = chunk(b"MTrk", PIANO + b"\0" + END)
    longer = first[:4] + (len(PIANO + b"\0" + END) + 5).to_bytes(4, "big") + first[8:]
    whole, faulty = midi(PIANO, PIANO), midi(PIANO, PIANO).replace(first, longer, 1)
    assert read(faulty).events == read(whole).events
    assert "the length of track 1 is wrong" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "what"), [("none.mid", "No such file"), (".", "Is a directory")])
def test_what_is_no_file_is_refused_in_one_line(tmp_path, name, what):
    with pytest.raises(PerfLiveError, match=what):
        read_midi_file(tmp_path / name)


def test_random_bytes_give_a_file_or_one_line(tmp_path):
    rng = random.Random(1)
    path = tmp_path / "random.mid"
    outcomes = {"read": 0, "refused": 0}
    for i in range(1500):
        data = bytearray(FILE if i % 2 else midi(rng.randbytes(rng.randrange(60)), rng.randbytes(rng.randrange(60))))
        for _ in range(rng.randrange(4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if i % 5 == 0:
            del data[rng.randrange(len(data)) :]
        path.write_bytes(data if i % 7 else rng.randbytes(rng.randrange(80)))
        try:
            timeline = read_midi_file(path)
            encode_midi(timeline.events, timeline)
            outcomes["read"] += 1
        except PerfLiveError as error:
            assert "\n" not in str(error)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 150


@given(st.integers(0, LONGEST_DELTA_TICKS))
def test_lengths_are_written_as_mido_writes_them(value):
    assert list(encode_length(value)) == mido.midifiles.meta.encode_variable_int(value)


def test_writing_to_a_bad_place_leaves_nothing(tmp_path):
    with pytest.raises(PerfLiveError, match="there is no folder"):
        write_midi_file(tmp_path / "no" / "out.mid", [])
    with pytest.raises(PerfLiveError, match="is a folder"):
        write_midi_file(tmp_path, [])
    assert list(tmp_path.iterdir()) == []
