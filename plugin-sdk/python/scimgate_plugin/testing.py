"""Tests of a plugin outside the gateway: one call on a document of your own, and the examples in `fixtures/*.json`."""

import copy
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from . import log
from .document import PathError
from .plugin import Context, Excluded, Mapped, Outcome, Plugin, Rejected, reason

CONTEXT = Context("acme", "User", "0198c0de-0000-7000-8000-000000000001", "2026-01-02T03:04:05Z")
"""A context for tests."""


@dataclasses.dataclass
class Ran:
    """The result of one call."""

    outcome: Outcome | None
    """The plugin's decision; None if it could not do its work."""
    error: str | None
    """Why it could not."""
    document: dict[str, Any]
    """The document as the plugin left it."""
    log: list[tuple[str, str]]
    """The level and the text of what it logged."""


def run(plugin: type[Plugin[Any]], config: Any, document: dict[str, Any], context: Context = CONTEXT) -> Ran:
    """Runs one call of a plugin."""
    memory = MemoryDocument(copy.deepcopy(document))
    log.take()
    try:
        outcome = plugin().call(context, json.dumps({} if config is None else config), memory)
    except Exception as error:
        return Ran(None, reason(error), memory.value, log.take())
    return Ran(outcome, None, memory.value, log.take())


def fixtures(folder: str | Path) -> list[dict[str, Any]]:
    """The examples of a folder's JSON files."""
    found: list[dict[str, Any]] = []
    for path in sorted(Path(folder).glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            content = content.get("examples", [content])
        found.extend(content)
    assert found, f"{folder} has no examples"
    return found


def check(plugin: type[Plugin[Any]], fixture: dict[str, Any]) -> None:
    """Runs one example, and fails if the result is another one."""
    context = dataclasses.replace(
        CONTEXT,
        resource_type=fixture.get("resourceType", "User"),
        last_modified=fixture.get("lastModified", CONTEXT.last_modified),
    )
    ran = run(plugin, fixture.get("config"), fixture["before"], context)
    name, wanted = fixture["name"], fixture.get("outcome")
    if wanted and "error" in wanted:
        assert ran.error is not None and wanted["error"] in ran.error, f"{name}: {ran.error or ran.outcome}"
        return
    assert ran.error is None, f"{name}: {ran.error}"
    assert _told(ran.outcome) == wanted, f"{name}: {ran.outcome}"
    if wanted is None:
        after = fixture.get("after", fixture["before"])
        assert ran.document == after, f"{name}\n  found  {ran.document}\n  wanted {after}"
    if "log" in fixture:
        assert [{"level": level, "message": text} for level, text in ran.log] == fixture["log"], f"{name}: {ran.log}"


def _told(outcome: Outcome | None) -> dict[str, str] | None:
    match outcome:
        case Excluded(why):
            return {"excluded": why}
        case Rejected(detail):
            return {"rejected": detail}
        case Mapped() | None:
            return None


_Place = tuple[Any, Any]
_Step = tuple[str, tuple[str, Any] | None]


class MemoryDocument:
    """A document with simple paths: attribute, sub-attribute, URN, `[sub eq "value"]`. It knows no schemas: `scimgate plugin test`
    runs the examples in the gateway's own engine."""

    def __init__(self, value: dict[str, Any]) -> None:
        self.value = value

    def get(self, path: str) -> list[str]:
        return [json.dumps(owner[key], ensure_ascii=False) for owner, key in self._places(_parse(path))]

    def set(self, path: str, value: str) -> int:
        steps = _writable(path)
        if not self._places(steps):
            self._create(steps)
        places = self._places(steps)
        for owner, key in places:
            owner[key] = json.loads(value)
        return len(places)

    def append(self, path: str, value: str) -> int:
        steps = _writable(path)
        if not self._places(steps):
            self.set(path, "[]")
        owner, key = self._places(steps)[0]
        values, given = owner[key], json.loads(value)
        if not isinstance(values, list):
            raise PathError("wrong-value", f"{path} is not multi-valued")
        before = len(values)
        for element in given if isinstance(given, list) else [given]:
            if element not in values:
                values.append(element)
        return len(values) - before

    def remove(self, path: str) -> int:
        places = self._places(_writable(path))
        for owner, key in reversed(places):
            del owner[key]
        return len(places)

    def to_json(self) -> str:
        return json.dumps(self.value, ensure_ascii=False)

    def replace(self, text: str) -> None:
        kept = ("id", "meta", "schemas")
        self.value = {name: it for name, it in self.value.items() if name in kept} | {
            name: it for name, it in json.loads(text).items() if name not in kept
        }

    def _places(self, steps: list[_Step]) -> list[_Place]:
        """Where a path's matches are."""
        places: list[_Place] = [({"document": self.value}, "document")]
        for name, selects in steps:
            found: list[_Place] = []
            for owner, key in places:
                elements = owner[key] if isinstance(owner[key], list) else [owner[key]]
                found.extend((element, own) for element in elements if (own := _member(element, name)) is not None)
            places = found
            if selects:
                lists = [owner[key] for owner, key in places if isinstance(owner[key], list)]
                places = [(it, at) for it in lists for at, element in enumerate(it) if _equal(element, selects)]
        return places

    def _create(self, steps: list[_Step]) -> None:
        """Creates what a path without a match names."""
        at: Any = self.value
        for index, (name, selects) in enumerate(steps):
            key = _member(at, name) or name
            if selects:
                values = at.setdefault(key, [])
                found = next((it for it in values if _equal(it, selects)), None)
                if found is None:
                    found = {selects[0]: selects[1]}
                    values.append(found)
                at = found
            elif index == len(steps) - 1:
                at.setdefault(key, None)
            else:
                at = at.setdefault(key, {})


def _member(value: Any, name: str) -> str | None:
    if not isinstance(value, dict):
        return None
    return next((key for key in value if key.lower() == name.lower()), None)


def _equal(value: Any, selects: tuple[str, Any]) -> bool:
    key = _member(value, selects[0])
    found, wanted = (value[key] if key else None), selects[1]
    if isinstance(found, str) and isinstance(wanted, str):
        return found.lower() == wanted.lower()
    return bool(key) and found == wanted


def _writable(path: str) -> list[_Step]:
    steps = _parse(path)
    if steps and steps[0][0].lower() in ("id", "meta", "schemas"):
        raise PathError("read-only", f"{path} is set by the gateway")
    return steps


_URN = re.compile(r"(urn:.*):([^:]+)", re.IGNORECASE | re.DOTALL)
_PART = re.compile(r"(?:[^.\[]|\[[^\]]*\])+")
_STEP = re.compile(r'([A-Za-z$][\w$-]*)(?:\[([\w$-]+)\s+eq\s+("(?:[^"\\]|\\.)*"|true|false|\d+)\])?', re.IGNORECASE)


def _parse(path: str) -> list[_Step]:
    steps: list[_Step] = []
    rest = path
    if urn := _URN.fullmatch(path):
        if urn[2][0].isdigit():
            return [(path, None)]
        steps.append((urn[1], None))
        rest = urn[2]
    parts = _PART.findall(rest)
    if not parts or ".".join(parts) != rest:
        raise PathError("malformed", f"{path} is not an attribute path")
    for part in parts:
        step = _STEP.fullmatch(part)
        if not step:
            raise PathError("malformed", f"{path} is not an attribute path")
        steps.append((step[1], (step[2], json.loads(step[3])) if step[2] else None))
    return steps
