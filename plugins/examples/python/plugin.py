"""Makes a display name of the parts of the name, and keeps accounts of machines from the product."""

from dataclasses import dataclass

from scimgate_plugin import Context, Document, Excluded, Outcome, Plugin, ScimPath, field


@dataclass
class Config:
    suffix: str = field("", title="Appended to every display name")
    machines: ScimPath | None = field(None, title="An attribute that only accounts of machines have")


class DisplayName(Plugin[Config]):
    name = "display-name-py"
    version = "0.1.0"
    resource_types = ("User",)

    def transform(self, document: Document, config: Config, context: Context) -> Outcome | None:
        if config.machines and document.has(config.machines):
            return Excluded(f"it has {config.machines}")
        parts = filter(None, map(document.get_str, ["name.givenName", "name.familyName"]))
        if name := " ".join(parts):
            document.set("displayName", name + config.suffix)
        return None
