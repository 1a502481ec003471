"""What takes long to import, for the process that all readings are forked from."""

import converter21  # noqa: F401
import music21  # noqa: F401

import engine.score.notation.reader  # noqa: F401
from engine.base.partitura_loader import load_partitura

load_partitura()
