"""Notes of a MusicXML document whose children partitura finds quickly.

partitura 1.9 asks each <note> some thirty times for a child, most of which it does not have. A search of lxml goes through all children,
and where there is none, an exception goes up and down. What partitura reads is unchanged.
"""

from typing import Any


class Note:
    """A <note> as partitura asks it: the first child of each name is known, all else is the element's."""

    __slots__ = ("_element", "_first")

    def __init__(self, element: Any) -> None:
        self._element = element
        self._first: dict[Any, Any] = {}
        for child in element:
            self._first.setdefault(child.tag, child)

    def find(self, path: str) -> Any:
        if "/" not in path:
            return self._first.get(path)
        return self._element.find(path) if path.partition("/")[0] in self._first else None

    def findall(self, path: str) -> list[Any]:
        found: list[Any] = self._element.findall(path) if path.partition("/")[0] in self._first else []
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._element, name)


def quicken_notes(reader: Any) -> None:
    """Let ``partitura.io.importmusicxml`` look into notes so, in place."""
    handle_note = reader._handle_note

    def _handle_note(e: Any, *arguments: Any) -> Any:
        return handle_note(Note(e), *arguments)

    def get_value_from_tag(e: Any, tag: str, as_type: Any, none_on_error: bool = True) -> Any:
        child = e.find(tag)
        if child is None and none_on_error:
            return None
        try:
            return as_type(child.text)
        except (ValueError, AttributeError):
            if none_on_error:
                return None
            raise

    reader._handle_note, reader.get_value_from_tag = _handle_note, get_value_from_tag
