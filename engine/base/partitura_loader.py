"""The one place that imports partitura, lazily and without the download that its import starts.

``partitura.utils.fluidsynth`` fetches a sound font at import when pyfluidsynth is installed, and fails without a network. It takes
pyfluidsynth as absent when the name cannot be imported, so that is what it is told. Ours is used for sound, partitura's never is.
"""

import sys
import threading
import warnings
from typing import Any

_LOCK = threading.Lock()


def load_partitura() -> Any:
    """Return the partitura package (one to three seconds the first time). Opens no connection."""
    with _LOCK:
        if "partitura" not in sys.modules:
            fluidsynth = sys.modules.get("fluidsynth")
            sys.modules["fluidsynth"] = None  # type: ignore[assignment]  # Python's own way to say: this import fails
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    import partitura
            finally:
                del sys.modules["fluidsynth"]
                if fluidsynth is not None:
                    sys.modules["fluidsynth"] = fluidsynth
        import partitura
    return partitura
