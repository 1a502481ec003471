"""Safetensors files whose bytes depend on nothing but what is in them."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save


def save_in_order(arrays: Mapping[str, np.ndarray], path: Path, said: Mapping[str, str]) -> None:
    """Write arrays and texts as the library does, with the texts sorted, which it writes in another order each time. Raises OSError."""
    stored = save(dict(arrays), dict(said))
    length = int.from_bytes(stored[:8], "little")  # of the header, which is padded with blanks
    header = json.loads(stored[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    told = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
    path.write_bytes(len(told).to_bytes(8, "little") + told + stored[8 + length :])
