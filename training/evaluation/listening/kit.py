"""The folder of a listening test: clips, a page, a form on paper, and apart from them what only the experimenter may see."""

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import check_folder
from engine.sound.wav_file import WavFile
from models.performance_net.representation import SAMPLE_RATE
from training.datasets.asap import LICENCE
from training.evaluation.listening.answers import COLUMNS
from training.evaluation.listening.clips import LOUDNESS_LUFS, render_clip
from training.evaluation.listening.excerpts import Excerpt, Take
from training.evaluation.listening.key import KEY_FILE, Key, KeyExcerpt

TEMPLATES = Path(__file__).parent
FONT_LICENCES = {"TimGM6mb": "GPL 2", "FluidR3_GM": "MIT", "MuseScore_General": "MIT"}
LETTERS = "abcdefgh"


class Trial(NamedTuple):
    """An excerpt and the takes of it, by source."""

    excerpt: Excerpt
    takes: dict[str, Take]


class Sounding(NamedTuple):
    """What the clips are made with: ``temperature`` is that of samples."""

    font: Path
    seed: int
    temperature: float


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``folder`` when the block ends well. Raises PerfLiveError, UsageError where there is one."""
    target = Path(os.path.realpath(folder))
    if target.exists():
        raise UsageError(f"-o {str(folder)!r} exists; give the name of a new folder")
    if not target.parent.is_dir():
        raise UsageError(f"-o {str(folder)!r}: there is no folder {str(target.parent)!r}; create it first")
    check_folder(target.parent)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.mkdir()
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        raise PerfLiveError(f"cannot write {str(folder)!r}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_kit(folder: Path, trials: Sequence[Trial], sounding: Sounding) -> Key:
    """Write the test into an empty folder; return its key. Raises PerfLiveError without FluidSynth, OSError."""
    audio = folder / "for_listeners" / "audio"
    audio.mkdir(parents=True)
    (folder / "answers").mkdir()
    key = _write_clips(audio, trials, sounding)
    excerpts = [{"excerpt": each.excerpt, "clips": list(each.clips)} for each in key.excerpts]
    page = (TEMPLATES / "listen.html").read_text(encoding="utf-8").replace("KIT", json.dumps({"kit": key.kit, "excerpts": excerpts}), 1)
    form = (TEMPLATES / "form.html").read_text(encoding="utf-8").replace("EXCERPTS", "\n".join(_paper(each) for each in key.excerpts))
    texts = {
        "for_listeners/listen.html": page,
        "for_listeners/form.html": form,
        "README.txt": _instructions(key),
        KEY_FILE: json.dumps(key.model_dump(), indent=1) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    with (folder / "answers_template.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        rows.writerows({"kit": key.kit, "excerpt": each.excerpt, "clip": clip} for each in key.excerpts for clip in each.clips)
    _date_alike(folder)
    return key


def _write_clips(audio: Path, trials: Sequence[Trial], sounding: Sounding) -> Key:
    """Write a clip for each take, in an order at random, and return the key."""
    random, digest, excerpts = np.random.default_rng(sounding.seed), hashlib.sha256(), []
    for number, (excerpt, takes) in enumerate(trials, 1):
        clips = {}
        for letter, place in zip(LETTERS, random.permutation(len(takes)).tolist(), strict=False):
            source, take = list(takes.items())[place]
            name = f"{number:02}-{letter}.wav"
            with WavFile(audio / name, SAMPLE_RATE) as file:
                file.write(render_clip(take, sounding.font))
            digest.update((audio / name).read_bytes())
            clips[name] = source
        excerpts.append(_key_of(number, excerpt, clips))
    return Key(
        kit=digest.hexdigest()[:12],
        seed=sounding.seed,
        temperature=sounding.temperature,
        sound_font=sounding.font.resolve().name,
        sources=tuple(trials[0].takes),
        excerpts=tuple(excerpts),
    )


def _key_of(number: int, excerpt: Excerpt, clips: dict[str, str]) -> KeyExcerpt:
    piece, (first, last) = excerpt.piece, excerpt.piece.score.measures[[excerpt.first, excerpt.last]]
    return KeyExcerpt(
        excerpt=number,
        piece=piece.name,
        recording=piece.recordings[excerpt.human],
        measures=(int(first["number"]), int(last["number"])),
        onset_quarter=float(first["onset_quarter"]),
        notes=len(excerpt.rows),
        clips=clips,
    )


def _paper(excerpt: KeyExcerpt) -> str:
    """Return the questions about an excerpt, as they are printed."""
    titles = ("version", "a machine (1) or a person (5)?", "I dislike (1) or like it (5)", "a person plays: how sure, 1 to 5")
    heads = "".join(f'<th scope="col">{title}</th>' for title in titles)
    scale = "<td>1 &nbsp; 2 &nbsp; 3 &nbsp; 4 &nbsp; 5</td>"
    rows = "".join(f'<tr><th scope="row">{Path(clip).stem}</th>{scale}{scale}<td></td></tr>\n' for clip in excerpt.clips)
    head, body = f"<thead><tr>{heads}</tr></thead>", f"<tbody>\n{rows}</tbody>"
    return f"<section>\n<h2>Piece {excerpt.excerpt}</h2>\n<table>\n{head}\n{body}\n</table>\n</section>"


def _instructions(key: Key) -> str:
    licence = FONT_LICENCES.get(Path(key.sound_font).stem)
    return (
        (TEMPLATES / "experimenter.txt")
        .read_text(encoding="utf-8")
        .format(
            excerpts=len(key.excerpts),
            versions=len(key.sources),
            sources="; ".join(key.sources),
            loudness=LOUDNESS_LUFS,
            key=KEY_FILE,
            seed=key.seed,
            data_licence=LICENCE,
            font=key.sound_font,
            font_licence=f"Its licence: {licence}." if licence else "See its own licence before you publish clips.",
        )
    )


def _date_alike(folder: Path) -> None:
    """Give all files one date: the order in which clips were made tells nothing."""
    now = folder.stat().st_mtime_ns
    for path in (folder, *folder.rglob("*")):
        os.utime(path, ns=(now, now))
