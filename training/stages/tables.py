"""Columns that are slow to compute, kept in a cache folder as Arrow files: written a part at a time, read where they lie.

The file's name has a digest of what the columns were computed from and of the code that did it, so that neither can go stale. The columns
are mapped into memory and not read: the system fetches what is asked for and drops what it needs the room for. So a data set may be larger
than the memory; what is held of it at once is a part while it is written, and a batch while it is learnt from.
"""

import hashlib
import inspect
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow

from engine.base.errors import PerfLiveError
from engine.base.files import make_folder, whole_file


class Columns(NamedTuple):
    """``arrays`` by name, all with as many rows, which are not to be written to; ``starts`` (parts + 1,) int64 bounds each part."""

    arrays: dict[str, np.ndarray]
    starts: np.ndarray


def code_digest(*parts: Any) -> str:
    """Return a digest of the source of modules, classes and functions."""
    return hashlib.sha256("".join(inspect.getsource(part) for part in parts).encode()).hexdigest()


def load_columns(path: Path, parts: Callable[[], Iterable[Mapping[str, np.ndarray]]]) -> Columns:
    """Return the columns that are at ``path``; where nothing is, ``parts`` is asked for them, part by part, and they are written there.

    Each part has arrays of the same names, types and shapes of a row. Raises PerfLiveError when there is no part, or when the file cannot
    be written or read.
    """
    if not path.exists():
        make_folder(path.parent)
        with tempfile.TemporaryDirectory(prefix=".columns-", dir=path.parent) as folder:
            _write(path, Path(folder), parts())
    return _read(path)


def _write(path: Path, folder: Path, parts: Iterable[Mapping[str, np.ndarray]]) -> None:
    """Append each part to a plain file a column, and put these one after the other into the Arrow file: a column is then in one piece."""
    starts, like, files = [0], dict[str, np.ndarray](), dict[str, BinaryIO]()
    try:
        for part in parts:
            like = like or {name: array[:0] for name, array in part.items()}
            files = files or {name: (folder / name).open("wb") for name in part}
            starts.append(starts[-1] + len(next(iter(part.values()))))
            for name, array in part.items():
                np.ascontiguousarray(array, dtype=like[name].dtype).tofile(files[name])
    finally:
        for file in files.values():
            file.close()
    if not like:
        raise PerfLiveError(f"{path}: there is nothing to keep; give a corpus with performances")
    shapes = {name: array.shape[1:] for name, array in like.items()}
    described = {"starts": json.dumps(starts), "shapes": json.dumps(shapes)}
    fields, columns = [], []
    for name, array in like.items():
        column = _column(folder / name, array, starts[-1])
        fields.append(pyarrow.field(name, column.type))
        columns.append(column)
    schema = pyarrow.schema(fields, metadata=described)
    with whole_file(path) as partial, pyarrow.OSFile(str(partial), "wb") as sink, pyarrow.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pyarrow.record_batch(columns, schema=schema))


def _column(path: Path, like: np.ndarray, rows: int) -> pyarrow.Array:
    """Return the column whose numbers are in a file, which is mapped: of rows of several, a list of fixed size."""
    width = int(np.prod(like.shape[1:], dtype=int))
    buffer = pyarrow.memory_map(str(path)).read_buffer() if rows else pyarrow.py_buffer(b"")
    values = pyarrow.Array.from_buffers(pyarrow.from_numpy_dtype(like.dtype), rows * width, [None, buffer])
    return pyarrow.FixedSizeListArray.from_arrays(values, width) if like.ndim > 1 else values


def _read(path: Path) -> Columns:
    try:
        with pyarrow.memory_map(str(path)) as file:
            reader = pyarrow.ipc.open_file(file)
            batch, described = reader.get_batch(0), reader.schema.metadata
        shapes = json.loads(described[b"shapes"])
        arrays = {name: _array(batch.column(name), shapes[name]) for name in batch.schema.names}
        return Columns(arrays, np.array(json.loads(described[b"starts"]), np.int64))
    except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException) as error:
        raise PerfLiveError(f"{path}: cannot be read ({type(error).__name__}); remove it, and it is made again") from error


def _array(column: pyarrow.Array, shape: list[int]) -> np.ndarray:
    values = column.flatten() if shape else column
    flat = np.frombuffer(values.buffers()[1], dtype=values.type.to_pandas_dtype(), count=len(values)) if len(values) else np.zeros(0)
    return flat.reshape(len(column), *shape)
