"""Verovio's font, for the notes that stand in texts, such as a metronome mark's."""

import base64
import functools
import re
from importlib.util import find_spec
from pathlib import Path


@functools.cache
def font() -> bytes:
    """Return it in WOFF2; nothing where verovio has none."""
    package = find_spec("verovio")
    folder = (package.submodule_search_locations if package else None) or ["."]
    packed = re.search(r"base64,([\w+/=]+)", Path(folder[0], "data", "Leipzig.css").read_text())
    return base64.b64decode(packed[1]) if packed else b""
