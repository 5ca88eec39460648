"""`python plugin-sdk/python/tests/test_sdk.py` tests the document and the configuration."""

import copy
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scimgate_plugin import Document, PathError, Plugin, ScimPath, field
from scimgate_plugin.testing import MemoryDocument, run

CASES = Path(__file__).resolve().parents[2] / "testdata" / "documents.json"
NAMES = {"editTexts": "edit_texts"}


def change(text: str) -> str | None:
    """What the cases' texts are changed to."""
    return None if text == "drop" else text.upper()


def check(case: dict[str, Any]) -> None:
    memory = MemoryDocument(copy.deepcopy(case["before"]))
    name, *rest = case["call"]
    function = getattr(Document(memory), NAMES.get(name, name))
    arguments = [*rest, change] if name == "editTexts" else rest
    if "error" in case:
        try:
            function(*arguments)
        except (PathError, ValueError) as error:
            assert case["error"] in (error.kind if isinstance(error, PathError) else str(error)), error
            return
        raise AssertionError(f"{case['name']} is not an error")
    assert function(*arguments) == case.get("returns"), case["name"]
    assert "after" not in case or memory.value == case["after"], f"{case['name']}: {memory.value}"


@dataclass
class Config:
    paths: list[ScimPath]
    mode: Literal["a", "b"] = field("a")
    limit: float | None = field(None, minimum=1)


class It(Plugin[Config]):
    name = "it"
    version = "0.1.0"

    def transform(self, document: Document, config: Config, context: object) -> None:
        document.set("title", f"{config.paths} {config.mode} {config.limit}")


def check_configuration() -> None:
    assert It.config_schema() == {
        "type": "object",
        "properties": {
            "paths": {"type": "array", "items": {"type": "string", "format": "scim-path"}},
            "mode": {"enum": ["a", "b"], "default": "a"},
            "limit": {"type": "number", "minimum": 1},
        },
        "required": ["paths"],
        "additionalProperties": False,
    }, It.config_schema()
    assert run(It, {"paths": ["nickName"]}, {}).document == {"title": "['nickName'] a None"}
    for config, words in [({}, "needs the field paths"), ({"paths": [], "pats": 1}, "has no field pats")]:
        ran = run(It, config, {})
        assert re.search(words, ran.error or ""), ran


for it in json.loads(CASES.read_text(encoding="utf-8")):
    check(it)
check_configuration()
print("the Python SDK's tests passed")
