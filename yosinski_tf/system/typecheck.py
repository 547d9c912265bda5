"""Checks values read from JSON against the types of a dataclass."""

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
    return [
        f"{name} (needs {hint.__name__ if isinstance(hint, type) else hint}, found"
        f" {ascii(values[name])[:60]})"
        for name, hint in typing.get_type_hints(kind).items()
        if name in values and not _fits(values[name], hint)
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
