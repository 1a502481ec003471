"""The Python of the documents runs as it stands, in a folder with the music that it names."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from score_fixtures import attributes, musicxml, note

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "engine" / "examples"
BARS = 4


@pytest.fixture
def music(tmp_path, monkeypatch):
    """A folder with piece.mid, piece.musicxml and take.mid, a performance of the score."""
    shutil.copy(EXAMPLES / "satie_gymnopedie_1_opening.mid", tmp_path / "piece.mid")
    bars = ["".join(note(step, 4, octave) for step, octave in (("C", 4), ("E", 4), ("G", 4), ("C", 5))) for _ in range(BARS)]
    (tmp_path / "piece.musicxml").write_text(musicxml([attributes() + bars[0], *bars[1:]]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(script, folder):
    """Run Python as a user does: in a process of its own, with every warning an error. Return what it prints."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def snippets(document):
    found = re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(encoding="utf-8"), re.S | re.M)
    assert found
    return "\n".join(found)


def test_the_readme_from_python_gives_the_bytes_of_perf_render(music):
    printed = run(snippets("README.md"), music)
    assert "dexter - " in printed and "79 notes performed" in printed
    calls = {
        "flat_track.mid": ["--performer", "velocity", "--set", "dynamics=6"],
        "as_a_score.mid": ["--performer", "dexter", "--seed", "7", "--set", "temperature=0.5"],
    }
    for name, options in calls.items():
        command = [Path(sys.executable).with_name("perf-render"), "piece.mid", "-o", f"command_{name}", *options]
        subprocess.run(command, cwd=music, check=True, capture_output=True, timeout=300)
        assert (music / name).read_bytes() == (music / f"command_{name}").read_bytes(), name


def test_the_page_of_the_interface_runs_from_top_to_bottom(music):
    run('import engine\nengine.render("piece.musicxml", "take.mid", seed=1)', music)
    printed = run(snippets("docs/python.md"), music)
    assert "does not hear --transfer" in printed and printed.count("struck with") == 4
    assert (music / "played.mid").read_bytes() == (music / "performed.mid").read_bytes()
    assert {"score.mid", "again.png", "said.mid", "mine.mid", "improvised.mid", "continued.mid"} <= {path.name for path in music.iterdir()}
    assert not (music / "no.mid").exists()
