"""Write the bundled music: ``python -m engine.examples.write_examples``.

The pieces are in the public domain and are written out here note by note: pitches and lengths from the score, one velocity throughout, no
deviation in time. They are what a notation program or a DAW plays before anybody has performed it. Those for several players, and a waltz,
are scores in MusicXML.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import mido

from engine.examples.ensembles import danube, hymn, lullaby
from engine.examples.musicxml_writer import musicxml

VELOCITY = 64
TICKS_PER_QUARTER = 480
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ALTERATIONS = {"": 0, "#": 1, "b": -1}


class Note(NamedTuple):
    onset_quarters: float
    duration_quarters: float
    pitch: int


class Piece(NamedTuple):
    """Two hands, each a list of notes, and the spans of quarters in which the sustain pedal is down."""

    file_name: str
    title: str
    quarters_per_minute: float
    metre: tuple[int, int]
    key: str
    right: list[Note]
    left: list[Note]
    pedal: list[tuple[float, float]]


def pitch_of(name: str) -> int:
    """Return the MIDI pitch of a name such as ``C4`` (60), ``F#2`` or ``Bb3``."""
    return 12 * (int(name[-1]) + 1) + STEPS[name[0]] + ALTERATIONS[name[1:-1]]


def melody(onset_quarters: float, text: str) -> list[Note]:
    """Read notes one after the other, each ``name:quarters``; ``r`` is a rest and ``+`` joins the notes of a chord."""
    notes = []
    for word in text.split():
        names, _, length = word.partition(":")
        if names != "r":
            notes += [Note(onset_quarters, float(length), pitch_of(name)) for name in names.split("+")]
        onset_quarters += float(length)
    return notes


# Johann Sebastian Bach, The Well-Tempered Clavier I, Prelude in C major, BWV 846. A bar is one chord, broken upwards twice.
PRELUDE_BARS = """
C4 E4 G4 C5 E5 | C4 D4 A4 D5 F5 | B3 D4 G4 D5 F5 | C4 E4 G4 C5 E5 | C4 E4 A4 E5 A5 | C4 D4 F#4 A4 D5 | B3 D4 G4 D5 G5 | B3 C4 E4 G4 C5 |
A3 C4 E4 G4 C5 | D3 A3 D4 F#4 C5 | G3 B3 D4 G4 B4 | G3 Bb3 E4 G4 C#5 | F3 A3 D4 A4 D5 | F3 Ab3 D4 F4 B4 | E3 G3 C4 G4 C5 | E3 F3 A3 C4 F4 |
D3 F3 A3 C4 F4 | G2 D3 G3 B3 F4 | C3 E3 G3 C4 E4 | C3 G3 Bb3 C4 E4 | F2 F3 A3 C4 E4 | F#2 C3 A3 C4 Eb4 | Ab2 F3 B3 C4 D4 | G2 F3 G3 B3 D4 |
G2 E3 G3 C4 E4 | G2 D3 G3 C4 F4 | G2 D3 G3 B3 F4 | G2 Eb3 A3 C4 F#4 | G2 E3 G3 C4 G4 | G2 D3 G3 C4 F4 | G2 D3 G3 B3 F4 | C2 C3 G3 Bb3 E4
"""
PRELUDE_CLOSE = (
    ("C2", "C3", "F3 A3 C4 F4 C4 A3 C4 A3 F3 A3 F3 D3 F3 D3"),
    ("C2", "B2", "G3 B3 D4 F4 D4 B3 D4 B3 G3 B3 D3 F3 E3 D3"),
)


def prelude_in_c() -> Piece:
    right: list[Note] = []
    left: list[Note] = []
    bars = [bar.split() for bar in PRELUDE_BARS.split("|")]
    for number, (bass, tenor, *upper) in enumerate(bars):
        for half in (4.0 * number, 4.0 * number + 2):
            left += melody(half, f"{bass}:2") + melody(half + 0.25, f"{tenor}:1.75")
            right += melody(half + 0.5, " ".join(f"{name}:0.25" for name in upper * 2))
    for number, (bass, tenor, upper_names) in enumerate(PRELUDE_CLOSE, start=len(bars)):
        left += melody(4.0 * number, f"{bass}:4") + melody(4.0 * number + 0.25, f"{tenor}:3.75")
        right += melody(4.0 * number + 0.5, " ".join(f"{name}:0.25" for name in upper_names.split()))
    end = 4.0 * (len(bars) + len(PRELUDE_CLOSE))
    left += melody(end, "C2+C3:4")
    right += melody(end, "E4+G4+C5:4")
    return Piece("bach_prelude_in_c.mid", "Prelude in C major, BWV 846", 69, (4, 4), "C", right, left, [])


# Ludwig van Beethoven, Bagatelle in A minor, WoO 59 (Fuer Elise), the first eight bars, played twice. Lengths in quarters; 3/8.
ELISE_TURN = "E5:0.25 D#5:0.25 E5:0.25 B4:0.25 D5:0.25 C5:0.25"
ELISE_RIGHT = f"""
{ELISE_TURN} A4:0.5 r:0.25 C4:0.25 E4:0.25 A4:0.25 B4:0.5 r:0.25 E4:0.25 G#4:0.25 B4:0.25 C5:0.5 r:0.25 E4:0.25 E5:0.25 D#5:0.25
{ELISE_TURN} A4:0.5 r:0.25 C4:0.25 E4:0.25 A4:0.25 B4:0.5 r:0.25 E4:0.25 C5:0.25 B4:0.25
"""
ELISE_A_MINOR, ELISE_E_MAJOR = "A2:0.25 E3:0.25 A3:0.25 r:0.75", "E2:0.25 E3:0.25 G#3:0.25 r:0.75"
ELISE_LEFT = f"r:1.5 {ELISE_A_MINOR} {ELISE_E_MAJOR} {ELISE_A_MINOR} r:1.5 {ELISE_A_MINOR} {ELISE_E_MAJOR} {ELISE_A_MINOR}"


def elise() -> Piece:
    upbeat = "E5:0.25 D#5:0.25"
    right = melody(1, f"{upbeat} {ELISE_RIGHT} A4:1 {upbeat} {ELISE_RIGHT} A4:1.5")
    left = melody(1.5, f"{ELISE_LEFT} {ELISE_LEFT}")
    arpeggios = (note.onset_quarters for note in left if note.pitch in (pitch_of("A2"), pitch_of("E2")))
    pedal = [(onset + 0.06, onset + 0.9) for onset in arpeggios]
    return Piece("beethoven_fuer_elise_theme.mid", "Bagatelle in A minor, WoO 59: theme", 70, (3, 8), "Am", right, left, pedal)


# Erik Satie, Gymnopedie No. 1, bars 1 to 16: two seventh chords in turn under the melody; bars 9 to 12 hold its F sharp.
GYMNOPEDIE_PHRASE = "r:1 F#5:1 A5:1 G5:1 F#5:1 C#5:1 B4:1 C#5:1 D5:1 A4:3"
GYMNOPEDIE_BARS = (("G2", "B3 D4 F#4"), ("D2", "A3 C#4 F#4"))


def gymnopedie() -> Piece:
    right = melody(12, f"{GYMNOPEDIE_PHRASE} F#4:12 {GYMNOPEDIE_PHRASE}")
    left: list[Note] = []
    pedal = []
    for bar in range(16):
        bass, chord = GYMNOPEDIE_BARS[bar % 2]
        held = {"F#4"} if 8 <= bar < 12 else set()  # the melody has this key down already
        left += melody(3.0 * bar, f"{bass}:3")
        left += melody(3.0 * bar + 1, "+".join(name for name in chord.split() if name not in held) + ":1.5")  # the pedal holds it on
        pedal.append((3.0 * bar + 0.1, 3.0 * bar + 2.9))
    return Piece("satie_gymnopedie_1_opening.mid", "Gymnopédie No. 1: bars 1 to 16", 72, (3, 4), "D", right, left, pedal)


def midi_track(name: str, notes: Iterable[Note], pedal: Iterable[tuple[float, float]]) -> mido.MidiTrack:
    """Return one hand's track. At equal times releases come before the pedal and the pedal before onsets."""
    timed = []
    for note in notes:
        message = mido.Message("note_on", note=note.pitch, velocity=VELOCITY)
        timed.append((note.onset_quarters, 2, message))
        timed.append((note.onset_quarters + note.duration_quarters, 0, mido.Message("note_off", note=note.pitch, velocity=VELOCITY)))
    for down_quarters, up_quarters in pedal:
        timed.append((down_quarters, 1, mido.Message("control_change", control=64, value=127)))
        timed.append((up_quarters, 1, mido.Message("control_change", control=64, value=0)))
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name), mido.Message("program_change", program=0)])
    now_ticks = 0
    for onset_quarters, _, message in sorted(timed, key=lambda item: item[:2]):
        onset_ticks = round(onset_quarters * TICKS_PER_QUARTER)
        track.append(message.copy(time=onset_ticks - now_ticks))
        now_ticks = onset_ticks
    return track


def midi_file(piece: Piece) -> mido.MidiFile:
    numerator, denominator = piece.metre
    conductor = mido.MidiTrack(
        [
            mido.MetaMessage("track_name", name=piece.title),
            mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator),
            mido.MetaMessage("key_signature", key=piece.key),
            mido.MetaMessage("set_tempo", tempo=round(60e6 / piece.quarters_per_minute)),
        ]
    )
    hands = [midi_track("right hand", piece.right, ()), midi_track("left hand", piece.left, piece.pedal)]
    return mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER, tracks=[conductor, *hands], charset="utf-8")


def main(folder: Path) -> None:
    for piece in (prelude_in_c(), elise(), gymnopedie()):
        midi_file(piece).save(folder / piece.file_name)
    for score in (lullaby(), hymn(), danube()):
        (folder / score.file_name).write_bytes(musicxml(score))


if __name__ == "__main__":
    main(Path(__file__).parent)
