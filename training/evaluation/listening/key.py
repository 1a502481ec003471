"""The key of a listening test: which clip is which. Whoever listens must not see it."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from engine.base.configuration import validate_config
from engine.base.errors import UsageError

KEY_FILE = "key_for_experimenter_only.json"


class KeyExcerpt(BaseModel):
    """``measures`` are the first and the last number, ``onset_quarter`` where it begins; ``clips`` has the source of each file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    excerpt: int
    piece: str
    recording: str
    measures: tuple[int, int]
    onset_quarter: float
    notes: int
    clips: dict[str, str]


class Key(BaseModel):
    """``kit`` names the test: a digest of its clips."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kit: str
    seed: int
    temperature: float
    sound_font: str
    sources: tuple[str, ...]
    excerpts: tuple[KeyExcerpt, ...]


def read_key(path: Path) -> Key:
    """Raises UsageError for a file that is none."""
    content = read_json(path)
    if "sources" not in content:
        raise UsageError(f"{str(path)!r}: no key of a test; give {KEY_FILE}, which perf-eval listen wrote")
    return validate_config(repr(str(path)), content, Key)


def read_json(path: Path) -> dict[str, object]:
    """Raises UsageError for a file that holds no JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{str(path)!r}: {getattr(error, 'strerror', None) or 'not a text file'}; expected a JSON file") from None
    except (ValueError, RecursionError) as error:
        where = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(f"{str(path)!r}: not JSON{where}; give files that the page of perf-eval listen saved") from None
    if not isinstance(content, dict):
        raise UsageError(f"{str(path)!r}: no JSON object; give files that the page of perf-eval listen saved")
    return content
