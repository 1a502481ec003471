"""The bundled music is what its script writes, flat in velocity and right in its notes."""

from pathlib import Path

import mido
import pytest
import synthetic_score_performer

from engine import examples
from engine.examples import write_examples
from engine.performers.registry import load_performer
from engine.performers.setup import Setup
from engine.score.piece import read_piece
from engine.session import render_score
from engine.systems.score_performer import StyleRequest

FOLDER = Path(examples.__file__).parent
NAMES = ("bach_prelude_in_c.mid", "beethoven_fuer_elise_theme.mid", "satie_gymnopedie_1_opening.mid")


def pitches(name: str) -> list[int]:
    return [message.note for message in mido.MidiFile(FOLDER / name) if message.type == "note_on"]


def test_files_are_what_the_script_writes(tmp_path: Path) -> None:
    write_examples.main(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((*NAMES, *SCORES))
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FOLDER / path.name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_flat_and_every_key_goes_up_before_it_comes_down_again(name: str) -> None:
    down: set[int] = set()
    for message in mido.MidiFile(FOLDER / name):
        if message.type == "note_on":
            assert message.velocity == write_examples.VELOCITY
            assert message.note not in down
            down.add(message.note)
        elif message.type == "note_off":
            down.remove(message.note)
    assert not down


def test_prelude_has_its_35_bars() -> None:
    notes = pitches("bach_prelude_in_c.mid")
    assert len(notes) == 32 * 16 + 2 * 16 + 5
    assert notes[:8] == [60, 64, 67, 72, 76, 67, 72, 76]
    assert sorted(notes[-5:]) == [36, 48, 64, 67, 72]


@pytest.mark.parametrize(("name", "pitch"), [("C4", 60), ("F#2", 42), ("Bb3", 58), ("C5", 72), ("Ab2", 44), ("A4", 69)])
def test_pitch_names(name: str, pitch: int) -> None:
    assert write_examples.pitch_of(name) == pitch


SCORES = {  # of the first part, by hand: its first eight pitches, with their onsets in quarters, its last pitch, and how long the piece is
    "brahms_lullaby.musicxml": ([67, 67, 70, 67, 67, 70, 67, 70], [0, 0.5, 1, 2.5, 3, 4, 6, 6.5], 63, 48),
    "haydn_hymn_quartet.musicxml": ([67, 69, 71, 69, 72, 71, 69, 66], [0, 1.5, 2, 3, 4, 5, 6, 6.5], 67, 48),
    "strauss_danube_waltz.musicxml": ([62, 62, 66, 69, 69, 81, 81, 78], [0, 1, 2, 3, 4, 6, 7, 9], 62, 96),
}
PARTS = {
    "brahms_lullaby.musicxml": [("Voice", 52), ("Piano", None)],
    "haydn_hymn_quartet.musicxml": [("Violin I", 40), ("Violin II", 40), ("Viola", 41), ("Violoncello", 42)],
    "strauss_danube_waltz.musicxml": [("Piano", None)],
}


@pytest.mark.parametrize("name", SCORES)
def test_scores_for_several_players_are_read_as_they_are_written(name: str) -> None:
    pitches, onsets, last, quarters = SCORES[name]
    piece = read_piece(FOLDER / name)
    first = piece.score.notes[(piece.score.notes["part"] == 0) & (piece.score.notes["staff"] <= 1)]
    assert (first["pitch"][:8].tolist(), first["onset_quarter"][:8].tolist()) == (pitches, onsets)
    assert (first["pitch"][-1], piece.score.end_quarter) == (last, quarters)
    assert [name for name in piece.timeline.track_names if name] == [name for name, _ in PARTS[name]]


def test_the_four_parts_of_the_quartet_end_on_g_and_the_song_has_its_words() -> None:
    score = read_piece(FOLDER / "haydn_hymn_quartet.musicxml").score
    assert score.notes["pitch"][score.notes["onset_quarter"] == 46].tolist() == [43, 50, 59, 67]
    assert score.notes["pitch"][score.notes["onset_quarter"] == 0].tolist() == [55, 59, 62, 67]
    words = [text.text for text in read_piece(FOLDER / "brahms_lullaby.musicxml").score.annotations if text.kind == "lyric"]
    assert [word.strip() for word in words[:6]] == ["Gu", "ten", "A", "bend,", "gut'", "Nacht,"]


@pytest.mark.parametrize("name", SCORES)
def test_scores_for_several_players_are_performed_as_ensembles(name: str, tmp_path: Path) -> None:
    """The file is read by mido, which is no part of the engine."""
    performer = load_performer("score-performer", synthetic_score_performer.write_models(tmp_path))
    render_score(Setup(performer, request=StyleRequest()), FOLDER / name, [tmp_path / "performed.mid"])
    tracks = [track for track in mido.MidiFile(tmp_path / "performed.mid").tracks if any(each.type == "note_on" for each in track)]
    assert [track.name for track in tracks] == [name for name, _ in PARTS[name]]
    alone = len(tracks) == 1
    for number, (track, (_, program)) in enumerate(zip(tracks, PARTS[name], strict=True)):
        assert [each.program for each in track if each.type == "program_change"] == ([] if alone else [program or 0])
        assert {each.channel for each in track if hasattr(each, "channel")} == {number}
        moved = {each.control for each in track if each.type == "control_change"}
        assert moved == ({64} if program is None else {11})
