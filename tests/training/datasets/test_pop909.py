import mido
import pytest

from engine.base.errors import PerfLiveError
from training.datasets.pop909 import read_pop909

SONGS = 16
TRACKS = {"MELODY": (72, 110), "BRIDGE": (67, 100), "PIANO": (48, 80)}


def write_song(path, names=tuple(TRACKS)):
    """A quarter note of each track, and the piano's pedal, at 120 quarters a minute."""
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)]))
    for name in names:
        pitch, velocity = TRACKS[name]
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name), mido.Message("note_on", note=pitch, velocity=velocity)])
        if name == "PIANO":
            track.append(mido.Message("control_change", control=64, value=127, time=240))
        track.append(mido.Message("note_off", note=pitch, time=240 if name == "PIANO" else 480))
        file.tracks.append(track)
    file.save(path)


@pytest.fixture
def root(tmp_path):
    for number in range(1, SONGS + 1):
        write_song(tmp_path / f"{number:03d}.mid")
    return tmp_path


def test_every_tenth_song_is_held_out_and_those_between_are_for_validation(root):
    pieces = {split: sorted({each.piece for each in read_pop909(root, split)}) for split in ("train", "validation", "held_out")}
    assert pieces["held_out"] == ["001", "011"]  # places 0 and 10
    assert pieces["validation"] == ["006", "016"]
    assert len(pieces["train"]) == SONGS - 4


def test_a_song_is_heard_whole_and_as_its_accompaniment_one_of_them_without_its_pedals(root):
    song, accompaniment = list(read_pop909(root, "held_out"))[:2]
    assert song.notes["pitch"].tolist() == [48, 67, 72] and song.notes["velocity"].tolist() == [80, 100, 110]
    assert accompaniment.notes["pitch"].tolist() == [48] and accompaniment.name == "001.mid accompaniment"
    assert accompaniment.notes["duration_sec"].tolist() == [0.5]
    assert (len(song.pedals), len(song.hidden_pedals)) == (0, 1)
    assert accompaniment.pedals.tolist() == [(0.25, 64, 127)] and not len(accompaniment.hidden_pedals)
    assert not any(len(each.pedals) for each in read_pop909(root, "held_out", pedals=False))


def test_another_folder_and_a_file_of_something_else_are_refused(root, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(PerfLiveError, match="not the POP909 data set"):
        list(read_pop909(tmp_path / "empty", "train"))
    write_song(root / "001.mid", ("MELODY", "PIANO"))
    with pytest.raises(PerfLiveError, match="lacks the tracks BRIDGE"):
        list(read_pop909(root, "held_out"))
