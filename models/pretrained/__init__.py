"""The ONNX files that ship, each with its model card."""

from pathlib import Path


def pretrained(name: str) -> Path:
    """Return the path of a file that ships."""
    return Path(__file__).parent / name
