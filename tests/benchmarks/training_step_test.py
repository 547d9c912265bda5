"""The benchmark of training steps: plain Keras trains the same network; tables."""

import dataclasses

import numpy as np
import pytest
from tiny import NETWORK, RECIPE, draw_images, make_job

from yosinski_tf.benchmarks import cohort_growth, keras_baseline, training_step
from yosinski_tf.benchmarks.measuring import in_new_process
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.models import surgery
from yosinski_tf.models.cohort import build_network

TWO_PERIODS = dataclasses.replace(RECIPE, steps=14, validate_every=7)


@pytest.mark.parametrize(
    ("name", "size", "settings"),
    [
        ("mini", 32, {"widths": (4, 6, 6, 4, 4, 8, 8), "lrn": True}),
        ("caffenet", 67, {"widths": (4, 6, 6, 4, 4, 8, 8), "num_outputs": 11}),
        ("caffenet", 75, {"widths": (4, 6, 6, 4, 4, 8, 8)}),
    ],
)
def test_plain_keras_computes_the_same_network(name, size, settings):
    network, mean = get_network(name, **settings), (120.0, 110.0, 100.0)
    weights = surgery.initial_weights(network, size, 5, "one")
    # So large that normalisation matters.
    weights["conv1/kernel"] *= 20
    plain = keras_baseline.build(network, size, 5)
    for layer in network.stage_names:
        plain.get_layer(layer).set_weights(
            [weights[f"{layer}/kernel"], weights[f"{layer}/bias"]]
        )
    images = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), np.uint8)
    ours = build_network(network, weights, input_size=size, mean=mean)(images)
    theirs = plain(keras_baseline.as_numbers(images, mean, network.pixel_scale, size))
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-5)
    assert np.ptp(theirs) > 1e-4


def test_the_plain_optimizer_has_the_rates_of_the_recipe():
    model = keras_baseline.build(NETWORK, 16, 4)
    keras_baseline.compile_plainly(model, RECIPE)
    rates = [float(model.optimizer.learning_rate)]
    model.optimizer.iterations.assign(5)
    rates.append(float(model.optimizer.learning_rate))
    assert rates == pytest.approx([0.01, 0.001])
    assert type(model.optimizer).__name__ == "SGD" and model.optimizer.momentum == 0.9
    assert not model.jit_compile


@pytest.mark.parametrize(("treatment", "trained"), [("A3B", 5), ("B3B+", 8)])
def test_plain_keras_trains_from_the_same_weights(tmp_path, treatment, trained):
    job = make_job(tmp_path, draw_images(tmp_path / "images"), [treatment])
    weights = surgery.initial_weights(NETWORK, 16, 5, "source")
    np.savez(tmp_path / "source.npz", **weights)
    out = tmp_path / "out.npz"
    # Validated at 4, 8 and 10 steps: the first period is not counted.
    assert len(keras_baseline.train(job, tmp_path / "source.npz", out)) == 2
    found = surgery.read_weights(out)
    frozen = NETWORK.stage_names[: 8 - trained]
    for name in NETWORK.stage_names[:3]:
        same = np.array_equal(found[f"{name}/kernel"], weights[f"{name}/kernel"])
        near = np.allclose(found[f"{name}/kernel"], weights[f"{name}/kernel"], atol=0.1)
        assert near and same == (name in frozen)


def test_any_number_of_members_is_a_fair_cohort():
    names = cohort_growth.members(29)
    assert names[:5] == ("baseB", "B3B", "B3B+", "A3B", "A3B+")
    assert len(set(names)) == 29 and len(cohort_growth.members(4)) == 4


@pytest.mark.slow  # about 20 s: each in a process of TensorFlow
def test_steps_are_measured(tmp_path):
    job = make_job(tmp_path, draw_images(tmp_path / "images"), ["baseB"], TWO_PERIODS)
    assert list(training_step.VARIANTS) == ["ours", "ours, bfloat16", "plain Keras"]
    for variant in training_step.VARIANTS:
        # More steps than one pass over the images has: they are used again.
        found = in_new_process(training_step.measure_steps, job, variant)
        assert found["images/s"] * found["ms per step"] == pytest.approx(8000)


def test_the_share_of_the_ceiling(tmp_path, monkeypatch):
    """It is that of the better of two ceilings, at the variant's precision."""
    job = make_job(tmp_path, tmp_path, ["baseB"], TWO_PERIODS)
    ceilings = iter(
        [{"float32": 2e9, "bfloat16": 4e9}, {"float32": 1e9, "bfloat16": 5e9}]
    )

    def measured(function, *arguments):
        if function is training_step.matrix_products:
            return next(ceilings)
        return {"images/s": 100.0, "ms per step": 80.0, "work per second": 1e9}

    monkeypatch.setattr(training_step, "_jobs", lambda request: [job])
    monkeypatch.setattr(training_step, "in_new_process", measured)
    request = training_step.Request(work=tmp_path, rounds=2, steps=2)
    most, steps, ratios = training_step.run(request).values()
    assert [row["GMAC/s"] for row in most] == [2, 5]
    assert [row["% of the ceiling"]["median"] for row in steps] == [50, 20, 50]
    assert [row["images/s"]["median"] for row in ratios] == [1, 1]
    assert [row["variant"] for row in ratios][0] == "ours / plain Keras"


@pytest.mark.slow  # about 20 s: three trainings in two processes of TensorFlow
def test_growth_is_measured(tmp_path):
    images, bases = draw_images(tmp_path / "images"), tmp_path / "bases"
    base_b, both = (make_job(bases, images, t) for t in (["baseB"], ["baseB", "B3B"]))
    in_new_process(cohort_growth.train_base, base_b)
    found = in_new_process(cohort_growth.measure_cohort, both)
    # Validated at 4, 8 and 10 steps: the first period is not counted.
    assert found["ms per step"]["n"] == 2 and found["networks together"] == 2
    assert found["memory, MB"] > 1 and found["images decoded per network-step"] == 0
    assert len(list(bases.glob("*/record.json"))) == 1


def test_the_plot(tmp_path):
    time = {"min": 2, "median": 4, "max": 8}
    rows = [
        {"networks together": n, "ms per network-step": time, "memory, MB": n}
        for n in (1, 2, 29)
    ]
    path = cohort_growth.draw(rows, tmp_path / "plot.png", "CPU")
    assert path.read_bytes().startswith(b"\x89PNG")
