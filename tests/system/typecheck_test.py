"""Values read from JSON are checked against the types of a dataclass."""

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
        ("whole", True, "whole (needs int, found True)"),
        ("whole", 1.0, "whole (needs int, found 1.0)"),
        ("number", "1", "number (needs float, found '1')"),
        ("number", float("nan"), "number (needs float, found nan)"),
        ("number", 10**400, "number (needs float, found 1" + "0" * 59 + ")"),
        ("text", "\ud800", "text (needs str, found '\\ud800')"),
        ("yes", 1, "yes (needs bool, found 1)"),
        ("perhaps", "", "perhaps (needs float | None, found '')"),
        ("names", ["a", 1], "names (needs list[str], found ['a', 1])"),
        ("sizes", 5, "sizes (needs tuple[int, ...], found 5)"),
        ("table", {"a": None}, "table (needs dict[str, float], found {'a': None})"),
        (
            "anything",
            {"a": [float("inf")]},
            "anything (needs dict[str, typing.Any], found {'a': [inf]})",
        ),
    ],
)
def test_values_that_do_not_fit_are_named(field, value, told):
    assert wrong_fields(_Kind, {field: value, "unknown": 1}) == [told]
