"""The grammar of treatments."""

import pytest
from refusals import assert_refused

from yosinski_tf.experiment.treatments import (
    Treatment,
    all_treatments,
    brief,
    parse_treatment,
    parse_treatments,
)
from yosinski_tf.system.errors import UserError


@pytest.mark.parametrize("treatment", all_treatments(), ids=str)
def test_printing_and_parsing_are_inverse(treatment):
    assert parse_treatment(str(treatment)) == treatment


def test_all_treatments_of_one_half_by_name():
    names = {str(treatment) for treatment in all_treatments(["B"])}
    curves = ("R{}B", "B{}B", "B{}B+", "A{}B", "A{}B+")
    assert names == {"baseB", *(each.format(n) for each in curves for n in range(1, 8))}
    assert len(all_treatments()) == len(set(all_treatments())) == 72


@pytest.mark.parametrize(
    ("text", "kind", "treatment"),
    [
        ("baseA", "base", Treatment(source=None, n=0, target="A")),
        ("baseW", "base", Treatment(source=None, n=0, target="W")),
        ("B3B", "selffer", Treatment(source="B", n=3, target="B")),
        ("A1A+", "selffer", Treatment(source="A", n=1, target="A", fine_tuned=True)),
        ("A3B", "transfer", Treatment(source="A", n=3, target="B")),
        ("B7A+", "transfer", Treatment(source="B", n=7, target="A", fine_tuned=True)),
        ("A3B~1", "transfer", Treatment(source="A", n=3, target="B", preserved=1)),
        ("B1B~6", "selffer", Treatment(source="B", n=1, target="B", preserved=6)),
        ("R5A", "random", Treatment(source="R", n=5, target="A")),
        ("R7W", "random", Treatment(source="R", n=7, target="W")),
    ],
)
def test_what_a_name_means(text, kind, treatment):
    assert parse_treatment(text) == treatment
    assert treatment.kind == kind
    assert str(treatment) == text


@pytest.mark.parametrize(
    ("texts", "family", "frozen", "copied_from"),
    [
        ("baseA baseB baseW", "base", 0, None),
        ("B3B", "BnB", 3, "B"),
        ("A3A", "BnB", 3, "A"),
        ("B4B+", "BnB+", 0, "B"),
        ("A4A+", "BnB+", 0, "A"),
        ("A5B", "AnB", 5, "A"),
        ("B5A", "AnB", 5, "B"),
        ("A6B+", "AnB+", 0, "A"),
        ("B6A+", "AnB+", 0, "B"),
        ("A3B~1", "AnB~1", 3, "A"),
        ("B4A~2", "AnB~2", 4, "B"),
        ("B4B~3", "BnB~3", 4, "B"),
        ("A1A~6", "BnB~6", 1, "A"),
        ("R7B", "RnB", 7, None),
        ("R1A R1W", "RnB", 1, None),
    ],
)
def test_family_frozen_layers_and_source(texts, family, frozen, copied_from):
    for treatment in map(parse_treatment, texts.split()):
        assert treatment.family == family
        assert treatment.frozen_layers == frozen
        assert treatment.copied_from_base == copied_from


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "base", "baseC", "baseR", "baseb", "BaseB", "baseB+", "baseAB"),
        *("base A", " baseB", "baseB ", "baseB\n", "A3B\n", "\nA3B", "A 3B"),
        *("a3b", "A3b", "C3B", "A3C", "A3", "3B", "A3BB", "AA3B", "A33B", "A3B,A4B"),
        *("A3B++", "A3B-", "A3B +", "+A3B", "A+3B", "A3+B"),
        *("A3W", "W3B", "W3W", "A3R", "B3R", "R3R", "R3", "R3B+", "R3W+", "r3B"),
        *("A10B", "A-1B", "A3.0B", "A³B", "A٣B", "AnB", "AnB+", "А3B"),
        *("A3B~", "A3B~1+", "A3B+~1", "A3B+1", "A3B~-1", "A3B~11", "A3B~1~1"),
        *("R3B~1", "baseB~1", "A3~1B", "~1A3B", "A3B~٣", "A03B"),
    ],
)
def test_bad_names_are_refused(text):
    assert_refused("unknown treatment", parse_treatment, text)


@pytest.mark.parametrize("text", ["A0B", "B0B+", "R0B", "A8B", "A9A+", "R8W"])
def test_number_of_layers_must_be_one_to_seven(text):
    with pytest.raises(UserError, match=f"copies {text[1]} layers: give n from 1 to 7"):
        parse_treatment(text)


@pytest.mark.parametrize(
    ("text", "copied"), [("A3B~1", 4), ("B1B~6", 7), ("A3B+", 3), ("R2W", 2)]
)
def test_preserved_layers_are_copied_too(text, copied):
    assert parse_treatment(text).copied_layers == copied


@pytest.mark.parametrize("text", ["A7B~1", "B6B~2", "A1B~7", "A5B~9"])
def test_no_more_than_seven_layers_are_copied(text):
    copied = int(text[1]) + int(text[-1])
    assert_refused(f"copies {copied} layers: .* 7 together", parse_treatment, text)


def test_every_preserving_treatment_is_printed_back():
    names = [
        f"{source}{n}B~{k}"
        for source in "AB"
        for n in range(1, 7)
        for k in range(1, 8 - n)
    ]
    assert [str(treatment) for treatment in parse_treatments(names)] == names
    assert len(names) == 42
    assert not any(treatment.preserved for treatment in all_treatments())


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("", ""),
        ("baseB", "baseB"),
        ("baseB,R1B,R2B,R3B", "baseB R1B..R3B"),
        ("A3B,A1B+,A1B,A2B", "A1B..A3B A1B+"),
        ("A1B+,A4B+,A5B+,A6B+,A7B+", "A1B+ A4B+..A7B+"),
        ("A1B,A2B,A4B", "A1B A2B A4B"),
        ("A1B~1,A2B~1,A3B~1,A1B~2,B1A", "A1B~1..A3B~1 A1B~2 B1A"),
    ],
)
def test_many_treatments_on_one_short_line(names, text):
    assert brief(parse_treatments(names.split(",") if names else [])) == text


def test_a_list_keeps_its_order():
    parsed = parse_treatments(["A3B", "baseB", "A3B+"])
    assert [str(treatment) for treatment in parsed] == ["A3B", "baseB", "A3B+"]
