"""The only place that imports partitura, when it is first needed, and without the download that its import starts.

At import ``partitura.utils.fluidsynth`` downloads a sound font when pyfluidsynth is installed, and fails without a network. Therefore
pyfluidsynth is hidden meanwhile; the engine has its own FluidSynth, and partitura's is never used. Where verovio is installed, partitura
runs it on every MEI file in this process, where it prints and may crash; music21 it imports for seconds where that is installed, and its
import opens a socket. Therefore these are hidden as well.
"""

import importlib
import sys
import threading
import warnings
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

from engine.base.partitura_timeline import quicken_timeline

HIDDEN = ("fluidsynth", "verovio", "music21")
# What partitura's readers import and call seldom or never, with the names that they take from it.
SELDOM_CALLED = {
    "scipy": (),
    "scipy.interpolate": ("interp1d", "PPoly"),
    "scipy.sparse": ("csc_matrix",),
    "xmlschema": ("XMLSchema",),
    "xmlschema.names": (),
}
XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
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


def load_partitura_readers() -> Any:
    """Return partitura with its readers of MusicXML and MEI alone (0.2 s, 30 MB), for a process that does nothing else.

    Its package imports all of its formats and analyses, and with them pandas and most of SciPy: two seconds and 130 MB. ``load_partitura``
    returns the same from then on.
    """
    for name in ("partitura", "partitura.io"):
        spec = find_spec(name)
        if spec is None:
            raise ModuleNotFoundError(f"no module named {name!r}")
        sys.modules[name] = module_from_spec(spec)  # without what its __init__ imports
    sys.modules.update(dict.fromkeys(HIDDEN))  # type: ignore[arg-type]
    for name, objects in SELDOM_CALLED.items():
        module = ModuleType(name)
        vars(module).update({each: _called_late(name, each) for each in objects}, XML_NAMESPACE=XML_NAMESPACE)
        sys.modules[name] = module
    partitura: Any = sys.modules["partitura"]
    partitura.score = importlib.import_module("partitura.score")
    partitura.load_musicxml = importlib.import_module("partitura.io.importmusicxml").load_musicxml
    partitura.load_mei = importlib.import_module("partitura.io.importmei").load_mei
    quicken_timeline(partitura.score)
    return partitura


def _called_late(module: str, name: str) -> Any:
    """Return a stand-in for a class of functions, which is imported when one of its functions is first called."""

    def make(*arguments: Any, **named: Any) -> Any:
        made: list[Any] = []

        def call(*values: Any) -> Any:
            if not made:
                if not hasattr(sys.modules[module], "__file__"):
                    for stand_in in SELDOM_CALLED:
                        sys.modules.pop(stand_in, None)
                made.append(getattr(importlib.import_module(module), name)(*arguments, **named))
            return made[0](*values)

        return call

    return make
