"""Makes the calls that its configuration names, in their order, and logs every answer."""

import json
from dataclasses import dataclass
from typing import Any

from scimgate_plugin import Context, Document, Excluded, Outcome, PathError, Plugin, Rejected, debug, error, info, warn

LEVELS = {"debug": debug, "info": info, "warn": warn, "error": error}


@dataclass
class Config:
    calls: list[list[Any]]


class InterfaceCalls(Plugin[Config]):
    name = "interface-calls-py"
    version = "1.0.0"

    def transform(self, document: Document, config: Config, context: Context) -> Outcome | None:
        for name, *rest in config.calls:
            path, value = (rest or [""])[0], (rest or [None])[-1]
            try:
                match name:
                    case "context":
                        answer: Any = [context.tenant, context.resource_type, context.resource_id, context.last_modified]
                    case "get":
                        answer = document.get(path)
                    case "set":
                        answer = document.set(path, value)
                    case "append":
                        answer = document.append(path, value)
                    case "remove":
                        answer = document.remove(path)
                    case "to-json":
                        answer = document.to_value()
                    case "replace":
                        answer = document.replace(value)
                    case "log":
                        LEVELS[path](rest[1])
                        continue
                    case "excluded":
                        return Excluded(path)
                    case "rejected":
                        return Rejected(path, "uniqueness")
                    case _:
                        raise Exception(path)
                info(json.dumps(answer, separators=(",", ":")))
            except PathError as refused:
                info(refused.kind)
        return None
