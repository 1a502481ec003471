"""Kill trainings at random, again and again, and compare what they end in with what an undisturbed one does.

    python tests/kill_trainings.py                       # every system's tiny recipe, killed ten times
    python tests/kill_trainings.py velocity drums --kills 3 --seed 1

Each recipe is run by perf-train twice on a made-up corpus: left alone, and killed (SIGKILL) at random times, at the start, in the middle of
a stage, while something is written, and taken up by the same command. All files of both runs must then be the same, byte for byte, but
for the seconds that stages took; of the curves the points must be.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

SYSTEMS = ("velocity", "dexter", "score_performer", "performance_rnn", "performance_net", "drums")
STEPS, VALIDATE_EVERY_STEPS, ROUNDS = 40, 2, 60


def longer(recipe):
    """Return a tiny recipe's text with more steps, validations and trees, so that there is something to disturb."""
    text = re.sub(r"(?m)^( +)steps: \d+", rf"\1steps: {STEPS}\n\1validate_every_steps: {VALIDATE_EVERY_STEPS}", recipe)
    return re.sub(r"rounds: \d+", f"rounds: {ROUNDS}", text)


def begin(recipe, data, run_folder):
    """Start perf-train; return the process once it has begun with the run."""
    folders = ["--data", data, "--out", run_folder, "--cache", run_folder.parent / "cache"]
    command = [sys.executable, "-m", "training.command", recipe, *folders]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    line = process.stderr.readline()
    if "stage 1 of" not in line:
        sys.exit(f"perf-train did not begin: {line}{process.stderr.read()}")
    return process


def to_end(process):
    told = process.communicate()[1]
    if process.returncode:
        sys.exit(f"perf-train failed: {told}")


def contents(run_folder):
    """Return what a run ended in, by file: its bytes, but for the time that stages took; of each curve its points."""
    from training.runs.curves import read_curves

    found = {}
    for path in sorted(run_folder.rglob("*")):
        name = str(path.relative_to(run_folder))
        if path.name in ("stage.json", "done.json"):
            found[name] = {key: value for key, value in json.loads(path.read_text()).items() if key != "seconds"}
        elif path.is_file() and path.name != "report.md" and "curve_from_" not in name:
            found[name] = path.read_bytes()
    for folder in {path.parent for path in run_folder.rglob("curve_from_*")}:
        curves = read_curves(folder).items()
        found[f"{folder.name}/curves"] = {name: (curve.steps.tolist(), curve.values.tolist()) for name, curve in curves}
    return found


def kill_and_compare(system, data, folder, kills, chance):
    """Print what became of a system's recipe; return whether both runs ended in the same."""
    recipe = folder / "recipe.yaml"
    recipe.write_text(longer((ROOT / "configs" / system / "tiny.yaml").read_text()))
    process = begin(recipe, data, folder / "whole" / "run")
    start = time.monotonic()
    to_end(process)
    whole_s = time.monotonic() - start
    killed = folder / "killed" / "run"
    killed_at = []
    for _ in range(kills):
        process = begin(recipe, data, killed)
        try:
            process.wait(chance.uniform(0, 2 * whole_s / (kills + 2)))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            done = len(list(killed.glob("*/done.json")))
            steps = sorted(killed.glob("*/curve_from_*"), key=lambda path: path.stat().st_mtime)
            killed_at.append(f"{done} stages" + (f" ({steps[-1].parent.name} from {int(steps[-1].name[-6:])})" if steps else ""))
        else:
            process.communicate()
    to_end(begin(recipe, data, killed))
    whole, taken_up = contents(folder / "whole" / "run"), contents(killed)
    differing = sorted(name for name in whole.keys() | taken_up.keys() if whole.get(name) != taken_up.get(name))
    said = f"differ: {', '.join(differing)}" if differing else f"all {len(whole)} files and curves are the same"
    print(f"{system}: killed {len(killed_at)} times, with {'; '.join(killed_at)} done: {said}", flush=True)
    return not differing


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help=", ".join(SYSTEMS))
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the times of the kills")
    asked = parser.parse_args()
    if unknown := set(asked.systems) - set(SYSTEMS):
        parser.error(f"{', '.join(sorted(unknown))}: no such system; allowed: {', '.join(SYSTEMS)}")
    from drum_tracks import write_groove
    from miniature_corpus import write_corpus

    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        corpus, groove = write_corpus(root / "corpus"), write_groove(root / "groove")
        same = []
        for system in asked.systems or SYSTEMS:
            (root / system / "whole").mkdir(parents=True)
            (root / system / "killed").mkdir()
            data = groove if system == "drums" else corpus
            same.append(kill_and_compare(system, data, root / system, asked.kills, random.Random(f"{asked.seed} {system}")))
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
