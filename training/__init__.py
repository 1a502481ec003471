"""Data sets, training and evaluation. Uses PyTorch, which the engine never does.

Lightning's import brings parts of matplotlib and PyTorch that keep caches below the home folder and in the folder for temporary files.
Nothing here needs them again, so they go to a folder that ends with the process, unless the user chose others.
"""

import atexit
import os
import shutil
import tempfile

_CACHES = ("MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR")


def _use_temporary_caches() -> None:
    if all(name in os.environ for name in _CACHES):  # as in a worker of a process that did this
        return
    folder = tempfile.mkdtemp(prefix="perf-train-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in _CACHES:
        os.environ.setdefault(name, folder)


_use_temporary_caches()
