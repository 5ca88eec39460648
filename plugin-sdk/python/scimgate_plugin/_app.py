"""What the gateway calls. `python -m scimgate_plugin build` makes a component of it and of the plugin."""

import json
from typing import Any

import wit_world  # type: ignore[import-not-found]
from componentize_py_types import Err  # type: ignore[import-not-found]
from wit_world.imports import types  # type: ignore[import-not-found]

import plugin  # type: ignore[import-not-found]

from . import log, plugin as sdk

_PLUGIN: Any = next(
    it for it in vars(plugin).values() if isinstance(it, type) and issubclass(it, sdk.Plugin) and it is not sdk.Plugin
)()

_LEVELS = {name: getattr(types.Level, name.upper()) for name in ("debug", "info", "warn", "error")}


def _log(level: str, message: str) -> None:
    wit_world.log(_LEVELS[level], message)


class WitWorld(wit_world.WitWorld):  # type: ignore[misc]
    def describe(self) -> Any:
        schema = json.dumps(_PLUGIN.config_schema())
        return types.Manifest(_PLUGIN.name, _PLUGIN.version, list(_PLUGIN.resource_types), schema)

    def transform(self, context: Any, config: str, document: Any) -> Any:
        log.use(_log)
        try:
            own = sdk.Context(context.tenant, context.resource_type, context.resource_id, context.last_modified)
            outcome = _PLUGIN.call(own, config, document)
        except Exception as error:
            raise Err(sdk.reason(error)) from None
        match outcome:
            case sdk.Excluded(why):
                return types.Outcome_Excluded(why)
            case sdk.Rejected(detail, scim_type):
                return types.Outcome_Rejected(types.Rejection(scim_type, detail))
            case _:
                return types.Outcome_Mapped()
