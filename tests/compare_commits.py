"""Shows that two commits behave the same: runs the same command lines in both and compares everything that comes out, byte for byte.

``python tests/compare_commits.py BEFORE [AFTER]``; without AFTER it is the working tree as it is. Not a test: pytest does not collect it.
"""

import argparse
import hashlib
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

import mido

from engine.base.errors import PerfLiveError
from engine.bench.commits.checkouts import PROGRAM, check_out, copy_working_tree

Case = tuple[str, ...]


def alike(command: str, common: str, *several: str) -> list[Case]:
    """Return cases that begin alike."""
    return [(command, f"{common} {options}") for options in several]


# A command (of engine/commands) and its arguments; a third text is the arguments in AFTER, where an option has another name there.
PERFORMED: list[Case] = [
    ("live", "--list"),
    ("render", "bach_prelude_in_c.mid beethoven_fuer_elise_theme.mid satie_gymnopedie_1_opening.mid -o performed"),
    ("render", "pieces phrase.mid -o performed --to mid --to png --seed 1"),
    *alike("render", "take.mid -o performed --to mid --to png", "--performer passthrough", "--seed 3 --set temperature=1"),
    ("render", "bach_prelude_in_c.mid -o out.mid --lookahead 2 --set hint=off"),
    *alike("render", "take.mid -o out.mid", "--lookahead 1 --seed 2", "--preset presets/subtle.yaml"),
    *alike("render", "take.mid -o out.mid --preset", "presets/flat_daw_track.yaml --seed 4", "presets/keyboard_without_touch.yaml"),
    ("render", "take.mid -o out.mid --set temperature=0 --set hint=off --set range=1.5 --set dynamics=10"),
    ("render", "take.mid -o out.mid --set hint=on --cc 1=dynamics --cc 67=strength --exclude 2,4-5"),
    ("live", "--in take.mid --out out.mid --out again.mid --seed 3 --cc 1=dynamics --exclude 3"),
    *alike("live", "--in take.mid --out out.mid", "--preset mine.yaml --set dynamics=-5", "--lookahead 1.5", "--performer passthrough"),
    *alike("render", "phrase.mid -o out.wav", "--seed 1", "--reverb 0.2 --gain 20 --rate 48000 --bits 24"),
    *alike("render", "phrase.mid -o out.wav --sound neural", "--seed 1", "--instrument violin --reverb 0 --gain 3"),
    ("render", "phrase.mid -o out --to wav --to mid --sound neural --instrument cello --rate 48000 --bits 32"),
    *alike("live", "--in phrase.mid --out out.mid --out", "out.wav", "neural:out.wav --instrument flute"),
    # dexter, and live notes with it and score-performer.
    ("render", "score.musicxml -o performed --to mid --to png --seed 2 --set temperature=1 --set steps=3"),
    *alike("render", "score.musicxml -o out.mid", "", "--no-repeats --set temperature=0 --set tempo=1.3 --set expression=1.5"),
    *alike("render", "score.musicxml -o out.mid --set guidance=1.5", "--descriptors frames.csv", "--set minorness=2 --set dissonance=-1"),
    *alike("render", "score.musicxml -o", "out.mid --descriptors descriptors.csv", "out.png --beside score_take.mid"),
    ("render", "score.musicxml -o out.mid --transfer score_take.mid --set depth=0 --timing absolute"),
    ("render", "score.mxl -o out.mid --timing absolute --seed 5 --set expression=0 --set dynamics=12"),
    ("render", "score.mei motif.krn bach_prelude_in_c.mid -o performed --performer dexter"),
    *alike("render", "elise.mid -o out.mid --performer dexter", "--transfer elise_take.mid", "--timing absolute --set temperature=0.9"),
    ("live", "--score score.musicxml --out out.mid --transfer score_take.mid --set depth=0.3 --no-repeats"),
    *alike("live", "--score", "score.mei --out out.mid --out neural:out.wav", "elise.mid --out out.mid --descriptors descriptors.csv"),
    *alike("render", "bach.mid -o out.mid --lookahead 2", "--performer dexter", "--performer score-performer"),
    ("render", "take.mid -o performed --to mid --to png --performer dexter --lookahead 3 --set temperature=1 --cc 1=expression"),
    ("live", "--in take.mid --out out.mid --performer dexter --lookahead 2 --seed 1 --set expression_tempo=0 --exclude 3"),
    ("render", "take.mid -o out.mid --performer score-performer --lookahead 1 --seed 2 --set temperature=1 --cc 1=dynamics --exclude 3"),
    ("live", "--in take.mid --out out.mid --performer score-performer --lookahead 2 --set loudness=1"),
    # score-performer.
    ("render", "score.musicxml -o performed --to mid --to png --performer score-performer --seed 3 --set temperature=0.8 --set top_p=0.8"),
    ("render", "score.musicxml -o out.mid --performer score-performer --timing absolute --no-repeats --set loudness=1 --set bar-1=-1"),
    ("render", "score.mei motif.krn bach_prelude_in_c.mid -o performed --performer score-performer --set expression=1.5 --set tempo=0.8"),
    ("render", "score.musicxml -o out.mid --direct crescendo:bars=1-4 --direct staccato:bars=3-5:amount=0.8 --direct arpeggio:bars=5-6"),
    ("render", "score.musicxml -o out.mid --direct forte --direct accent --direct ritardando:bars=6-8 --direct fermata:bars=4-4"),
    ("render", "score.musicxml -o out.mid --style-from score_take.mid --style-bars 2-5 --style-amount 0.5"),
    ("render", "score.musicxml -o out.mid --style-from elise_take.mid --style-score elise.mid"),
    *alike("render", "score.musicxml -o out.mid", "--style-seed 4", "--deadpan --knob piece-1=2 --direct faster:amount=1.5"),
    ("render", "score.musicxml -o out.png --deadpan --knob bar:3:+0.5 --knob pace=1:bars=2-4 --knob beat-1=-1"),
    *alike("live", "--score score.musicxml --out out.mid", "--style-seed 2 --seed 5 --set temperature=0.5", "--direct legato"),
    # performance-rnn.
    ("render", "-o performed --to mid --to png --performer performance-rnn --seconds 12 --seed 7"),
    ("render", "-o out.mid --seconds 8 --set temperature=0.8 --set top_p=0.9 --set key=c_minor --set density=6"),
    *alike("render", "-o out.mid --seconds 8 --primer take.mid", "--seed 2", "--without-primer --set velocity=10 --set lowest=40"),
    *alike("render", "-o takes --seconds 6 --takes 3", "--seed 7", "--primer elise.mid --without-primer --set g_flat=0.1"),
    *alike("render", "-o", "a.wav --seconds 4", "out.mid --seconds 8 --beam 2", "takes --seconds 5 --beam 2 --takes 2 --primer phrase.mid"),
    ("render", "take.mid -o out.mid --performer performance-rnn --set pause=0.5 --set seconds=5"),
    ("live", "--in take.mid --out out.mid --mode continue --set pause=0.3 --set seconds=4 --seed 1"),
    *alike("live", "--in take.mid --out out.mid --mode duet", "--set channel=2 --set seconds=2 --cc 1=density", "--set quantise=eighth"),
]
REFUSED: list[Case] = [
    *alike("render", "take.mid -o out.mid", "--performer velocty", "--set strenght=1", "--set strength=2", "--cc 130=dynamics"),
    *alike("render", "take.mid -o out.mid", "--exclude 17", "--seed -1", "--gain 3", "--preset wrong.yaml", "--no-repeats"),
    *alike("render", "take.mid -o", "out.mid --seconds 5", "out.mid --to wav", "out.xyz", "take.mid", "out.wav --rate 1234"),
    *alike("render", "-o out.mid --seconds 5", "--without-primer", "--takes 2", "--performer passthrough"),
    ("render", "damaged.mid phrase.mid missing.mid broken.musicxml -o performed"),
    *alike("render", "score.musicxml -o out.mid", "--performer velocity", "--lookahead 2 --performer dexter", "--transfer phrase.mid"),
    *alike("render", "score.musicxml -o out.mid", "--beside score_take.mid", "--descriptors wrong.csv", "--deadpan --style-seed 1"),
    *alike("render", "score.musicxml -o out.mid", "--style-amount 0.5", "--direct loudly", "--direct forte:bars=70-80"),
    *alike("render", "score.musicxml -o out.mid --performer", "dexter --direct forte", "score-performer --descriptors descriptors.csv"),
    *alike("live", "--in take.mid", "", "--score score.musicxml --out out.mid", "--out out.mid --performer passthrough --lookahead 1"),
    *alike("live", "--in take.mid --out out.mid", "--record kept.mid", "--performer dexter", "--out out.mid", "--deadpan"),
]

DEFECTS = ("Traceback", "this is a defect")
ROOT = Path(__file__).resolve().parents[1]
COMPUTING = ("matplotlib", "numpy", "onnxruntime", "onnxruntime-gpu", "partitura")  # others' versions change no output
VERSIONS = sorted(f"{found.name} {found.version}" for found in distributions() if found.name in COMPUTING)
NOTATIONS = {
    **{sign: f'<slur type="{kind}" number="1"/>' for sign, kind in (("(", "start"), (")", "stop"))},
    **{name: f"<{name}/>" for name in ("fermata", "arpeggiate")},
    **{name: f"<ornaments><{name}/></ornaments>" for name in ("trill-mark", "mordent", "turn")},
    **{name: f"<articulations><{name}/></articulations>" for name in ("staccato", "accent", "tenuto")},
}
DIRECTIONS = {
    **{name: f"<dynamics><{name}/></dynamics>" for name in ("p", "mp", "f", "sf")},
    **{name: f"<words>{name}</words>" for name in ("ritardando", "dolce")},
    **{name: f'<wedge type="{name}"/>' for name in ("crescendo", "diminuendo", "stop")},
}
BARLINES = {"|:": '<barline><repeat direction="forward"/></barline>', ":|": '<barline><repeat direction="backward"/></barline>'}
MELODY = """|: p dolce C5:4,( E5:4 G5:4,) E5:4 / crescendo F5:4,staccato A5:4,staccato G5:8,trill-mark / stop f C6:6,accent B5:2
A5:4,mordent G5:4,tenuto / diminuendo E5:2,( D5:2 E5:0 D5:4 C5:8,),fermata stop :| / mp A5:4,( C6:4 B5:4,turn A5:4,) / F5:2 G5:2 A5:2
B5:2 sf C6:4,accent r:4 / p E5:4,( F5:4 D5:4 G5:4,) / ritardando F5:4 E5:2 D5:2 C5:8,fermata"""
BASS = """|: C3+E3+G3:8 C3+E3+G3:8 / F3+A3+C4:8 G3+B3+D4:8 / C3+G3+E4:16,arpeggiate / G2:4 G3+B3:4 C3+E3:8 :| /
F3+A3+C4:8 F3+A3+D4:8 / D3+F3:8 G2+G3:8 / C3+E3+G3:8,arpeggiate G2+F3+B3:8,arpeggiate / G2+F3+B3:8 C3+G3+E4:8,fermata"""
MEI = """<mei xmlns="http://www.music-encoding.org/ns/mei" meiversion="4.0.0"><meiHead><fileDesc><titleStmt><title/></titleStmt><pubStmt/>
</fileDesc></meiHead><music><body><mdiv><score><scoreDef><staffGrp><staffDef n="1" lines="5" ppq="4" clef.shape="G" clef.line="2"
meter.count="2" meter.unit="4" key.sig="0"/></staffGrp></scoreDef><section><measure n="1"><staff n="1"><layer n="1">
<note xml:id="a" dur="4" dur.ppq="4" oct="4" pname="c"/><note xml:id="b" dur="4" dur.ppq="4" oct="4" pname="d"/></layer></staff>
<trill startid="#b"/></measure><measure n="2"><staff n="1"><layer n="1"><chord xml:id="c" dur="2" dur.ppq="8"><note xml:id="d" oct="4"
pname="e"/><note xml:id="e" oct="4" pname="g"/><note xml:id="f" oct="5" pname="c"/></chord></layer></staff>
<arpeg plist="#d #e #f"/></measure></section></score></mdiv></body></music></mei>"""
KERN = str.maketrans(" |", "\t\n")
TEXTS = {
    "score.mei": MEI,
    "motif.krn": "**kern **kern|*M2/4 *M2/4|=1 =1|4C (8c|. 8d|4E 4e)T|=2 =2|2G 4f'|. 4d|=3 =3|2C; 2c;|== ==|*- *-|".translate(KERN),
    "descriptors.csv": "onset_quarter,melodiousness,articulation\n0,1.5,-1\n8,-1,2\n16,0,0.5\n",
    "frames.csv": "frame_start_time,a,b,c,d,e,f,g\n0,1,2,3,4,5,6,7\n2,2,1,4,3,6,5,8\n4,0,3,2,5,4,7,6\n6,1,1,3,4,6,6,7\n",
    "wrong.csv": "bar,loudness\n1,2\n",
    "mine.yaml": "performer: velocity\nseed: 5\nlookahead: 0.5\nexclude: [3]\nset:\n  strength: 0.8\ncc:\n  1: dynamics\n",
    "wrong.yaml": "performer: velocity\ntempi: 3\n",
    "damaged.mid": "MThd, and then nothing",
    "broken.musicxml": "<score-partwise><part-list>",
}


class Side(NamedTuple):
    """One of the two commits: its checkout, and where what its commands left is stored."""

    checkout: Path
    store: Path


class Ended(NamedTuple):
    """How a command ended; the files that it wrote are in ``folder``."""

    status: int
    stdout: str
    stderr: str
    folder: Path


@dataclass
class Row:
    """What the comparison of one command found; ``notes`` are for information, ``differences`` count."""

    command: str
    sizes_bytes: dict[str, tuple[int, int]] = field(default_factory=dict)  # of each file, in BEFORE and AFTER
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def musicxml_note(token: str) -> Iterator[str]:
    """Yield the notes of a token such as ``C3+E3:8,arpeggiate``: pitches, sixteenths (0: a grace note), notations."""
    pitches, _, rest = token.partition(":")
    length, *marks = rest.split(",")
    duration = f"<duration>{length}</duration>" if length != "0" else ""
    for place, pitch in enumerate(pitches.split("+")):
        what = "<rest/>" if pitch == "r" else f"<pitch><step>{pitch[0]}</step><octave>{pitch[1]}</octave></pitch>"
        before = ("" if duration else "<grace/>") + ("<chord/>" if place else "")
        shown = "".join(NOTATIONS[mark] for mark in marks if not place or mark == "arpeggiate")
        yield f"<note>{before}{what}{duration}<voice>1</voice><type>eighth</type><notations>{shown}</notations></note>"


def musicxml(*parts: str) -> str:
    """Return a score from its parts, bars between strokes."""
    listed = body = ""
    time = "<divisions>4</divisions><time><beats>4</beats><beat-type>4</beat-type></time>"
    for number, text in enumerate(parts):
        listed += f'<score-part id="P{number}"><part-name>P</part-name></score-part>'
        bars = ""
        for bar, tokens in enumerate(text.split("/"), start=1):
            content = f'<attributes>{time}</attributes><sound tempo="96"/>' if bar == 1 else ""
            for token in tokens.split():
                sign = f"<direction><direction-type>{DIRECTIONS[token]}</direction-type></direction>" if token in DIRECTIONS else None
                content += sign or BARLINES.get(token) or "".join(musicxml_note(token))
            bars += f'<measure number="{bar}">{content}</measure>'
        body += f'<part id="P{number}">{bars}</part>'
    return f'<?xml version="1.0" encoding="UTF-8"?><score-partwise version="3.1"><part-list>{listed}</part-list>{body}</score-partwise>'


def write_music(source: Path, target: Path, seconds: float, seed: int | None = None) -> None:
    """Write the beginning of a MIDI file: as it is, or with a seed as if played, with controllers, drums and another channel."""
    music = mido.MidiFile(source)
    tempo = next(message.tempo for message in music.merged_track if message.type == "set_tempo")
    end_ticks = mido.second2tick(seconds, music.ticks_per_beat, tempo)
    chance, time_ticks, written, extra = random.Random(seed), 0, [], []
    held: set[tuple[int, int] | None] = set()
    for message in music.merged_track[:-1]:
        time_ticks += message.time
        is_note = message.type in ("note_on", "note_off")
        key = (message.channel, message.note) if is_note else None
        is_off = is_note and (message.type == "note_off" or not message.velocity)
        if key in held if is_off else time_ticks < end_ticks:
            moved_ticks = chance.randint(0, 12) if seed and is_note else 0
            changed = {"velocity": chance.randint(35, 100)} if seed and is_note and not is_off else {}
            written.append((min(time_ticks + moved_ticks, end_ticks), message.copy(**changed)))
            (held.discard if is_off else held.add)(key)
    for beat in range(end_ticks // music.ticks_per_beat if seed else 0):
        now_ticks = beat * music.ticks_per_beat
        extra += [(now_ticks, mido.Message("control_change", control=number, value=chance.randint(0, 127))) for number in (1, 64, 67)]
        for kind, channel, note in (("note_on", 9, 38), ("note_on", 2, 60 + beat), ("note_off", 9, 38), ("note_off", 2, 60 + beat)):
            extra.append((now_ticks + (30 if kind == "note_on" else 200), mido.Message(kind, channel=channel, note=note)))
        extra.append((now_ticks + 100, mido.Message("pitchwheel", channel=2, pitch=chance.randint(-4000, 4000))))
        extra += [(now_ticks, mido.Message("program_change", channel=2, program=beat)), (now_ticks, mido.Message("sysex", data=(1, beat)))]
    result = mido.MidiFile(ticks_per_beat=music.ticks_per_beat)
    for messages in (written, extra):
        track, before_ticks = result.add_track(), 0
        for time_ticks, message in sorted(messages, key=lambda timed: timed[0]):
            track.append(message.copy(time=time_ticks - before_ticks))
            before_ticks = time_ticks
    result.save(target)


def prepare_inputs(before: Side, folder: Path) -> str:
    """Write every input that a case names, the same for both sides; return why FluidSynth makes no sound, if it does not."""
    for pattern, where in (("examples/*.mid", "."), ("presets/*.yaml", "presets"), ("velocity*.onnx", "weights")):
        (folder / where).mkdir(parents=True, exist_ok=True)
        for path in before.checkout.rglob(pattern):
            shutil.copy(path, folder / where)
    score = musicxml(MELODY, BASS)
    for name, text in (TEXTS | {"score.musicxml": score}).items():
        (folder / name).write_text(text, encoding="utf-8")
    with zipfile.ZipFile(folder / "score.mxl", "w") as archive:
        for name, text in (("META-INF/container.xml", '<container><rootfile full-path="s.xml"/></container>'), ("s.xml", score)):
            archive.writestr(zipfile.ZipInfo(name), text)  # without the date of today
    write_music(folder / "bach_prelude_in_c.mid", folder / "bach.mid", 16)
    for name, seconds, seed in (("elise.mid", 12, None), ("take.mid", 12, 1), ("phrase.mid", 4, 2)):
        write_music(folder / "beethoven_fuer_elise_theme.mid", folder / name, seconds, seed)
    (folder / "pieces" / "more").mkdir(parents=True)
    shutil.copy(folder / "take.mid", folder / "pieces" / "one.mid")
    shutil.copy(folder / "score.mei", folder / "pieces" / "more" / "two.mei")
    for name, given in (("score_take.mid", "score.musicxml"), ("elise_take.mid", "elise.mid")):
        ended = run_command(before, folder, ("render", f"{given} -o {name} --performer dexter --seed 9 --set temperature=1"))
        if ended.status:
            raise SystemExit(f"BEFORE cannot perform {given}: {ended.stderr}")
        shutil.copy(ended.folder / name, folder)
    sounded = run_command(before, folder, ("render", "phrase.mid -o out.wav --performer passthrough"))
    return sounded.stderr.strip() if sounded.status else ""


def run_command(side: Side, inputs: Path, case: Case) -> Ended:
    """Run a command in a folder of its own, or return how it ended before with the same arguments and inputs."""
    words = shlex.split(case[-1])
    tops = {Path(word).parts[0] for word in words if word}
    given = {name: content for name, content in read_files(inputs).items() if Path(name).parts[0] in tops}
    digests = sorted((name, hashlib.sha256(content).hexdigest()) for name, content in given.items())
    key = hashlib.sha256(json.dumps([PROGRAM, VERSIONS, case[0], case[-1], digests]).encode())
    stored = side.store / key.hexdigest()[:24]
    if not stored.exists():
        side.store.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=side.store) as scratch:
            _run(side.checkout, given, [sys.executable, "-c", PROGRAM.format(case[0]), *words], Path(scratch) / "kept")
            if not stored.exists():  # else another comparison was faster
                os.rename(Path(scratch) / "kept", stored)
    return Ended(**json.loads((stored / "ended.json").read_text(encoding="utf-8")), folder=stored / "files")


def _run(checkout: Path, given: dict[str, bytes], words: Sequence[str], kept: Path) -> None:
    """Run a process in ``kept``/files, leave there what it wrote, and beside it how it ended."""
    folder = kept / "files"
    folder.mkdir(parents=True)
    for name, content in given.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    done = subprocess.run(words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    for name, content in read_files(folder).items():
        if given.get(name) == content:
            (folder / name).unlink()
    stdout, stderr = (text.replace(str(folder), "FOLDER").replace(str(checkout), "CHECKOUT") for text in (done.stdout, done.stderr))
    (kept / "ended.json").write_text(json.dumps({"status": done.returncode, "stdout": stdout, "stderr": stderr}), encoding="utf-8")


def read_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def compare(case: Case, before: Ended, after: Ended) -> Row:
    """Compare how a command ended in both: status, standard output and every file count, the wording on standard error does not."""
    files, others = read_files(before.folder), read_files(after.folder)
    row = Row(f"perf-{case[0]} {case[1]}")
    if (before.status != 0) != (case in REFUSED) or any(word in before.stderr for word in DEFECTS):
        row.differences.append(f"BEFORE itself ends otherwise than it should, with {before.status}: {before.stderr.strip()}")
        shutil.rmtree(before.folder.parent)  # not to be used again
    if before.status != after.status:
        row.differences.append(f"exit status {before.status} and {after.status}")
    if before.stdout != after.stdout:
        row.differences.append(f"standard output {before.stdout!r} and {after.stdout!r}")
    if before.stderr != after.stderr:
        is_defect = any(word in after.stderr for word in DEFECTS)
        (row.differences if is_defect else row.notes).append(f"standard error {before.stderr!r} and {after.stderr!r}")
    for name in sorted(files.keys() | others.keys()):
        one, other = files.get(name), others.get(name)
        row.sizes_bytes[name] = (len(one or b""), len(other or b""))
        if one is None or other is None:
            row.differences.append(f"{name}: only in {'AFTER' if one is None else 'BEFORE'}")
        elif one != other:
            equal = len(os.path.commonprefix([one, other]))
            row.differences.append(f"{name}: different from byte {equal:,} of {len(one):,} and {len(other):,}")
    return row


def compare_all(before: Side, after: Side, cases: Sequence[Case], inputs: Path, keep: Path | None) -> list[Row]:
    """Run every case in both, side by side, and return what was found; what is different is copied into the folder ``keep``."""
    rows = []
    with ThreadPoolExecutor(2) as pool:
        running = [[pool.submit(run_command, *given) for given in ((before, inputs, case[:2]), (after, inputs, case))] for case in cases]
        for number, (case, pair) in enumerate(zip(cases, running, strict=True), start=1):
            ended = [future.result() for future in pair]
            rows.append(row := compare(case, *ended))
            print(f"{number}/{len(cases)} {'DIFFERENT' if row.differences else 'same'}: {row.command}", file=sys.stderr, flush=True)
            for name, one in zip(("before", "after"), ended, strict=True):
                if keep and row.differences and one.folder.exists():
                    shutil.copytree(one.folder, keep / "different" / str(number) / name, dirs_exist_ok=True)
    return rows


def print_table(rows: Sequence[Row]) -> None:
    print(f"{'':9} {'files':>5} {'pictures':>8} {'bytes BEFORE':>12} {'bytes AFTER':>12}  command")
    pictures = files = 0
    for row in rows:
        drawn = sum(name.endswith(".png") for name in row.sizes_bytes)
        pictures, files = pictures + drawn, files + len(row.sizes_bytes) - drawn
        sizes = [sum(pair[side] for pair in row.sizes_bytes.values()) for side in (0, 1)]
        counts = f"{len(row.sizes_bytes) - drawn:5} {drawn:8} {sizes[0]:12,} {sizes[1]:12,}"
        print(f"{'DIFFERENT' if row.differences else 'same':9} {counts}  {row.command}")
        for line in (*row.differences, *(f"(for information) {line}" for line in row.notes)):
            print(f"{'':9} {line}")
    different_pictures = sum(".png: " in line for row in rows for line in row.differences)
    print(f"{len(rows)} commands, {sum(bool(row.differences) for row in rows)} different; {files} files;", end=" ")
    print(f"{pictures} pictures, {different_pictures} different;", end=" ")
    print(f"{sum(bool(row.notes) for row in rows)} commands with other words on standard error, which do not count")


def side_of(commit: str | None, checkout: Path, keep: Path | None = None) -> Side:
    """Return a side: a commit's files, or a copy of the working tree, so that nobody who works there disturbs the comparison."""
    outputs = checkout.with_name(f"{checkout.name}_outputs")
    try:
        if commit is None:
            copy_working_tree(checkout, ROOT)
            return Side(checkout, outputs)
        number = check_out(commit, checkout, ROOT)
    except PerfLiveError as refused:
        sys.exit(str(refused))
    return Side(checkout, keep / number if keep else outputs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", metavar="BEFORE", help="a commit")
    parser.add_argument("after", metavar="AFTER", nargs="?", help="another; without it the working tree as it is")
    parser.add_argument("--keep", metavar="FOLDER", type=lambda text: Path(text).resolve(), help="keep BEFORE's outputs, or use those kept")
    parser.add_argument("--only", metavar="TEXT", default="", help="only the commands that have this in their line")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        before, after = side_of(said.before, folder / "before", said.keep), side_of(said.after, folder / "after")
        silence = prepare_inputs(before, folder / "inputs")
        cases = [case for case in [*PERFORMED, *REFUSED] if said.only in f"perf-{case[0]} {case[1]}"]
        skipped = [case for case in cases if silence and case not in REFUSED and ".wav" in case[1] and "neural" not in case[1]]
        rows = compare_all(before, after, [case for case in cases if case not in skipped], folder / "inputs", said.keep)
        print_table(rows)
        if skipped:
            print(f"left out: {len(skipped)} commands that need FluidSynth and a sound font ({silence})")
        return int(any(row.differences for row in rows))


if __name__ == "__main__":
    sys.exit(main())
