"""The configurations that ship: a folder of recipes a system, presets, and how the corpus is divided."""

from pathlib import Path

FOLDER = Path(__file__).parent
