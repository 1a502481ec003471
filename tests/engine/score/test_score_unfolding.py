"""Repeats that are played by rows of arrays, beside partitura's own copies of parts."""

from pathlib import Path

import pytest
from score_fixtures import attributes, barline, musicxml, note

from engine.base.partitura_loader import load_partitura
from engine.score.notation.partitura_reading.unfolding import part_notes, segments_of, unfolded_notes, unfolded_rest

FOLDER = Path(__file__).parents[2] / "data" / "scores"
SCORES = sorted(path for path in FOLDER.glob("*.musicxml") if b"<repeat" in path.read_bytes() or b"dacapo" in path.read_bytes())
pytestmark = pytest.mark.filterwarnings("ignore")  # partitura warns of what it takes for granted


def both_ways(path, repeats):
    """Return (start, duration, id, pitch, voice) of notes and the ends of parts, as arrays have them and as partitura does."""
    score = load_partitura().score
    ours, theirs = [], []
    parts, others = (load_partitura().load_musicxml(str(path), force_note_ids="keep").parts for _ in range(2))  # jumps are used up
    for part, other in zip(parts, others, strict=True):
        unfolded = score.unfold_part_maximal(other) if repeats == "play" else score.unfold_part_minimal(other)
        rows = [(note.start.t, note.duration_tied, note.id, note.midi_pitch, note.voice) for note in unfolded.notes_tied]
        theirs.append((rows, unfolded.last_point.t, [measure.start.t for measure in unfolded.iter_all(score.Measure)]))
        notes = part_notes(part.notes)
        path_through, segments = segments_of(part, repeats)
        played = unfolded_notes(notes, segments, repeats == "play")
        own = zip(played.starts, played.durations, played.identifiers, notes.pitches[played.rows], notes.voices[played.rows], strict=True)
        rest, end = unfolded_rest(part, path_through, segments)
        ours.append((list(own), end, [measure.start.t for measure in rest.iter_all(score.Measure)]))
    return ours, theirs


@pytest.mark.parametrize("repeats", ["play", "skip"])
@pytest.mark.parametrize("path", SCORES, ids=lambda path: path.stem)
def test_notes_are_those_of_partitura_s_copies(path, repeats):
    ours, theirs = both_ways(path, repeats)
    assert ours == theirs


def test_ties_end_where_a_repeat_goes_back(tmp_path):
    first, last = note("C", 1, tie="start"), note("C", 2, tie="stop")
    inner, both = note("C", 1, tie="stop"), '<tie type="stop"/><tie type="start"/>'
    bars = [
        attributes(2, divisions=1) + note("D", 0) + first + inner.replace('<tie type="stop"/>', both),
        last.replace('<tie type="stop"/>', both) + barline('<repeat direction="backward"/>'),
        last,
    ]
    (tmp_path / "tied.musicxml").write_text(musicxml(bars))
    ours, theirs = both_ways(tmp_path / "tied.musicxml", "play")
    assert ours == theirs
    assert [row[:2] for row in ours[0][0]] == [(0, 0), (0, 4), (4, 0), (4, 4), (8, 2)]
