"""The grammar of treatments."""

import re

import pytest
from refusals import assert_refused

from yosinski_tf.experiment.treatments import (
    Treatment,
    all_treatments,
    brief,
    check_halves,
    check_stages,
    parse_treatment,
    parse_treatments,
)


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
        ("P3B", "given", Treatment(source="P", n=3, target="B")),
        ("P3A+", "given", Treatment(source="P", n=3, target="A", fine_tuned=True)),
        ("P12W+", "given", Treatment(source="P", n=12, target="W", fine_tuned=True)),
        ("P9W~10", "given", Treatment(source="P", n=9, target="W", preserved=10)),
        ("A10B", "transfer", Treatment(source="A", n=10, target="B")),
        ("R123W", "random", Treatment(source="R", n=123, target="W")),
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
        ("P5A P5B P5W", "PnB", 5, None),
        ("P5A+ P5B+ P5W+", "PnB+", 0, None),
        ("P12W~2", "PnB~2", 12, None),
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
        *("a3b", "A3b", "C3B", "A3C", "A3", "3B", "A3BB", "AA3B", "A3B,A4B", "A3..B"),
        *("A3B++", "A3B-", "A3B +", "+A3B", "A+3B", "A3+B"),
        *("A3W", "W3B", "W3W", "A3R", "B3R", "R3R", "R3", "R3B+", "R3W+", "r3B"),
        *("A1000B", "baseP", "A3P", "P3P", "p3W", "P03W", "PnW", "A3W~1", "A3W+"),
        *("A-1B", "A3.0B", "A³B", "A٣B", "AnB", "AnB+", "А3B"),
        *("A3B~", "A3B~1+", "A3B+~1", "A3B+1", "A3B~-1", "A3B~01", "A3B~1~1"),
        *("R3B~1", "baseB~1", "A3~1B", "~1A3B", "A3B~٣", "A03B"),
    ],
)
def test_bad_names_are_refused(text):
    assert_refused("unknown treatment", parse_treatment, text)


@pytest.mark.parametrize("text", ["A0B", "B0B+", "R0B", "P0W"])
def test_number_of_layers_is_at_least_one(text):
    assert_refused(
        f"'{re.escape(text)}' copies 0 layers: give n", parse_treatment, text
    )


@pytest.mark.parametrize(
    ("text", "copied"), [("A3B~1", 4), ("B1B~6", 7), ("A3B+", 3), ("R2W", 2)]
)
def test_preserved_layers_are_copied_too(text, copied):
    assert parse_treatment(text).copied_layers == copied


def test_the_last_stage_is_never_copied():
    fine = parse_treatments("baseW A1B P9W P9W+ R9A P3W~6 A8B~1".split())
    check_stages(fine, "resnet_mini", 10)
    for texts, words in (
        ("A1B P12B", "resnet_mini has 10 stages: n from 1 to 9, found P12B$"),
        ("R10W", "n from 1 to 9, found R10W$"),
        ("A10B+", r"n from 1 to 9, found A10B\+$"),
        (
            "P8W~2",
            "n and the preserved layers together from 1 to 9, found P8W~2, which"
            " copies 10$",
        ),
    ):
        treatments = parse_treatments(texts.split())
        assert_refused(words, check_stages, treatments, "resnet_mini", 10)


@pytest.mark.parametrize(
    "treatment, has_source, advice",
    [
        ("A3B", True, "half B, found A3B: give P3W for all classes, or choose another"),
        ("B3A+", True, r"half A, found B3A\+: give P3W\+ for all"),
        ("A3B~1", True, "found A3B~1: give P3W~1 for all"),
        ("P2B", True, "found P2B: give P2W for all"),
        ("R4A", False, "half A, found R4A: give R4W for all"),
        ("baseB", False, "found baseB: give baseW for all"),
        ("A3B", False, "found A3B: give baseW for all classes, or P3W with a network"),
    ],
)
def test_a_split_without_halves_names_the_treatment_of_all_classes(
    treatment, has_source, advice
):
    asked = parse_treatments(["baseW", treatment])
    check_halves(asked[:1], "whole", has_source=has_source)
    words = f"^split whole has no {advice}" if "half" in advice else advice
    refused = {"has_source": has_source}
    assert_refused(words, check_halves, asked, "whole", **refused)


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


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("P1W..P3W", "P1W P2W P3W"),
        ("P9W+..P11W+", "P9W+ P10W+ P11W+"),
        ("A1B~2..A3B~2", "A1B~2 A2B~2 A3B~2"),
        ("R1A..R2A", "R1A R2A"),
    ],
)
def test_a_range_stands_for_its_treatments(text, names):
    assert list(map(str, parse_treatments([text]))) == names.split()


@pytest.mark.parametrize(
    "text",
    [
        *("A3B..A1B", "A3B..A3B", "A1B..A3B+", "A1B..B3B", "A1B..A3A", "P1W..P3B"),
        *("baseA..baseB", "baseB..B3B", "A1B~1..A3B~2"),
    ],
)
def test_a_range_needs_one_form_and_a_rising_n(text):
    assert_refused("differ in a rising n, such as A1B", parse_treatments, [text])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A1B..A3B..A5B", "unknown treatment 'A3B..A5B'"),
        ("..A3B", "unknown treatment ''"),
        ("A1B..3B", "unknown treatment '3B'"),
        ("A0B..A3B", "'A0B' copies 0"),
    ],
)
def test_both_ends_of_a_range_are_treatments(text, words):
    assert_refused(words, parse_treatments, [text])


def test_a_treatment_of_a_range_is_not_named_again():
    assert_refused(
        "treatment 'A2B' is named twice", parse_treatments, ["A1B..A3B", "A2B"]
    )


def test_the_short_line_is_read_back():
    line = "baseW P1W..P9W P1W+..P9W+ R1W..R9W P1W~2 A1B..A7B A3B~1..A6B~1"
    treatments = parse_treatments(line.split())
    assert len(treatments) == 1 + 9 + 9 + 9 + 1 + 7 + 4
    assert brief(treatments) == line
    assert brief(all_treatments(["B"])) == (
        "baseB R1B..R7B B1B..B7B B1B+..B7B+ A1B..A7B A1B+..A7B+"
    )
    assert brief(all_treatments(["A"], stage_count=3)) == (
        "baseA R1A R2A A1A A2A A1A+ A2A+ B1A B2A B1A+ B2A+"
    )


def test_a_list_keeps_its_order():
    parsed = parse_treatments(["A3B", "baseB", "A3B+"])
    assert [str(treatment) for treatment in parsed] == ["A3B", "baseB", "A3B+"]
