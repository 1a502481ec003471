"""One HTML file of what a performance shows and how it sounds. It asks for nothing outside itself, and a policy tells the browser so."""

import base64
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

from engine.base.files import whole_file
from engine.output.engraving.font import font

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; font-src data:; media-src blob:; img-src data:"
LIVE_PAGE = ("page", "files")  # draws scores in the same way
SCORE_STYLE, SCORE_FONT = "score.css", "Leipzig.woff2"
_IMPORT = re.compile(r'^import \{([^}]+)\} from "([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (class|function|const) (\w+)", re.MULTILINE)


class Sound(NamedTuple):
    kind: str  # a media type
    data: bytes


def write_document(path: Path, title: str, shown: Mapping[str, Any], sound: Sound, human: Sound | None = None) -> None:
    """Write what ``shown`` says, see ``engine.output.html_content``, with its sound and that of a human where there is one.

    Raises PerfLiveError when the file cannot be written.
    """
    own = files(__package__) / "files"
    live = files("engine.output.viewing").joinpath(*LIVE_PAGE)
    score = live / "score"
    style = (score / SCORE_STYLE).read_text(encoding="utf-8").replace(SCORE_FONT, f"data:font/woff2;base64,{_base64(font())}")
    parts = {
        "title": html.escape(title),
        "policy": POLICY,
        "style": style + (own / "player.css").read_text(encoding="utf-8"),
        "shown": json.dumps(shown, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/"),
        "sounds": _script("sound", sound) + (_script("human", human) if human else ""),
        "script": bundled(own, "player.js", {"score": score, "..": live}),
    }
    page = (own / "player.html").read_text(encoding="utf-8")
    document = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], page)
    with whole_file(path) as temporary:
        temporary.write_text(document, encoding="utf-8")


def bundled(own: Traversable, main: str, folders: Mapping[str, Traversable]) -> str:
    """Return a module of the folder ``own`` and all that it imports as one script: each module a function, which returns what it exports.

    Modules are imported from their own folder, or, by its name, from another of the ``folders``.
    """
    written: dict[str, str] = {}
    names: dict[str, str] = {}

    def add(file: Traversable, folder: Traversable) -> str:
        """Write a module after those that it imports; return its name."""
        key = str(file)
        if key not in names:
            source = file.read_text(encoding="utf-8")
            imports = []
            for wanted, place in _IMPORT.findall(source):
                first, _, rest = place.removeprefix("./").partition("/")
                beside = folders[first] if rest else folder
                imports.append(f"const {{{wanted}}} = {add(beside / (rest or first), beside)};\n")
            exported = [name for _, name in _EXPORT.findall(source)]
            body = _EXPORT.sub(r"\1 \2", _IMPORT.sub("", source))
            names[key] = f"module{len(names)}"
            written[key] = f"const {names[key]} = (() => {{\n{''.join(imports)}{body}return {{{', '.join(exported)}}};\n}})();\n"
        return names[key]

    add(own / main, own)
    return "".join(written.values())


def _script(name: str, sound: Sound) -> str:
    return f'<script type="text/plain" id="{name}" data-kind="{sound.kind}">{_base64(sound.data)}</script>\n  '


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
