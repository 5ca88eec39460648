"""The document of a call. It stays in the gateway; only the attributes that a plugin reads are copied."""

import json
import re
from typing import Any, Callable, Protocol, TypeVar, Union

Json = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]

_T = TypeVar("_T")


class HostDocument(Protocol):
    """The host's document: values are JSON text."""

    def get(self, path: str) -> list[str]: ...
    def set(self, path: str, value: str) -> int: ...
    def append(self, path: str, value: str) -> int: ...
    def remove(self, path: str) -> int: ...
    def to_json(self) -> str: ...
    def replace(self, json: str) -> None: ...


class PathError(Exception):
    """Why a path could not be read or written. A plugin may catch it and go on."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        """`malformed`, `unknown`, `read-only`, `wrong-value`, or `other`, such as too many values."""


class Document:
    """The document of this call.

    Paths are SCIM attribute paths: `userName`, `name.givenName`, `emails[type eq "work"].value`,
    `urn:example:product:2.0:User:badgeNumber`.
    """

    def __init__(self, host: HostDocument) -> None:
        self._host = host

    def get(self, path: str) -> list[Any]:
        """Every match. `emails` matches once, the whole array; `emails.value` once per element."""
        return [json.loads(text) for text in _call(lambda: self._host.get(path))]

    def get_first(self, path: str) -> Any:
        """The first match, or None."""
        found = _call(lambda: self._host.get(path))
        return json.loads(found[0]) if found else None

    def get_str(self, path: str) -> str | None:
        """The first match if it is a string, or None."""
        first = self.get_first(path)
        return first if isinstance(first, str) else None

    def has(self, path: str) -> bool:
        """Whether the path matches anything."""
        return bool(_call(lambda: self._host.get(path)))

    def set(self, path: str, value: Json) -> int:
        """Sets every match, or creates the value if there is no match; returns the number of values set."""
        text = _text(value)
        return _call(lambda: self._host.set(path, text))

    def append(self, path: str, value: Json) -> int:
        """Adds an element, or each element of a list, to a multi-valued attribute and returns how many were new: an element that is
        there already is not added."""
        text = _text(value)
        return _call(lambda: self._host.append(path, text))

    def remove(self, path: str) -> int:
        """Removes every match and returns how many there were."""
        return _call(lambda: self._host.remove(path))

    def edit(self, path: str, change: Callable[[Any], Json]) -> bool:
        """Reads one attribute and writes back what `change` returns, if it is another value. For a multi-valued attribute the
        value is the whole array. Returns whether it changed."""
        found = _call(lambda: self._host.get(path))
        if not found:
            return False
        after = change(json.loads(found[0]))
        if after == json.loads(found[0]):
            return False
        self.set(path, after)
        return True

    def edit_texts(self, path: str, change: Callable[[str], str | None]) -> int:
        """Changes every text that the path matches and returns how many changed. `change` returns the new text, or None to remove
        the value; a removed `value` takes its whole element with it. In `emails` the texts are those of `value`."""
        found = self.get(path)
        if not found:
            return 0
        if len(found) == 1 and isinstance(found[0], str):
            after = change(found[0])
            if after == found[0]:
                return 0
            return self.remove(path) if after is None else self.set(path, after)
        parent, sub = path, "value"
        if len(found) > 1:
            named = re.fullmatch(r"(.*[^\]])\.([\w$-]+)", path, re.DOTALL)
            if not named:
                message = f"{path} matches several values; name the attribute and its sub-attribute without a filter"
                raise ValueError(message)
            parent, sub = named[1], named[2]
        values = self.get_first(parent)
        if not isinstance(values, list):
            return 0
        edited = [_edit_element(value, sub, change) for value in values]
        changed = sum(after is not value for after, value in zip(edited, values))
        left = [after for after in edited if after is not None]
        if changed and left:
            self.set(parent, left)
        elif changed:
            self.remove(parent)
        return changed

    def rename(self, source: str, target: str) -> bool:
        """Moves the value at one path to another; returns whether there was one."""
        found = _call(lambda: self._host.get(source))
        if len(found) > 1:
            raise ValueError(f"{source} matches {len(found)} values: only one can be moved to {target}")
        if not found:
            return False
        _call(lambda: self._host.set(target, found[0]))
        self.remove(source)
        return True

    def to_value(self) -> dict[str, Any]:
        """The whole document. Reading single attributes by path is cheaper, unless a plugin needs most of them."""
        value: dict[str, Any] = json.loads(self._host.to_json())
        return value

    def replace(self, value: dict[str, Json]) -> None:
        """Replaces the whole document except `id`, `meta` and `schemas`."""
        text = _text(value)
        _call(lambda: self._host.replace(text))


def _edit_element(value: Any, sub: str, change: Callable[[str], str | None]) -> Any:
    """The value itself if nothing changed, and None if it is to be removed."""
    if isinstance(value, str):
        after = change(value)
        return value if after == value else after
    if not isinstance(value, dict):
        return value
    name = next((name for name in value if name.lower() == sub.lower()), None)
    if name is None or not isinstance(value[name], str):
        return value
    after = change(value[name])
    if after == value[name]:
        return value
    if after is not None:
        return {**value, name: after}
    return None if sub.lower() == "value" else {other: it for other, it in value.items() if other != name}


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _call(call: Callable[[], _T]) -> _T:
    try:
        return call()
    except PathError:
        raise
    except Exception as error:
        # The generated bindings raise an error whose value is one of the classes PathError_Malformed, PathError_ReadOnly …
        value = getattr(error, "value", None)
        name = type(value).__name__
        if not name.startswith("PathError_"):
            raise
        raise PathError(_KINDS.get(name, name), value.value) from None  # type: ignore[union-attr]


_KINDS = {
    "PathError_Malformed": "malformed",
    "PathError_Unknown": "unknown",
    "PathError_ReadOnly": "read-only",
    "PathError_WrongValue": "wrong-value",
    "PathError_Other": "other",
}
