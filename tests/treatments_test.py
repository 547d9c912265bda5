"""The grammar of treatments."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from yosinski_tf.errors import UserError
from yosinski_tf.treatments import (
    Treatment,
    all_treatments,
    parse_treatment,
    parse_treatments,
)


@pytest.mark.parametrize("treatment", all_treatments(), ids=str)
def test_printing_and_parsing_are_inverse(treatment):
    assert parse_treatment(str(treatment)) == treatment


def test_all_treatments_of_one_half_by_name():
    names = {str(treatment) for treatment in all_treatments(["B"])}
    assert names == {
        *("baseB",),
        *("R1B", "R2B", "R3B", "R4B", "R5B", "R6B", "R7B"),
        *("B1B", "B2B", "B3B", "B4B", "B5B", "B6B", "B7B"),
        *("B1B+", "B2B+", "B3B+", "B4B+", "B5B+", "B6B+", "B7B+"),
        *("A1B", "A2B", "A3B", "A4B", "A5B", "A6B", "A7B"),
        *("A1B+", "A2B+", "A3B+", "A4B+", "A5B+", "A6B+", "A7B+"),
    }


def test_all_treatments_counts_each_once():
    assert len(all_treatments()) == len(set(all_treatments())) == 72


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("baseA", Treatment("base", None, 0, "A", False)),
        ("baseW", Treatment("base", None, 0, "W", False)),
        ("B3B", Treatment("selffer", "B", 3, "B", False)),
        ("A1A+", Treatment("selffer", "A", 1, "A", True)),
        ("A3B", Treatment("transfer", "A", 3, "B", False)),
        ("B7A+", Treatment("transfer", "B", 7, "A", True)),
        ("R5A", Treatment("random", "R", 5, "A", False)),
        ("R7W", Treatment("random", "R", 7, "W", False)),
    ],
)
def test_what_a_name_means(text, wanted):
    assert parse_treatment(text) == wanted
    assert str(wanted) == text


@pytest.mark.parametrize(
    ("text", "family", "frozen", "copied_from"),
    [
        ("baseA", "base", 0, None),
        ("baseB", "base", 0, None),
        ("baseW", "base", 0, None),
        ("B3B", "BnB", 3, "B"),
        ("A3A", "BnB", 3, "A"),
        ("B4B+", "BnB+", 0, "B"),
        ("A4A+", "BnB+", 0, "A"),
        ("A5B", "AnB", 5, "A"),
        ("B5A", "AnB", 5, "B"),
        ("A6B+", "AnB+", 0, "A"),
        ("B6A+", "AnB+", 0, "B"),
        ("R7B", "RnB", 7, None),
        ("R1A", "RnB", 1, None),
        ("R1W", "RnB", 1, None),
    ],
)
def test_curve_frozen_layers_and_source(text, family, frozen, copied_from):
    treatment = parse_treatment(text)
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
        *("A3B~1", "A03B"),
    ],
)
def test_bad_names_are_refused(text):
    with pytest.raises(UserError, match="unknown treatment"):
        parse_treatment(text)


def test_a_refusal_says_what_was_wanted_and_what_came():
    with pytest.raises(UserError, match="'B9x'.*baseA.*A3B.*1 to 7"):
        parse_treatment("B9x")


@pytest.mark.parametrize("text", ["A0B", "B0B+", "R0B", "A8B", "A9A+", "R8W"])
def test_number_of_layers_must_be_one_to_seven(text):
    with pytest.raises(UserError, match=f"copies {text[1]} layers.*1 to 7"):
        parse_treatment(text)


@given(st.text(alphabet="ABRWbase0123456789+~ \n³", max_size=7))
@example("A3B+")
@example("R7W")
@example("baseA")
def test_any_text_is_refused_or_printed_back(text):
    try:
        treatment = parse_treatment(text)
    except UserError:
        return
    assert str(treatment) == text


@given(st.from_regex(r"([ABRW]|base)[0-9]?[ABW]?\+?", fullmatch=True))
def test_texts_near_the_grammar_are_refused_or_printed_back(text):
    try:
        treatment = parse_treatment(text)
    except UserError:
        return
    assert str(treatment) == text
    assert treatment.target in "ABW"
    assert treatment.n in range(8)


def test_a_list_keeps_its_order():
    parsed = parse_treatments(["A3B", "baseB", "A3B+"])
    assert [str(treatment) for treatment in parsed] == ["A3B", "baseB", "A3B+"]


def test_a_list_with_one_name_twice_is_refused():
    with pytest.raises(UserError, match="'A3B' is named twice"):
        parse_treatments(["A3B", "baseB", "A3B"])
