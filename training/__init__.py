"""Data sets, training and evaluation. Uses PyTorch, which the engine never does.

Lightning's import brings parts of matplotlib and PyTorch that keep caches below the home folder and in the folder for temporary files.
Nothing here needs them again, so they go to a folder that ends with the process, unless the user chose others.
"""

import atexit
import os
import shutil
import sys
import tempfile
from importlib.util import find_spec

_CACHES = ("MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR")


_NEEDED = ("torch", "lightning", "symusic", "lightgbm", "onnx", "scipy", "parangonar", "tensorboardX", "pyarrow")  # of the extra ``train``


def _require_packages() -> None:
    """End the program with one line when what only this side needs is not installed."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        what = f"training, evaluation and export need packages that are not installed ({', '.join(missing)})"
        sys.exit(f"perf-live: {what}; install them with: pip install 'perf-live[train]'")


def _use_temporary_caches() -> None:
    if all(name in os.environ for name in _CACHES):  # as in a worker of a process that did this
        return
    folder = tempfile.mkdtemp(prefix="perf-train-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in _CACHES:
        os.environ.setdefault(name, folder)


_require_packages()
_use_temporary_caches()
