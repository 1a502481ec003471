"""The ONNX files that ship, each with its model card."""

from pathlib import Path


def pretrained(name: str, given: Path | None = None) -> Path:
    """Return the path of a file that ships; of the file ``given`` in its place, or of the same name in the folder ``given``."""
    if given is None:
        return Path(__file__).parent / name
    return given / name if given.is_dir() else given
