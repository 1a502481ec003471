"""Training of Performance RNN: what lanes hold, the baselines, and a run from MIDI files to a checkpoint and on from there."""

import csv

import mido
import numpy as np
import pytest
import torch
from stage_work import work

from engine.base.errors import PerfLiveError
from models.performance_rnn.representation import DENSITY_BINS, MAGENTA, NOTE_DTYPE, PREFERRED_VALUES
from training.datasets import maestro
from training.datasets.maestro import COLUMNS, TABLE
from training.performance_rnn.data import (
    LaneSampler,
    PerformanceRNNTrainingConfig,
    SoundingNotes,
    encode_performance,
    inputs_of,
    load_sounding_notes,
)
from training.performance_rnn.figures import count_events
from training.performance_rnn.task import PerformanceRNNTask, load_task, train
from training.performance_rnn.weights import keep

# Lightning's own: advice on workers and on resuming inside an endless pass, and a deprecation between its parts
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:lightning", "ignore::FutureWarning:lightning", "ignore::DeprecationWarning")


def config(**changes):
    settings = {"task": "performance-rnn", "lanes": 4, "events_per_window": 16, "stretch": (1.0,), "transpose_semitones": 0}
    settings["network"] = {"steps_per_second": 100, "embedding": 16, "width": 16, "layers": 2}
    settings |= {"known_share": 0.5, "steps": 60, "learning_rate": 0.02, "warm_up_steps": 5, "weight_decay": 0.0, "average": 0.5}
    return PerformanceRNNTrainingConfig.model_validate(settings | {"validate_every_steps": 30, "seed": 0} | changes)


def scale(notes, first=60):
    """A scale up and down, over and over."""
    table = np.zeros(notes, NOTE_DTYPE)
    table["onset_sec"] = np.arange(notes) * 0.25
    table["duration_sec"] = 0.2
    table["pitch"] = first + np.array([0, 2, 4, 5, 7, 5, 4, 2])[np.arange(notes) % 8]
    table["velocity"] = 64
    return table


def corpus(*tables):
    return SoundingNotes(np.concatenate(tables), np.cumsum([0] + [len(table) for table in tables]))


def batches(sampler, count):
    return [batch for batch, _ in zip(sampler, range(count), strict=False)]


def test_a_lane_reads_performances_window_by_window():
    notes = corpus(scale(40), scale(40, 62), scale(40, 64), scale(3))
    taken = batches(LaneSampler(notes, config(known_share=1.0)), 40)
    assert taken[0]["fresh"].all() and not taken[1]["fresh"].all()
    performances = [encode_performance(MAGENTA, notes.performance(index)) for index in range(3)]
    found = set()
    for lane in range(4):
        for before, batch in zip(taken, taken[1:], strict=False):
            event, target = batch["event"][lane].tolist(), batch["target"][lane].tolist()
            assert event[1:] == target[:-1]
            begins = MAGENTA.first_velocity - 1
            assert event[0] == (begins if batch["fresh"][lane] else before["target"][lane, -1])
            if batch["fresh"][lane]:
                (index,) = [n for n, (events, _, _) in enumerate(performances) if events[:16].tolist() == target]
                found.add(index)
                np.testing.assert_allclose(batch["controls"][lane, :, DENSITY_BINS + 1 : PREFERRED_VALUES - 1], performances[index][2][:16])
    assert found == {0, 1, 2}


def test_augmentation_stretches_and_transposes():
    notes = corpus(scale(80))
    sampler = LaneSampler(notes, config(stretch=(1.0, 2.0), transpose_semitones=2, lanes=32, events_per_window=64, known_share=0.0))
    batch = next(iter(sampler))
    target = batch["target"].numpy()
    lowest = np.where(target < 128, target, 999).min(1)
    assert set(lowest) == {58, 59, 60, 61, 62}
    waits = target[(target >= 256) & (target < 356)] - 255
    assert set(waits) == {5, 20, 10, 40}
    assert not batch["controls"][..., :PREFERRED_VALUES].any() and batch["controls"][..., PREFERRED_VALUES:].any()


def test_what_comes_is_known_in_a_share_of_the_windows():
    taken = batches(LaneSampler(corpus(scale(80)), config(lanes=64, known_share=0.25)), 4)
    flags = torch.cat([batch["controls"][:, 0][:, [DENSITY_BINS, PREFERRED_VALUES - 1]] for batch in taken])
    assert ((flags.mean(0) > 0.15) & (flags.mean(0) < 0.35)).all()
    assert {(0, 0), (0, 1), (1, 0), (1, 1)} == {tuple(map(int, row)) for row in flags.tolist()}


def test_the_baselines_are_frequencies():
    notes = corpus(scale(400))
    baselines = count_events(MAGENTA, notes)
    np.testing.assert_allclose(np.exp(-baselines.unigram).sum(), 1)
    np.testing.assert_allclose(np.exp(-baselines.bigram).sum(1), 1)
    events, _ = MAGENTA.encode(MAGENTA.quantise(notes.notes))
    assert np.exp(-baselines.unigram[MAGENTA.first_shift + 19]) == pytest.approx(400 / (len(events) + 388), rel=0.02)
    assert baselines.bigram[MAGENTA.first_shift + 19, 128 + 67] == pytest.approx(-np.log(50 / 400), rel=0.1)
    assert baselines.bigram[inputs_of(MAGENTA, events), events].mean() < baselines.unigram[events].mean() - 1


def test_the_state_is_carried_from_window_to_window():
    task = PerformanceRNNTask(config())
    task.log = lambda *arguments, **options: None
    first, second = batches(LaneSampler(corpus(scale(200), scale(150)), config()), 2)
    task.training_step(first, 0)
    second["fresh"] = torch.tensor([True, False, False, False])
    task.training_step(second, 1)
    with torch.no_grad():
        state = task.network(first["event"], first["controls"], *task.network.initial_state(4))[1:]
        carried = task.network(second["event"], second["controls"], *state)[1]
        anew = task.network(second["event"], second["controls"], *task.network.initial_state(4))[1]
    torch.testing.assert_close(task.state[0], torch.cat((anew[:, :1], carried[:, 1:]), 1))


def write_corpus(root):
    """A folder in MAESTRO's layout: scales in several keys."""
    rows = []
    for index, split in enumerate(["train"] * 3 + ["validation"] * 2):
        track, past = mido.MidiTrack(), 0
        moments = [
            (time, kind, note["pitch"])
            for note in scale(420, 55 + index % 2)
            for kind, time in (("note_on", note["onset_sec"]), ("note_off", note["onset_sec"] + note["duration_sec"]))
        ]
        for time_s, kind, pitch in sorted(moments):
            track.append(mido.Message(kind, note=int(pitch), velocity=64, time=round(time_s * 960) - past))
            past = round(time_s * 960)
        mido.MidiFile(tracks=[track]).save(root / f"{index}.midi")
        rows.append(("Anon", f"Scale {index}", split, "2018", f"{index}.midi", f"{index}.wav", "105"))
    with (root / TABLE).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def curve(run_folder, name):
    with (run_folder / name / "metrics.csv").open(encoding="utf-8") as file:
        return [float(row["validation_loss"]) for row in csv.DictReader(file) if row["validation_loss"]]


def test_a_run_learns_and_is_taken_up_again(tmp_path, capsys):
    write_corpus(tmp_path)
    run_folder = tmp_path / "runs" / "small"
    train(config(), work(tmp_path, run_folder))
    early, late = curve(run_folder, "curve_from_000000")
    assert late < early
    assert "unigram" in capsys.readouterr().out
    stored = torch.load(run_folder / "last.ckpt", weights_only=True)
    train(config(steps=90), work(tmp_path, run_folder))
    (later,) = curve(run_folder, "curve_from_000060")
    assert later < late
    after = torch.load(run_folder / "last.ckpt", weights_only=True)
    assert [each["optimizer_states"][0]["state"][0]["step"] for each in (stored, after)] == [60, 90]
    assert after["lr_schedulers"][0]["last_epoch"] == 90
    task = load_task(run_folder / "last.ckpt")
    assert task.config.steps == 90 and not task.training


def test_a_run_begins_from_what_another_has_kept(tmp_path, capsys):
    write_corpus(tmp_path)
    train(config(), work(tmp_path, tmp_path / "runs" / "first"))
    (*_, reached) = curve(tmp_path / "runs" / "first", "curve_from_000000")
    kept = tmp_path / "kept.safetensors"
    keep(tmp_path / "runs" / "first" / "last.ckpt", kept)
    changes = {"initial": str(kept), "decay_steps": 1, "learning_rate": 1e-6, "steps": 2}
    for changes["steps"] in (2, 3):
        train(config(**changes), work(tmp_path, tmp_path / "runs" / "second"))
    assert capsys.readouterr().out.count(f"{kept}: nats an event: validation {reached:.3f}") == 1  # taken up again, the run has its own
    for name in ("curve_from_000000", "curve_from_000002"):
        assert curve(tmp_path / "runs" / "second", name) == [pytest.approx(reached, abs=1e-3)]


def test_a_run_goes_on_from_the_checkpoint_of_another(tmp_path):
    write_corpus(tmp_path)
    first, second = tmp_path / "runs" / "first", tmp_path / "runs" / "second"
    train(config(steps=4, validate_every_steps=2), work(tmp_path, first))
    for steps in (7, 9):
        train(config(steps=steps, validate_every_steps=2, initial=str(first / "last.ckpt")), work(tmp_path, second))
    assert {path.name for path in second.iterdir() if path.is_dir()} == {"curve_from_000004", "curve_from_000007"}
    after = torch.load(second / "last.ckpt", weights_only=True)
    assert after["global_step"] == after["optimizer_states"][0]["state"][0]["step"] == 9
    assert torch.load(first / "last.ckpt", weights_only=True)["global_step"] == 4
    with pytest.raises(PerfLiveError, match=r"none.ckpt: not a checkpoint"):
        train(config(initial=str(tmp_path / "none.ckpt")), work(tmp_path, tmp_path / "runs" / "third"))


def test_notes_are_read_back_from_the_cache_until_a_file_is_another(tmp_path, monkeypatch):
    write_corpus(tmp_path)
    read = load_sounding_notes(tmp_path, "train", tmp_path / "cache")
    read_maestro = maestro.read_maestro
    monkeypatch.setattr(maestro, "read_maestro", lambda root, split: [])
    again = load_sounding_notes(tmp_path, "train", tmp_path / "cache")
    assert len(again) == 3 and again.starts.tolist() == [0, 420, 840, 1260]
    for index in range(3):
        np.testing.assert_array_equal(again.performance(index), read.performance(index))
    np.testing.assert_array_equal(again.performance(0)["pitch"], scale(420, 55)["pitch"])
    monkeypatch.setattr(maestro, "read_maestro", read_maestro)
    first = tmp_path / "0.midi"
    first.write_bytes(first.read_bytes().replace(bytes([0x90, 55]), bytes([0x90, 56])).replace(bytes([0x80, 55]), bytes([0x80, 56])))
    changed = load_sounding_notes(tmp_path, "train", tmp_path / "cache")
    assert changed.performance(0)["pitch"][0] == 56
