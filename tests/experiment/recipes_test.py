"""Recipes: schedule, validations, ranges."""

import json

import pytest

from yosinski_tf.experiment.recipes import RATE_DROPS, Recipe, parse_rate_drops
from yosinski_tf.system.errors import UserError


def make_recipe(**changes):
    return Recipe(**{"steps": 100, "rate_drops": (), **changes})


def test_the_rate_drops_at_its_step():
    recipe = make_recipe(learning_rate=0.5, rate_drops=(60, 90), drop_factor=0.1)
    for steps, rate in (((0, 59), 0.5), ((60, 61, 89), 0.05), ((90, 99), 0.005)):
        for step in steps:
            assert recipe.learning_rate_at(step) == pytest.approx(rate)
    assert recipe.rates == pytest.approx((0.5, 0.05, 0.005))
    constant = make_recipe(learning_rate=0.5)
    assert {constant.learning_rate_at(step) for step in (0, 50, 99)} == {0.5}


def test_the_usual_drops_are_shares_of_the_usual_steps():
    recipe = Recipe()
    assert (
        recipe.rate_drops == parse_rate_drops(RATE_DROPS, recipe.steps) == (900, 1275)
    )


@pytest.mark.parametrize(
    ("steps", "every", "expected"),
    [
        (100, 25, (25, 50, 75, 100)),
        (100, 30, (30, 60, 90, 100)),
        (100, 100, (100,)),
        (100, 1000, (100,)),
        (3, 1, (1, 2, 3)),
        (1, 1, (1,)),
        (101, 50, (50, 100, 101)),
    ],
)
def test_validation_steps_end_with_the_last_step(steps, every, expected):
    assert make_recipe(steps=steps, validate_every=every).validation_steps() == expected


@pytest.mark.parametrize(
    ("texts", "steps", "expected"),
    [
        ([], 100, ()),
        (["1680", "2160"], 2400, (1680, 2160)),
        (["70%", "90%"], 2400, (1680, 2160)),
        (["70%", "95"], 100, (70, 95)),
        (["12.5%"], 1000, (125,)),
        (["33.3%"], 1000, (333,)),
    ],
)
def test_rate_drops_are_steps_or_shares(texts, steps, expected):
    assert parse_rate_drops(texts, steps) == expected


@pytest.mark.parametrize(
    "text", ["", "x", "70.5", "70 percent", "%", "x%", "nan%", "inf%", "%70", "1e3"]
)
def test_wrong_rate_drops_are_refused(text):
    with pytest.raises(UserError, match="--rate_drops needs steps such as"):
        parse_rate_drops([text], 100)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("steps", (0, -1)),
        ("batch_size", (0,)),
        ("learning_rate", (0.0, -0.1, float("nan"))),
        ("drop_factor", (0.0, 1.1)),
        ("momentum", (-0.1, 1.0)),
        ("weight_decay", (-1e-9,)),
        ("bias_rate", (0.0,)),
        ("image_size", (7,)),
        ("crop_size", (7, 33)),
        ("validate_every", (0,)),
        ("rate_drops", ((0,), (-1, 5), (5, 5), (6, 5))),
        ("mean", ("median",)),
        ("precision", ("half", "")),
    ],
)
def test_values_out_of_range_are_refused_by_name(field, values):
    for value in values:
        with pytest.raises(UserError, match=f"--{field} needs .*, found "):
            make_recipe(**{field: value})


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 1},
        {"batch_size": 1},
        {"drop_factor": 1.0},
        {"momentum": 0.0},
        {"weight_decay": 0.0},
        {"image_size": 8, "crop_size": 8},
        {"image_size": 40, "crop_size": 32},
        {"rate_drops": (1,)},
        {"mean": "image"},
        {"precision": "bfloat16"},
        {"precision": "float16"},
    ],
)
def test_values_at_the_edge_of_their_range_are_taken(changes):
    recipe = make_recipe(**changes)
    assert {name: getattr(recipe, name) for name in changes} == changes


def test_settings_are_plain_values():
    settings = make_recipe(rate_drops=(7, 9)).settings()
    assert json.loads(json.dumps(settings))["rate_drops"] == [7, 9]
    assert Recipe(**settings) == make_recipe(rate_drops=(7, 9))
