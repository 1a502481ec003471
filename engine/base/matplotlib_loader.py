"""The only place that may import matplotlib first, so that it writes nothing below the home folder and reads no settings there.

While it is imported, matplotlib reads and writes a list of the system's fonts in a folder of its own. Here that is a temporary folder,
which is deleted after the import. A list that another program left in the usual folder is copied, because making one takes seconds on a
machine with many fonts.
"""

import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

_LOCK = threading.Lock()
_FOLDER = "MPLCONFIGDIR"


def load_matplotlib() -> None:
    """Import matplotlib with its fonts (half a second the first time). A folder that the user chose for it is used as it is."""
    with _LOCK:
        if "matplotlib" in sys.modules or _FOLDER in os.environ:
            return
        with tempfile.TemporaryDirectory(prefix="perf-live-") as folder:
            _copy_font_lists(Path(folder))
            os.environ[_FOLDER] = folder
            try:
                import matplotlib.font_manager  # noqa: F401
            finally:
                del os.environ[_FOLDER]


def _copy_font_lists(folder: Path) -> None:
    home = Path(os.path.expanduser("~"))
    for usual in (Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache", "matplotlib"), home / ".matplotlib"):
        for font_list in usual.glob("fontlist-*.json"):
            shutil.copy(font_list, folder)
