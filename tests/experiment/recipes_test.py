"""Recipes: schedule, validations, ranges."""

import json

import pytest

from yosinski_tf.experiment.recipes import (
    RATE_DROPS,
    Recipe,
    parse_rate_drops,
    parse_steps,
)
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
    ("text", "expected"), [("0", 0), ("7", 7), ("5%", 10), ("0.1%", 0), ("200", 200)]
)
def test_a_warm_up_is_steps_or_a_share(text, expected):
    assert parse_steps("warmup", text, 200) == expected


def test_a_warm_up_longer_than_training_is_refused():
    with pytest.raises(UserError, match="--warmup needs steps up to .*=200, found '2"):
        parse_steps("warmup", "201", 200)


def test_a_cosine_falls_from_the_rate_to_nearly_zero():
    recipe = make_recipe(steps=4, schedule="cosine", learning_rate=2.0)
    found = [recipe.learning_rate_at(step) for step in range(4)]
    assert found == pytest.approx([2.0, 1 + 0.5**0.5, 1.0, 1 - 0.5**0.5])
    long = make_recipe(steps=10**7, schedule="cosine", learning_rate=1.0)
    assert long.learning_rate_at(10**7 - 1) == pytest.approx(2.4674e-14, rel=1e-4)


def test_a_warm_up_rises_to_the_rate_of_the_schedule():
    steps = make_recipe(steps=8, warmup=3, learning_rate=1.0, rate_drops=(6,))
    assert [steps.learning_rate_at(step) for step in range(8)] == pytest.approx(
        [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.1, 0.1]
    )
    cosine = make_recipe(steps=5, warmup=1, learning_rate=1.0, schedule="cosine")
    assert [cosine.learning_rate_at(step) for step in range(5)] == pytest.approx(
        [0.5, 1.0, 0.5 + 0.125**0.5, 0.5, 0.5 - 0.125**0.5]
    )


def test_adamw_in_float16_is_refused():
    with pytest.raises(UserError, match="--precision=bfloat16 or float32, found float"):
        make_recipe(optimizer="adamw", precision="float16")
    assert make_recipe(optimizer="adamw", precision="bfloat16").moments == 2


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
        ("optimizer", ("adam", "")),
        ("schedule", ("linear", "")),
        ("warmup", (-1, 100)),
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
        {"optimizer": "adamw"},
        {"schedule": "cosine"},
        {"warmup": 99},
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


def test_the_settings_of_earlier_versions_stay_as_they_were():
    assert json.dumps(Recipe(learning_rate=0.015).settings()) == (
        '{"steps": 1500, "batch_size": 32, "learning_rate": 0.015, "rate_drops": [900,'
        ' 1275], "drop_factor": 0.1, "momentum": 0.9, "weight_decay": 0.001,'
        ' "bias_rate": 2.0, "image_size": 32, "crop_size": 32, "mirror": false, "mean":'
        ' "pixel", "validate_every": 150, "precision": "float32"}'
    )


def test_settings_say_what_training_depends_on():
    changes = {"optimizer": "adamw", "schedule": "cosine", "warmup": 5}
    recipe = Recipe(**changes)
    settings = recipe.settings()
    assert settings.keys() - Recipe().settings().keys() == changes.keys()
    assert Recipe().settings().keys() - settings.keys() == {
        *("rate_drops", "drop_factor", "bias_rate"),
    }
    assert Recipe(**settings) == recipe
    other = Recipe(**changes, rate_drops=(), drop_factor=0.5, bias_rate=1.0)
    assert other.settings() == settings
