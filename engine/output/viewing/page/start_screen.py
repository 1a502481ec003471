"""The start screen, as ``perf-live`` sees it: what can be chosen, and the program that serves it (see ``starts``) until something is."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.base.configuration import validate_config
from engine.base.errors import PerfLiveError, UsageError, one_line
from engine.base.saying import say
from engine.output.endpoints import AUDIO
from engine.output.page_ends import PAGE
from engine.output.viewing.page.address import Address
from engine.output.viewing.page.offered import bundled, find, takes
from engine.systems import Kind, performers

PATIENCE_S = 2.0  # for the program to end


class What(StrEnum):
    """What can be played."""

    SCORE = "score"
    DUO = "duo"
    KEYS = "keys"
    IMPROVISE = "improvise"
    TAKE = "take"


KINDS = {What.SCORE: Kind.SCORES, What.DUO: Kind.SCORES, What.KEYS: Kind.NOTES, What.IMPROVISE: Kind.IMPROVISES}


class Choice(BaseModel):
    """What was chosen. Names are those that the command line knows; ``file`` is one of those that were offered or dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: What
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    file: str | None = None
    part: str | None = None  # that somebody plays, of a score
    performer: str | None = None
    lookahead_s: Annotated[float, Field(ge=0)] | None = None
    mode: Literal["continue", "duet"] | None = None
    preset: str | None = None

    @property
    def follows(self) -> str | None:
        """Return the part that somebody plays, of whom the rest is to come along with."""
        from engine.runtime.following.parts import AUTO  # NumPy, when it is needed

        return (self.part or AUTO) if self.what is What.DUO else None

    def path(self, folder: Path) -> Path | None:
        """Return the file, where one is needed; ``folder`` is where files are dropped. Raises UsageError for one that was not offered."""
        if self.what not in (What.SCORE, What.DUO, What.TAKE):
            return None
        path = find(self.file, folder)
        if path is None:
            raise UsageError(f"{self.file or 'no file'!r}: choose a file, or drop one on the page")
        return path


def choose_and_play(
    address: Address, presets: list[str], api: str | None, play: Callable[[Choice, Path | None, Address], str | None]
) -> None:
    """Let what is to be played be chosen on the page until a signal comes, or ``play`` returns None.

    ``play`` plays what was chosen, of a file if it needs one, and returns the line that says how it went. ``api`` is the driver of ports.
    """
    said: str | None = ""
    with tempfile.TemporaryDirectory(prefix="perf-live-") as folder:
        while said is not None:
            try:
                chosen = _ask(address, {"offer": {**_offer(), "presets": presets, "said": said}, "folder": folder, "api": api})
            except KeyboardInterrupt:
                return
            try:
                choice = validate_config("what was chosen", chosen, Choice)
                said = play(choice, choice.path(Path(folder)), address)
            except PerfLiveError as error:
                said = one_line(error)
                say(said)


def _ask(address: Address, start: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is chosen on the page. Raises PerfLiveError when the program that serves it has ended before."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    called = [sys.executable, "-m", __package__]
    program = subprocess.Popen(called, text=True, encoding="utf-8", **pipes, **address.passed())  # noqa: S603
    assert program.stdin and program.stdout  # noqa: S101
    try:
        begin = {"socket": address.shared_with(program), "token": address.token, "start": start}
        program.stdin.write(json.dumps({"begin": begin}) + "\n")
        program.stdin.flush()
        for line in program.stdout:
            chosen: Mapping[str, Any] = json.loads(line)["begin"]
            return chosen
        raise PerfLiveError("the page has ended; start perf-live again")
    finally:
        _end(program)


def _end(program: "subprocess.Popen[str]") -> None:
    """Let the program end, or end it where it does not."""
    with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
        program.communicate(timeout=PATIENCE_S)
        return
    program.kill()
    program.wait()


def _offer() -> Mapping[str, Any]:
    """Return what can be chosen, but for ports and presets."""
    return {
        "examples": [path.name for path in bundled()],
        "takes": [path.name for path in takes()],
        "performers": {
            what: [
                {"name": name, "summary": system.summary, "looks_ahead": kind is Kind.NOTES and Kind.SCORES in system.plays}
                for name, system in performers(kind).items()
            ]
            for what, kind in KINDS.items()
        },
        "own": {"input": PAGE, "output": PAGE, "sound_card": AUDIO},
    }
