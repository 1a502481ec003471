"""What perf-eval measures of a performance is what perf-render writes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from score_playing import marked, melody
from synthetic_dexter import write_models

from engine.base.errors import UsageError
from engine.midi.events import Event, is_note_on, note_off, note_on
from engine.midi.file import read_midi_file
from engine.performers.dexter.performer import load_performer
from engine.score.piece import Piece, read_piece
from engine.score.tables import ORNAMENTS
from engine.session import ScoreOptions, render_score
from training.evaluation.expressiveness.renderers import load_renderer, setup_of, sounding_end_sec
from training.evaluation.velocity import figures

EXAMPLE = Path(figures.__file__).parents[3] / "engine" / "examples" / "satie_gymnopedie_1_opening.mid"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


def written(path: Path) -> dict[tuple[int, int], list[tuple[float, int]]]:
    """Return onsets in seconds and velocities by channel and pitch."""
    found: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for event in read_midi_file(path).events:
        if is_note_on(event.message):
            status, pitch, velocity = event.message
            found.setdefault((status & 0x0F, pitch), []).append((event.time_ns / 1e9, velocity))
    return found


def test_what_is_measured_is_what_is_written(models: Path, tmp_path: Path) -> None:
    piece = read_piece(EXAMPLE)
    performed = load_renderer("dexter", models)(piece, 3, {"expression": 0.8})
    setup = setup_of(load_performer(models, None), 3, {"expression": 0.8})
    render_score(setup, EXAMPLE, [tmp_path / "performed.mid"], ScoreOptions(on_bars=False))
    in_file = written(tmp_path / "performed.mid")
    for row in np.argsort(performed.onset_sec, kind="stable").tolist():
        onset_sec, velocity = in_file[int(piece.channels[row]), int(piece.score.notes["pitch"][row])].pop(0)
        assert onset_sec == pytest.approx(performed.onset_sec[row], abs=1e-3) and velocity == performed.velocity[row]
    assert not any(in_file.values())
    assert (performed.duration_sec > 0).all() and len(performed.pedal.value)


def test_a_printed_note_has_its_ornament_from_beginning_to_end(models: Path) -> None:
    plain, row = melody(4, pitch_of=lambda index: 40 + 3 * index), 7
    trilled = marked(melody(4, pitch_of=lambda index: 40 + 3 * index), "ornament_kind", [row], 1 + ORNAMENTS.index("trill"))
    assert len(trilled.played.score.notes) > len(plain.score.notes)
    render = load_renderer("dexter", models)
    without, with_trill = render(plain, None, {}), render(trilled, None, {})
    assert len(with_trill.onset_sec) == len(plain.score.notes) and np.isfinite(with_trill.duration_sec).all()
    np.testing.assert_allclose(with_trill.onset_sec, without.onset_sec, atol=1e-6)
    np.testing.assert_array_equal(with_trill.velocity, without.velocity)
    others = np.arange(len(plain.score.notes)) != row
    np.testing.assert_allclose(with_trill.duration_sec[others], without.duration_sec[others], atol=1e-6)
    assert with_trill.duration_sec[row] > 0.8 * without.duration_sec[row]


def test_notes_end_where_their_key_is_let_go_or_struck_again() -> None:
    piece: Piece = melody(1, pitch_of=lambda index: 60 if index < 4 else 72)  # four on one key, the first two together
    on, off = note_on(0, 60, 50), note_off(0, 60)
    sent = [Event(0, on), Event(1, on), *[Event(10, off)] * 2, Event(10, on), Event(20, off), Event(30, on), Event(45, off)]
    sent = [event._replace(time_ns=event.time_ns * 1_000_000_000) for event in sent]
    ends = sounding_end_sec(piece, np.array([0.0, 1.0, 10.0, 30.0, np.nan]), sent)
    np.testing.assert_array_equal(ends, [10.0, 10.0, 20.0, 45.0, np.nan])


def test_the_paper_s_sampling_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, model: Any) -> object:
        return object()

    monkeypatch.setattr("training.evaluation.expressiveness.renderers.load_performer", load)
    with pytest.raises(UsageError, match="'score-performer' samples in one way only; leave '-thousand-steps' out"):
        load_renderer("score-performer-thousand-steps", None)
