"""Values from JSON against the types that a dataclass states."""

import dataclasses
from typing import Any

import pytest

from yosinski_tf.system.typecheck import wrong_fields


@dataclasses.dataclass
class _Kind:
    whole: int
    number: float
    text: str
    yes: bool
    perhaps: float | None
    names: list[str]
    sizes: tuple[int, ...]
    table: dict[str, float]
    anything: dict[str, Any]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("whole", -3),
        ("number", 3),
        ("number", 0.5),
        ("text", "Bär\n"),
        ("yes", False),
        ("perhaps", None),
        ("names", []),
        ("sizes", [1, 2]),
        ("table", {"a": 1, "b": 0.5}),
        ("anything", {"a": [{"b": None}, True, "c", 1.5]}),
    ],
)
def test_values_that_fit(field, value):
    assert wrong_fields(_Kind, {field: value}) == []


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("whole", True, "whole (wanted int, got True)"),
        ("whole", 1.0, "whole (wanted int, got 1.0)"),
        ("number", "1", "number (wanted float, got '1')"),
        ("number", float("nan"), "number (wanted float, got nan)"),
        ("number", 10**400, "number (wanted float, got 1" + "0" * 59 + ")"),
        ("text", "\ud800", "text (wanted str, got '\\ud800')"),
        ("yes", 1, "yes (wanted bool, got 1)"),
        ("perhaps", "", "perhaps (wanted float | None, got '')"),
        ("names", ["a", 1], "names (wanted list[str], got ['a', 1])"),
        ("sizes", 5, "sizes (wanted tuple[int, ...], got 5)"),
        ("table", {"a": None}, "table (wanted dict[str, float], got {'a': None})"),
        (
            "anything",
            {"a": [float("inf")]},
            "anything (wanted dict[str, typing.Any], got {'a': [inf]})",
        ),
    ],
)
def test_values_that_do_not_fit_are_named(field, value, told):
    assert wrong_fields(_Kind, {field: value, "unknown": 1}) == [told]
