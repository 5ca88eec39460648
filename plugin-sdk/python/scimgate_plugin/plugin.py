"""A plugin: its description, and its function."""

import json
import traceback
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar, Union, get_args

from . import configuration, log
from .document import Document, HostDocument

ScimType = Literal["invalidValue", "uniqueness", "mutability", "invalidSyntax"]
"""Why a document is rejected, for the client (RFC 7644, table 9)."""


@dataclass(frozen=True)
class Context:
    """Which document this is, and when it was changed."""

    tenant: str
    """The tenant's name."""
    resource_type: str
    """`User`, `Group`, or a resource type that the tenant defined."""
    resource_id: str
    """The resource's `id`."""
    last_modified: str
    """RFC 3339. The only "now", so a preview and a later run give the same result."""


@dataclass(frozen=True)
class Mapped:
    """The product gets the document as the plugin left it."""


@dataclass(frozen=True)
class Excluded:
    """Accepted from the client, hidden from the product."""

    why: str


@dataclass(frozen=True)
class Rejected:
    """Nothing is stored; the client gets a SCIM error with this detail."""

    detail: str
    scim_type: ScimType = "invalidValue"


Outcome = Union[Mapped, Excluded, Rejected]
"""What the plugin decides for the document."""

C = TypeVar("C")


class Plugin(Generic[C]):
    """A plugin, to derive from: `class Shout(Plugin[Config])`, where `Config` is a dataclass, or None."""

    name: ClassVar[str]
    """Lower-case letters, digits and hyphens."""
    version: ClassVar[str]
    """SemVer."""
    resource_types: ClassVar[tuple[str, ...]] = ("User", "Group")
    """The resource types that it can map."""

    def transform(self, document: Document, config: C, context: Context) -> Outcome | None:
        """Maps one document in place. None means that it is mapped. What it raises means that the plugin could not do its work:
        its changes are discarded. For an invalid document return `Rejected`."""
        raise NotImplementedError

    @classmethod
    def config_schema(cls) -> dict[str, Any]:
        """The JSON Schema of the configuration."""
        kind = cls._configuration()
        return configuration.schema(kind) if kind else {"type": "object", "additionalProperties": False}

    def call(self, context: Context, config: str, document: HostDocument) -> Outcome:
        """One call, the same for the gateway and for tests."""
        kind = self._configuration()
        given = json.loads(config) if config.strip() else {}
        read: Any = configuration.read(kind, given) if kind else None
        outcome = self.transform(Document(document), read, context)
        return Mapped() if outcome is None else outcome

    @classmethod
    def _configuration(cls) -> Any:
        for base in getattr(cls, "__orig_bases__", ()):
            for kind in get_args(base):
                return None if kind in (None, type(None)) else kind
        return None


LOGGED_FRAMES = 10
"""The innermost calls of an error that are logged."""


def reason(error: BaseException) -> str:
    """The text of what was raised; where it was raised goes to the log."""
    for line in traceback.format_exception(error, limit=-LOGGED_FRAMES):
        log.debug(line.rstrip())
    return str(error) if type(error) is Exception else f"{type(error).__name__}: {error}"
