"""Grooves, drum tracks in MIDI files, a miniature Groove data set, and a drummer whose trees were made up."""

import csv
from pathlib import Path

import numpy as np
from mido import Message, MetaMessage, MidiFile, MidiTrack

from models.drums.representation import STROKE_DTYPE

KICK, SNARE, HAT, OPEN, RIM, BONGO = 36, 38, 42, 46, 37, 60
TICKS = 480
HEADER = ("drummer", "session", "id", "style", "bpm", "time_signature", "midi_filename", "split")


def pattern(bars=4):
    """Return (quarter, key) of a beat with a bongo, which is of no kit."""
    strokes = []
    for bar in range(bars):
        strokes += [(4 * bar + quarter, KICK) for quarter in (0, 1.75, 2)] + [(4 * bar + quarter, SNARE) for quarter in (1, 3)]
        strokes += [(4 * bar + half / 2, OPEN if half == 7 else HAT) for half in range(8)] + [(4 * bar + 3.75, BONGO)]
    return sorted(strokes)


def as_strokes(pairs, tempo=120.0, bar_quarters=4.0):
    """Return (quarter, key) as strokes."""
    strokes = np.zeros(len(pairs), STROKE_DTYPE)
    strokes["quarter"], strokes["key"] = zip(*pairs, strict=True)
    strokes["bar_quarters"], strokes["tempo"] = bar_quarters, tempo
    strokes["bar_quarter"] = np.floor(strokes["quarter"] / bar_quarters) * bar_quarters
    return strokes


def write_song(path, drums=None, channel=9, piano=True, velocity=100, keys=None, bass=()):
    """Write a MIDI file with a drum track, and a piano beside it; return its path. ``keys`` says what the kit has in place of a key,
    ``bass`` where a bass begins notes on channel 2.
    """
    file = MidiFile(type=1, ticks_per_beat=TICKS)
    conductor = MidiTrack([MetaMessage("set_tempo", tempo=500_000), MetaMessage("time_signature", numerator=4, denominator=4)])
    file.tracks += [conductor, _track("Drums", drums or pattern(), channel, velocity, 0.125, keys or {})]
    if piano:
        file.tracks.append(_track("Piano", [(quarter, key) for quarter in range(16) for key in (60, 64)], 0, 80, 0.9, {}))
    if bass:
        file.tracks.append(_track("Bass", [(quarter, 40) for quarter in bass], 1, 90, 0.2, {}))
    file.save(path)
    return Path(path)


def _track(name, notes, channel, velocity, length, keys):
    events = []
    for quarter, key in notes:
        own = {"channel": channel, "note": keys.get(key, key)}
        events.append((round(quarter * TICKS), 1, Message("note_on", velocity=velocity, **own)))
        events.append((round((quarter + length) * TICKS), 0, Message("note_off", **own)))
    track, last = MidiTrack([MetaMessage("track_name", name=name)]), 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - last))
        last = tick
    return track


def notes_of(path, channel=9):
    """Return (seconds, key, velocity) of a channel's notes in a MIDI file."""
    now, found = 0.0, []
    for message in MidiFile(path):
        now += message.time
        if message.type == "note_on" and message.velocity and message.channel == channel:
            found.append((round(now, 6), message.note, message.velocity))
    return found


def write_groove(folder, takes=12):
    """Write takes in the layout of the data set, two of them official test takes without a file; return the folder."""
    rows, random = [], np.random.default_rng(0)
    for number in range(takes):
        split = {0: "validation", 1: "test"}.get(number % 6, "train")
        name = f"drummer{1 + number % 2}/session1/{number}.mid"
        row = (f"drummer{1 + number % 2}", f"drummer{1 + number % 2}/session1", str(number), "funk/fast", "120", "4-4", name, split)
        rows.append(dict(zip(HEADER, row, strict=True)))
        if split == "test":
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        file = MidiFile(ticks_per_beat=TICKS)
        played = [(max(0.0, quarter + 0.02 * random.normal()), key) for quarter, key in pattern(8)]
        file.tracks.append(_track("Drums", played, 9, 80, 0.1, {}))
        for message in file.tracks[0]:
            if message.type == "note_on" and message.velocity:
                message.velocity = int(np.clip(70 + 25 * (message.note == SNARE) + 6 * random.normal(), 1, 127))
        file.save(folder / name)
    with (folder / "info.csv").open("w", newline="") as table:
        writer = csv.DictWriter(table, HEADER)
        writer.writeheader()
        writer.writerows(rows)
    return folder
