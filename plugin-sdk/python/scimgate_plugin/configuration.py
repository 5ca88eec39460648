"""The configuration and its JSON Schema, written once: a dataclass, whose schema follows from its types."""

import dataclasses
import types
import typing
from typing import Any, Literal, TypeVar, Union

_T = TypeVar("_T")


class ScimPath(str):
    """A SCIM attribute path. The gateway checks it against the tenant's schemas when a configuration is saved."""


class _Missing:
    pass


def field(default: Any = _Missing, **keywords: Any) -> Any:
    """A field with keywords of JSON Schema, such as `title`, `minLength` or `pattern`; required without a default."""
    if default is _Missing:
        return dataclasses.field(metadata={"schema": keywords})
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=default.copy, metadata={"schema": keywords})
    return dataclasses.field(default=default, metadata={"schema": keywords})


def schema(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a type: a dataclass, `str`, `bool`, `int`, `float`, `ScimPath`, `list`, `dict`, `Literal`, or one of
    them or None."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _object(kind)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": schema(arguments[0])}
    if origin is dict:
        return {"type": "object", "propertyNames": schema(arguments[0]), "additionalProperties": schema(arguments[1])}
    if origin in (Union, types.UnionType):
        others = [argument for argument in arguments if argument is not type(None)]
        if len(others) == 1:
            return schema(others[0])
    if kind in _SIMPLE:
        return dict(_SIMPLE[kind])
    raise TypeError(f"a configuration cannot have the type {kind}")


_SIMPLE: dict[Any, dict[str, str]] = {
    str: {"type": "string"},
    ScimPath: {"type": "string", "format": "scim-path"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Any: {},
}


def _object(kind: Any) -> dict[str, Any]:
    properties, required = {}, []
    hints = typing.get_type_hints(kind)
    for it in dataclasses.fields(kind):
        member = schema(hints[it.name]) | dict(it.metadata.get("schema", {}))
        default = it.default_factory() if it.default_factory is not dataclasses.MISSING else it.default
        if default is dataclasses.MISSING:
            required.append(it.name)
        elif default is not None and not dataclasses.is_dataclass(default):
            member["default"] = default
        properties[it.name] = member
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def read(kind: type[_T], value: Any) -> _T:
    """A value of a type, of JSON that matches its schema."""
    result: _T = _read(kind, value)
    return result


def _read(kind: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        unknown = [name for name in value if name not in hints]
        if unknown:
            raise ValueError(f"the configuration has no field {unknown[0]}")
        missing = [name for name in schema(kind)["required"] if name not in value]
        if missing:
            raise ValueError(f"the configuration needs the field {missing[0]}")
        return kind(**{name: _read(hints[name], it) for name, it in value.items()})
    if origin is list:
        return [_read(arguments[0], it) for it in value]
    if origin is dict:
        return {_read(arguments[0], name): _read(arguments[1], it) for name, it in value.items()}
    if origin in (Union, types.UnionType) and value is not None:
        others = [argument for argument in arguments if argument is not type(None)]
        return _read(others[0], value)
    return ScimPath(value) if kind is ScimPath else value
