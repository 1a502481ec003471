"""A corpus in the layout of (n)ASAP that is written in a moment: four pieces of forty bars, each played by made-up pianists."""

import csv
import json

import numpy as np
import symusic
from score_fixtures import attributes, direction, musicxml, note

STEPS = {0: ("C", 60), 1: ("D", 62), 2: ("E", 64), 3: ("F", 65), 4: ("G", 67), 5: ("A", 69), 6: ("B", 71)}
BARS, TICKS_A_SECOND = 40, 960
TRAIN, VALIDATION = ("Bach/Fugue/one", "Haydn/Sonata/two", "Chopin/Waltz/three"), ("Bach/Prelude/four",)


def write_corpus(folder, pianists=2):
    """Write the corpus into ``folder``, each piece played by so many, and return it."""
    rows = []
    for seed, piece in enumerate((*TRAIN, *VALIDATION)):
        place = folder / piece
        place.mkdir(parents=True)
        notes = _compose(np.random.default_rng(seed))
        (place / "xml_score.musicxml").write_text(_as_musicxml(notes))
        _write_midi(place / "midi_score.mid", [(0.5 * onset, 0.5, pitch, 64) for _, _, onset, pitch in notes], [])
        for pianist in range(pianists):
            performed, pedals = _perform(notes, np.random.default_rng((seed, pianist)))
            _write_midi(place / f"pianist{pianist}.mid", performed, pedals)
            (place / f"pianist{pianist}.match").write_text(_as_match(notes, performed, pedals))
            files = {"midi_performance": f"{piece}/pianist{pianist}.mid", "match_file": f"{piece}/pianist{pianist}.match"}
            rows.append({"folder": piece, "xml_score": f"{piece}/xml_score.musicxml", **files, "robust_note_alignment": "1.0"})
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "splits.json").write_text(json.dumps({"train": TRAIN, "validation": VALIDATION}))
    return folder


def _compose(random):
    """Return (identifier, step, onset in quarters, pitch) of two notes a quarter."""
    notes = []
    for quarter in range(4 * BARS):
        first = int(random.integers(0, 7))
        for step in (first, (first + 2) % 7):
            notes.append((f"n{len(notes)}", STEPS[step][0], quarter, STEPS[step][1]))
    return notes


def _as_musicxml(notes):
    bars = []
    for bar in range(BARS):
        marking = direction(f"<dynamics><{'f' if bar % 8 else 'p'}/></dynamics>") if bar % 4 == 0 else ""
        written = [
            note(step, 1, before="<chord/>" if index % 2 else "", identifier=name)
            for index, (name, step, onset, _) in enumerate(notes)
            if onset // 4 == bar
        ]
        bars.append((attributes(divisions=1) if bar == 0 else "") + marking + "".join(written))
    return musicxml(bars)


def _perform(notes, random):
    """Return (onset in seconds, duration, pitch, velocity) of each note, and (time, controller, value) of the pedal."""
    beat_s = 0.5 * np.exp(0.15 * np.cumsum(random.normal(0, 0.2, 4 * BARS)) / 3)
    times = 1 + np.concatenate([[0], np.cumsum(beat_s)])
    performed = []
    for index, (_, _, onset, pitch) in enumerate(notes):
        start = times[onset] + 0.01 * random.random()
        velocity = int(np.clip(64 + 20 * np.sin(onset / 8) + 8 * random.normal() + 6 * (index % 2), 20, 110))
        performed.append((start, beat_s[onset] * random.uniform(0.5, 0.9), pitch, velocity))
    pedals = [(float(times[quarter]), 64, 127 * (quarter // 2 % 2)) for quarter in range(0, 4 * BARS, 2)]
    return performed, pedals


def _as_match(notes, performed, pedals):
    lines = ["info(matchFileVersion,1.0.0).", "info(midiClockUnits,480).", "info(midiClockRate,500000)."]
    lines.append("scoreprop(timeSignature,4/4,1:1,0,0.0000).")
    for index, ((name, step, onset, pitch), (start, duration, _, velocity)) in enumerate(zip(notes, performed, strict=True)):
        place = f"{onset // 4 + 1}:{onset % 4 + 1},0,1/4,{onset:.4f},{onset + 1:.4f},[v1,staff1]"
        ticks = f"{round(start * TICKS_A_SECOND)},{round((start + duration) * TICKS_A_SECOND)}"
        lines.append(f"snote({name}-1,[{step},n],4,{place})-note(p{index},{pitch},{ticks},{velocity},0,0).")
    lines += [f"sustain({round(time * TICKS_A_SECOND)},{value})." for time, _, value in pedals]
    return "\n".join(lines) + "\n"


def _write_midi(path, notes, pedals):
    score = symusic.Score(480).to("second")
    track = symusic.Track("piano", 0, False, ttype="second")
    for onset_s, duration_s, pitch, velocity in notes:
        track.notes.append(symusic.Note(float(onset_s), float(duration_s), pitch, velocity, ttype="second"))
    for time_s, number, value in pedals:
        track.controls.append(symusic.ControlChange(time_s, number, value, ttype="second"))
    score.tracks.append(track)
    score.to("tick").dump_midi(str(path))
