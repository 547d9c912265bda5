"""The benchmark of training: the same network as plain Keras', counts, tables."""

import numpy as np
import pytest
from commands import run
from tiny import NETWORK, RECIPE, SPLIT, draw_images

from yosinski_tf.benchmarks import cohort_growth, growth_plot, train_benchmark
from yosinski_tf.benchmarks.measuring import Sample
from yosinski_tf.benchmarks.own_process import apart
from yosinski_tf.benchmarks.train_table import table
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.models import surgery


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--measure=speed"], "--measure wants some of step, growth, input, got 'spe"),
        (["--measure="], "--measure wants some of step, growth, input, got ''"),
        (["--rounds=0"], "--rounds wants a positive integer, got '0'"),
        (["--steps=1"], "--steps wants integer >= 2, got '1'"),
        (["--photographs=x"], "Unknown command line flag 'photographs'"),
    ],
)
def test_what_is_wrong_is_one_sentence(arguments, words):
    done = run("benchmark", "train", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "size", "settings"),
    [
        ("mini", 32, {"widths": (4, 6, 6, 4, 4, 8, 8), "lrn": True}),
        ("caffenet", 67, {"widths": (4, 6, 6, 4, 4, 8, 8), "num_outputs": 11}),
        ("caffenet", 75, {"widths": (4, 6, 6, 4, 4, 8, 8)}),
    ],
)
def test_plain_keras_computes_the_same_network(name, size, settings):
    from yosinski_tf.benchmarks import keras_baseline
    from yosinski_tf.models.cohort import build_network

    network, mean = get_network(name, **settings), (120.0, 110.0, 100.0)
    weights = surgery.initial_weights(network, size, 5, "one")
    # So large that normalisation matters.
    weights["conv1/kernel"] *= 20
    plain = keras_baseline.build(network, size, 5)
    for layer in network.layer_names:
        plain.get_layer(layer).set_weights(
            [weights[f"{layer}/kernel"], weights[f"{layer}/bias"]]
        )
    images = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), np.uint8)
    ours = build_network(network, weights, input_size=size, mean=mean)(images)
    theirs = plain(keras_baseline.as_numbers(images, mean, network.pixel_scale, size))
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-5)
    assert np.ptp(theirs) > 1e-4


def test_the_plain_optimizer_has_the_rates_of_the_recipe():
    from yosinski_tf.benchmarks import keras_baseline

    model = keras_baseline.build(NETWORK, 16, 4)
    keras_baseline.compile_plainly(model, RECIPE)
    rates = [float(model.optimizer.learning_rate)]
    model.optimizer.iterations.assign(5)
    rates.append(float(model.optimizer.learning_rate))
    assert rates == pytest.approx([0.01, 0.001])
    assert type(model.optimizer).__name__ == "SGD" and model.optimizer.momentum == 0.9
    assert not model.jit_compile


def test_any_number_of_members_is_a_fair_cohort():
    names = [str(treatment) for treatment in cohort_growth.members(29)]
    assert names[:5] == ["baseB", "B3B", "B3B+", "A3B", "A3B+"]
    assert len(set(names)) == 29 and len(cohort_growth.members(4)) == 4


@pytest.mark.slow  # about 15 s
def test_steps_are_measured(tmp_path):
    from yosinski_tf.benchmarks import step_variants

    images = draw_images(tmp_path / "images")
    setting = step_variants.Setting(
        images, SPLIT, NETWORK, RECIPE, ("float32", "bfloat16"), threads=1, steps=7
    )
    names = step_variants.names(setting)
    assert names == ["ours", "ours, bfloat16", "plain Keras"]
    for name in names:
        # More steps than one pass over the images has: they are used again.
        found = apart(step_variants.sample, setting, name)
        assert found.images == 7 * 8 and found.seconds > 0


@pytest.mark.slow  # about 20 s: three trainings in two processes of TensorFlow
def test_growth_is_measured(tmp_path):
    images = draw_images(tmp_path / "images")
    growing = cohort_growth.Setting(
        images, tmp_path / "bases", SPLIT, NETWORK, RECIPE, threads=1
    )
    apart(cohort_growth.train_bases, growing)
    found = apart(cohort_growth.measure, growing, 2)
    # Validated at 4, 8 and 10: the first period is not counted.
    assert found["step_seconds"]["n"] == 2 and found["networks"] == 2
    assert found["memory_bytes"] > 1e6 and found["images_read"] == 0
    assert len(list((tmp_path / "bases").glob("*/record.json"))) == 2


SUMMARY = {"median": 4.0, "min": 2.0, "max": 8.0, "n": 3}


def test_what_follows_from_samples():
    samples = {
        "ours": [Sample(100, 1.0, 2.0), Sample(100, 2.0, 2.0)],
        "ours, bfloat16": [Sample(100, 0.5, 1.0), Sample(100, 1.0, 1.0)],
        "plain Keras": [Sample(100, 2.0, 4.0), Sample(100, 4.0, 2.0)],
    }
    found = train_benchmark.step_results(samples, steps=10, work=6)
    assert found["step_seconds"]["ours"]["median"] == pytest.approx(0.15)
    # 100 images of 6 in 1 s, and in 2 s.
    assert found["multiply_accumulates_per_second"]["ours"]["max"] == 600
    assert found["multiply_accumulates_per_second"]["ours"]["min"] == 300
    first, second = found["ratios"]
    assert (first["of"], first["to"]) == ("ours", "plain Keras")
    assert first["wall"]["median"] == 2 and first["core"]["max"] == 2
    assert second["of"] == "ours, bfloat16" and second["wall"]["min"] == 4
    assert found["steps"] == 10


def test_the_tables():
    rate = {"images_per_second": SUMMARY, "images_per_core_second": SUMMARY}
    row = {"networks": 2, "steps": 10, "batch_size": 8, "images_per_second": SUMMARY}
    row |= {"step_seconds": SUMMARY, "memory_bytes": 3e8, "images_read": 80}
    found = {
        "date": "2026-01-02T03:04:05+00:00",
        "device": "CPU, some",
        "versions": {"tensorflow": "2.21"},
        "settings": {"rounds": 3, "steps": 10, "threads": 2},
        "ceiling": {"float32": 4e10, "bfloat16": 8e10},
        "step": {
            "mini": {
                **{"crop_size": 32, "batch_size": 8, "steps": 10},
                "rates": {"ours": rate},
                "step_seconds": {"ours": SUMMARY},
                "multiply_accumulates_per_second": {
                    "ours": {"median": 4e9, "min": 2e9, "max": 8e9, "n": 3}
                },
                "ceiling_share": {
                    "ours": {"median": 0.1, "min": 0.05, "max": 0.2, "n": 3}
                },
                "ratios": [
                    {
                        "of": "ours",
                        "to": "plain Keras",
                        "wall": SUMMARY,
                        "core": SUMMARY,
                    }
                ],
            }
        },
        "growth": [row],
        "input": {
            **{"image_size": 256, "crop_size": 227, "alone": rate},
            "cohorts": [row],
        },
    }
    text = table(found)
    assert text.startswith("2026-01-02, CPU, some, 2 threads, TensorFlow 2.21; medians")
    for line in (
        "mini, 32 x 32 pixels, batches of 8, 10 steps a round",
        "| ours | 4,000.0 (2,000.0 to 8,000.0) | 4 (2 to 8) | 4 (2 to 8)"
        " | 4.0 (2.0 to 8.0) | 10 (5 to 20) % |",
        "| ours / plain Keras | 4.00 (2.00 to 8.00) | 4.00 (2.00 to 8.00) |",
        "ceiling, products of matrices, thousand million multiply-accumulates/s:"
        " float32 40, bfloat16 80",
        "| 2 | 4,000.0 (2,000.0 to 8,000.0) | 2,000.0 (1,000.0 to 4,000.0)"
        " | 8 (4 to 16) | 300 |",
        "JPEG store at 256 x 256, crops of 227; the input alone 4 (2 to 8) images/s",
        "| 2 | 4 (2 to 8) | 8 (4 to 16) | 4.00 |",
    ):
        assert line in text.splitlines()
    del found["step"], found["ceiling"], found["input"]
    assert "ceiling" not in table(found) and "JPEG" not in table(found)


def test_the_plot(tmp_path):
    rows = [
        {"networks": n, "step_seconds": SUMMARY, "memory_bytes": n * 1e6}
        for n in (1, 2, 29)
    ]
    path = growth_plot.draw(rows, tmp_path / "plot.png", "title")
    assert path.read_bytes().startswith(b"\x89PNG")
