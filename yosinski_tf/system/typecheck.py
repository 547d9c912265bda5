"""Checks values read from JSON against the types of a dataclass."""

import dataclasses
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any


def wrong_fields(kind: type, values: Mapping[str, Any]) -> list[str]:
    """Lists the fields of the dataclass `kind` whose value has another type.

    An int counts as a float and a list as a tuple; a bool is not a number. Numbers
    must be finite and strings valid Unicode, at any depth.

    Returns:
      For every such field its name, the type needed and the value found.
    """
    hints = typing.get_type_hints(kind)
    return [
        f"{field.name} (needs {_name(hints[field.name])}, found"
        f" {ascii(values[field.name])[:60]})"
        for field in dataclasses.fields(kind)
        if field.name in values and not _fits(values[field.name], hints[field.name])
    ]


def _fits(value: Any, hint: Any) -> bool:
    outer, inner = typing.get_origin(hint), typing.get_args(hint)
    if outer in (types.UnionType, typing.Union):
        return any(_fits(value, each) for each in inner)
    if outer is dict:
        return isinstance(value, dict) and all(
            _fits(key, inner[0]) and _fits(each, inner[1])
            for key, each in value.items()
        )
    if outer in (list, tuple):
        return isinstance(value, list | tuple) and all(
            _fits(each, inner[0]) for each in value
        )
    if hint is Any:
        plain = str | bool | int | float | None
        return any(_fits(value, each) for each in (plain, list[Any], dict[str, Any]))
    if hint is float:
        number = _fits(value, int) or isinstance(value, float)
        # An int may be too large for a float; Python compares the two exactly.
        return number and -sys.float_info.max <= value <= sys.float_info.max
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is str:
        return isinstance(value, str) and not any(
            "\ud800" <= character <= "\udfff" for character in value
        )
    return isinstance(value, hint)


def _name(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint)) if isinstance(hint, type) else str(hint)
