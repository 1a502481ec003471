"""The training side of the made-up sixth system: one stage that keeps a number, and an exporter that copies it."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from training.stages import Outcome, Stage, Work


class LevelConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    level: int


def keep(config: LevelConfig, work: Work) -> Outcome:
    (work.folder / "level.json").write_text(json.dumps(config.level))
    return Outcome(f"level {config.level}", ("level.json",))


STAGES = {"echo": Stage(LevelConfig, keep)}


def export(run: Any) -> dict[str, Path]:
    """Return the one file of the system: the artefact of its stage as it is."""
    (stage,) = run.stages
    return {"echo.json": stage.folder / "level.json"}
