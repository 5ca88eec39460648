"""Everything a Scimgate mapping plugin needs: a subclass of `Plugin` with a function `transform`.

A plugin is a pure function of context, configuration and document: every call runs in a fresh instance, without files and
network; the clock stands at `context.last_modified`, and random numbers repeat with the call.
"""

from .configuration import ScimPath, field
from .document import Document, Json, PathError
from .log import debug, error, info, warn
from .plugin import Context, Excluded, Mapped, Outcome, Plugin, Rejected

__all__ = [
    "Context",
    "Document",
    "Excluded",
    "Json",
    "Mapped",
    "Outcome",
    "PathError",
    "Plugin",
    "Rejected",
    "ScimPath",
    "debug",
    "error",
    "field",
    "info",
    "warn",
]
