"""The bundled music is what its script writes, flat in velocity and right in its notes."""

from pathlib import Path

import mido
import pytest

from engine import examples
from engine.examples import write_examples

FOLDER = Path(examples.__file__).parent
NAMES = ("bach_prelude_in_c.mid", "beethoven_fuer_elise_theme.mid", "satie_gymnopedie_1_opening.mid")


def pitches(name: str) -> list[int]:
    return [message.note for message in mido.MidiFile(FOLDER / name) if message.type == "note_on"]


def test_files_are_what_the_script_writes(tmp_path: Path) -> None:
    write_examples.main(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)
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
