"""The only place that imports partitura, when it is first needed, and without the download that its import starts.

At import ``partitura.utils.fluidsynth`` downloads a sound font when pyfluidsynth is installed, and fails without a network. Therefore
pyfluidsynth is hidden meanwhile; the engine has its own FluidSynth, and partitura's is never used. Where verovio is installed, partitura
runs it on every MEI file in this process, where it prints and may crash; music21 it imports for seconds where that is installed, and its
import opens a socket. Therefore these are hidden as well.
"""

import sys
import threading
import warnings
from typing import Any

from engine.base.partitura_timeline import quicken_timeline

HIDDEN = ("fluidsynth", "verovio", "music21")
_LOCK = threading.Lock()


def load_partitura() -> Any:
    """Return the partitura package (one to three seconds the first time). Opens no connection."""
    with _LOCK:
        if "partitura" not in sys.modules:
            hidden = {name: sys.modules.get(name) for name in HIDDEN}
            sys.modules.update(dict.fromkeys(HIDDEN))  # type: ignore[arg-type]  # None is Python's own way to say: this import fails
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    import partitura
                quicken_timeline(partitura.score)
            finally:
                for name, module in hidden.items():
                    del sys.modules[name]
                    if module is not None:
                        sys.modules[name] = module
        import partitura
    return partitura
