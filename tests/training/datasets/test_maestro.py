import csv

import mido
import numpy as np
import pytest

from engine.base.errors import PerfLiveError
from training.datasets.maestro import COLUMNS, TABLE, read_maestro

NOTES = [(60, 40, 0.0, 0.5), (64, 50, 0.25, 1.0), (67, 60, 1.0, 0.25)]  # pitch, velocity, onset and duration in seconds


def write_midi(path, transposed=0):
    """Write NOTES at 480 ticks a quarter, 120 quarters a minute, with the pedal down from 0 s to 2 s."""
    events = [(0.0, mido.Message("control_change", control=64, value=100)), (2.0, mido.Message("control_change", control=64, value=0))]
    for pitch, velocity, onset, duration in NOTES:
        events.append((onset, mido.Message("note_on", note=pitch + transposed, velocity=velocity)))
        events.append((onset + duration, mido.Message("note_off", note=pitch + transposed)))
    events.sort(key=lambda event: event[0])
    track, past = mido.MidiTrack(), 0
    for time_s, message in events:
        track.append(message.copy(time=round(time_s * 960) - past))
        past = round(time_s * 960)
    path.parent.mkdir(parents=True, exist_ok=True)
    mido.MidiFile(tracks=[track]).save(path)


def write_table(root, rows, columns=COLUMNS):
    with (root / TABLE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def row(split, name, composer="Frédéric Chopin", title='Étude, "Op. 10" No. 1'):
    return (composer, title, split, "2018", name, name.replace(".midi", ".wav"), "2.5")


@pytest.fixture
def root(tmp_path):
    write_table(tmp_path, [row("train", "2018/a.midi"), row("validation", "2018/b.midi"), row("train", "2004/c.midi")])
    for number, name in enumerate(("2018/a.midi", "2018/b.midi", "2004/c.midi")):
        write_midi(tmp_path / name, number)
    return tmp_path


def test_a_split_is_read_in_the_order_of_the_table(root):
    performances = list(read_maestro(root, "train"))
    assert [performance.name for performance in performances] == ["2018/a.midi", "2004/c.midi"]
    assert performances[0].piece == 'Frédéric Chopin/Étude, "Op. 10" No. 1'
    assert [performance.name for performance in read_maestro(root, "validation")] == ["2018/b.midi"]
    assert list(read_maestro(root, "test")) == []


def test_notes_and_pedal_are_as_played(root):
    performance = next(read_maestro(root, "train"))
    assert performance.notes["pitch"].tolist() == [60, 64, 67]
    assert performance.notes["velocity"].tolist() == [40, 50, 60]
    assert performance.notes["onset_sec"] == pytest.approx([0.0, 0.25, 1.0])
    assert performance.notes["duration_sec"] == pytest.approx([0.5, 1.0, 0.25])
    assert performance.pedals["value"].tolist() == [100, 0]


def test_the_pedal_lengthens_notes_where_asked(root):
    notes = next(read_maestro(root, "train", sustain_extends_notes=True)).notes
    assert notes["onset_sec"] + notes["duration_sec"] == pytest.approx(np.full(3, 2.0))


def test_a_missing_or_broken_file_is_reported_and_skipped(root, capsys):
    (root / "2018/a.midi").unlink()
    assert [performance.name for performance in read_maestro(root, "train")] == ["2004/c.midi"]
    (report,) = capsys.readouterr().err.splitlines()
    assert report.startswith("skipped: ") and "2018/a.midi" in report


def test_no_readable_file_at_all_is_an_error(root, capsys):
    (root / "2018/b.midi").write_bytes(b"not a MIDI file")
    with pytest.raises(PerfLiveError, match="none of the 1 MIDI files of split 'validation' could be read; unpack them beside maestro"):
        list(read_maestro(root, "validation"))
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_folder_without_the_table_is_refused(tmp_path):
    with pytest.raises(PerfLiveError, match="not a MAESTRO v3 folder, maestro-v3.0.0.csv cannot be read") as caught:
        list(read_maestro(tmp_path, "train"))
    assert "\n" not in str(caught.value)


def test_missing_columns_are_named(tmp_path):
    write_table(tmp_path, [], columns=[column for column in COLUMNS if column not in ("split", "year")])
    with pytest.raises(PerfLiveError, match="lacks the columns split, year; expected canonical_composer, canonical_title, split"):
        list(read_maestro(tmp_path, "train"))


def test_an_empty_table_lacks_all_columns(tmp_path):
    (tmp_path / TABLE).write_text("")
    with pytest.raises(PerfLiveError, match="lacks the columns canonical_composer"):
        list(read_maestro(tmp_path, "train"))
