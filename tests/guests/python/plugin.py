"""A plugin that misbehaves as configured, to test the host's limits."""

import encodings.idna  # noqa: F401
import json
import os
import random
import socket
import sys
import time
import uuid
from dataclasses import dataclass

from scimgate_plugin import Context, Document, Outcome, Plugin, Rejected, field, info

calls = 0


@dataclass
class Config:
    do: str = field()
    size: int = field(1)
    path: str = field("/etc/passwd")


class Hostile(Plugin[Config]):
    name = "hostile-py"
    version = "0.1.0"

    def transform(self, document: Document, config: Config, context: Context) -> Outcome | None:
        global calls
        size = config.size
        match config.do:
            case "nothing":
                return None
            case "spin":
                while True:
                    calls += 1
            case "recurse":
                return Rejected(str(recurse(size)))
            case "allocate":
                return Rejected(f"has {len(bytearray(size))} bytes")
            case "write":
                document.set("title", "x" * size)
            case "log":
                for line in range(size):
                    info(f"line {line}")
            case "print":
                for line in range(size):
                    print("line", line)
                print("no end", file=sys.stderr, end="", flush=True)
            case "throw":
                raise RuntimeError(f"I would rather not map {document.get_str('userName')}")
            case "open":
                open(config.path).close()
            case "list":
                document.set("title", json.dumps(os.listdir(config.path)))
            case "socket":
                socket.socket().connect(("127.0.0.1", 80))
            case "resolve":
                socket.getaddrinfo("example.com", 80)
            case "sleep":
                time.sleep(size)
            case "exit":
                os._exit(3)
            case "system":
                os.system("id")
            case "urandom":
                document.set("title", str(len(os.urandom(size))))
            case "count":
                calls += 1
                document.set("title", str(calls))
            case "observe":
                document.set("title", json.dumps(observe()))
        return None


def recurse(depth: int) -> int:
    return 0 if depth == 0 else 1 + recurse(depth - 1)


def observe() -> dict[str, object]:
    """All that a script can learn of the world around it."""
    return {
        "now": time.time(),
        "monotonic": time.monotonic(),
        "zone": time.timezone,
        "random": [random.random(), random.SystemRandom().random(), str(uuid.uuid4()), os.urandom(8).hex()],
        "environment": dict(os.environ),
        "arguments": sys.argv,
        "input": sys.stdin.read(),
    }
