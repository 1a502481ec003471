"""A model that is given is read whole when its performer is loaded: a worker of a cluster then removes its files."""

from pathlib import Path

import pytest

from engine import session
from engine.bench.measuring.takes import piano_take
from engine.midi.file import write_midi_file
from engine.performers.setup import Wanted
from engine.systems import find_system
from models import pretrained


@pytest.mark.parametrize(
    ("performer", "asked"),
    [("velocity", ()), ("drums", ()), ("dexter", ()), ("score-performer", ()), ("score-performer", ("style_from",))],
)
def test_a_performer_that_is_loaded_needs_the_files_of_its_model_no_more(performer, asked, tmp_path):
    take, model = tmp_path / "take.mid", tmp_path / "model"
    write_midi_file(take, piano_take(12, 4))
    model.mkdir()
    for file in Path(pretrained.__file__).parent.iterdir():
        (model / file.name).symlink_to(file)
    setup = Wanted(find_system(performer), model=model, asked=dict.fromkeys(asked, take)).load()
    for file in model.iterdir():
        file.unlink()
    assert session.render_file(setup, take, [tmp_path / "out.mid"]).notes == 12
