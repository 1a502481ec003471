"""WAV files as they are written: 16 or 24 bit, or 32-bit float, of any sample rate."""

import struct
from io import SEEK_END, FileIO
from pathlib import Path
from types import TracebackType

import numpy as np

MOST_BYTES = 2**32 - 1 - 100  # the format counts them with 32 bits, and its header is among them
_INTEGER, _FLOAT = 1, 3  # format tags


def most_frames(channels: int, bits: int) -> int:
    """Return how many frames a file can hold."""
    return MOST_BYTES // (channels * bits // 8)


class WavFile:
    """Writes blocks of samples to a new file, and its lengths when it is closed, or before that when it is brought up to date."""

    def __init__(self, file: Path | FileIO, sample_rate: int, channels: int = 2, bits: int = 16):
        """``file``: its path, or the empty file itself. Raises OSError."""
        self.bits, self._frame_bytes = bits, channels * bits // 8
        self.frames = 0
        tag = _FLOAT if bits == 32 else _INTEGER
        layout = struct.pack("<HHIIHH", tag, channels, sample_rate, sample_rate * self._frame_bytes, self._frame_bytes, bits)
        self._head = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout
        self._file = FileIO(file, "w") if isinstance(file, Path) else file
        self._write_header()
        self.begin = self._file.tell()  # where the samples stand

    def write(self, samples: np.ndarray) -> None:
        """Append (frames, channels) samples from -1 to 1; integers are cut off at full scale. Raises OSError."""
        self._write(encode(samples, self.bits))
        self.frames += len(samples)

    def bring_up_to_date(self) -> None:
        """Write the lengths of what there is. Raises OSError."""
        self._file.seek(0)
        self._write_header()
        self._file.seek(0, SEEK_END)

    def close(self) -> None:
        """Raises OSError."""
        with self._file:
            self._write(b"\0" * (self.frames * self._frame_bytes % 2))  # chunks are of an even length
            self.bring_up_to_date()

    def __enter__(self) -> "WavFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _write(self, data: bytes) -> None:
        while data:  # a disk that is nearly full takes a part, and fails the next time
            data = data[self._file.write(data) :]

    def _write_header(self) -> None:
        length = min(self.frames * self._frame_bytes, MOST_BYTES)
        fact = b"fact" + struct.pack("<II", 4, self.frames) if self.bits == 32 else b""
        head = self._head + fact
        self._write(b"RIFF" + struct.pack("<I", len(head) + 8 + length + length % 2) + head + b"data" + struct.pack("<I", length))


def encode(samples: np.ndarray, bits: int) -> bytes:
    """Return samples as the format has them, little-endian."""
    if bits == 32:
        return np.ascontiguousarray(samples, "<f4").tobytes()
    full = 2 ** (bits - 1) - 1
    integers = np.rint(np.clip(samples, -1, 1).astype(np.float64) * full).astype("<i4")
    if bits == 16:
        return integers.astype("<i2").tobytes()
    return np.ascontiguousarray(integers.reshape(-1, 1).view(np.uint8)[:, :3]).tobytes()
