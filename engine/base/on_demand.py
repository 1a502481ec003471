"""Objects named as ``"module:name"``, whose modules are imported only when the objects are used."""

from importlib import import_module
from typing import Any


def load_object(reference: str) -> Any:
    """Return the object that ``reference``, ``"module:name"``, names.

    Raises ValueError when it is not of that form or the module has no such name, ImportError when there is no such module.
    """
    module, separator, name = reference.partition(":")
    if not (module and separator and name):
        raise ValueError(f"got {reference!r}, expected 'module:name', as in 'engine.base.files:whole_file'")
    try:
        return getattr(import_module(module), name)
    except AttributeError as error:
        raise ValueError(f"{reference!r}: the module has no {name!r}; correct the name") from error
