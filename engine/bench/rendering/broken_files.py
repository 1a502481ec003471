"""Small files of which it is known what becomes of them: takes and scores with so many notes, and files that are broken in ten ways."""

from itertools import cycle, islice
from pathlib import Path

from engine.bench.measuring.takes import piano_take
from engine.bench.rendering.long_score import Form, quartet
from engine.midi.file import write_midi_file

TAKE_NOTES, NOTES_PER_S = (5, 10, 20, 40), 8
FORMS: tuple[Form, ...] = ("musicxml", "mei", "krn", "abc")
SCORE_EVERY = 100  # files; the others are takes
HEADER, DIVISION = b"MThd\x00\x00\x00\x06\x00\x01\x00\x01", b"\x01\xe0"  # of a MIDI file of one track
MEI = '<mei xmlns="http://www.music-encoding.org/ns/mei"><music><body>'
BREAKAGES: dict[str, tuple[str, bytes]] = {  # what is broken -> how the file's name ends, and what is in it
    "empty": (".mid", b""),
    "other": (".mid", b"a shopping list, called a MIDI file by mistake"),
    "half-a-header": (".mid", HEADER[:10]),
    "no-track": (".mid", HEADER + DIVISION),
    "no-message": (".mid", HEADER + DIVISION + b"MTrk\x00\x00\x00\x04\x00\x40\x40\x00"),
    "endless-number": (".mid", HEADER + DIVISION + b"MTrk\x00\x00\x00\x08" + b"\xff" * 8),
    "cut-off": (".musicxml", quartet(1).encode()[:5000]),
    "web-page": (".musicxml", b"<html><body><p>404 Not Found</p></body></html>"),
    "no-archive": (".mxl", b"PK\x03\x04, and then nothing that a ZIP archive has"),
    "no-measures": (".mei", MEI.encode()),
}


def make_files(folder: Path, files: int, broken: int) -> tuple[dict[Path, int], list[Path]]:
    """Write so many files into an empty folder; return the notes of each good one, and the ``broken`` ones, spread among them.

    Of the good ones about one in SCORE_EVERY is a score of a page, in each format in turn; the others are takes of 5 to 40 notes.
    """
    folder.mkdir()
    damage = islice(cycle(BREAKAGES.items()), broken)
    good: dict[Path, int] = {}
    bad: list[Path] = []
    lengths, forms = cycle(TAKE_NOTES), cycle(FORMS)
    for number in range(files):
        if (number + 1) * broken // files > len(bad):
            name, (suffix, data) = next(damage)
            bad.append(folder / f"{number:06}-{name}{suffix}")
            bad[-1].write_bytes(data)
        elif number % SCORE_EVERY == SCORE_EVERY // 2:
            form = next(forms)
            path = folder / f"{number:06}-score.{form}"
            path.write_text(quartet(1, form, seed=number), encoding="utf-8")
            good[path] = quartet(1, "musicxml", seed=number).count("<note>")
        else:
            path = folder / f"{number:06}.mid"
            length = next(lengths)
            write_midi_file(path, piano_take(length, NOTES_PER_S, seed=number))
            good[path] = length
    return good, bad
