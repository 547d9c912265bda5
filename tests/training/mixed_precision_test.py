"""Training in bfloat16 and float16: what stays float32, and where training ends."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from yosinski_tf.data.embedded import embedded_images
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.models import loss_scaling, surgery
from yosinski_tf.models.cohort import build_cohort
from yosinski_tf.models.cohort_graph import Member
from yosinski_tf.models.layers import LocalResponseNormalization
from yosinski_tf.models.optimizers import optimizer_for

NETWORK = get_network("mini", widths=(8, 8, 8, 8, 8, 16, 16), dropout=0.0, lrn=True)
LOW = ("bfloat16", "float16")
SIZE, BATCH, STEPS = 32, 16, 100
# Three seeds, each from scratch and on two frozen layers of another network.
MEMBERS = tuple(
    Member(f"{kind}{seed}", trunk and f"{trunk}{seed}", frozen, f"{kind} {seed}")
    for seed in range(3)
    for kind, trunk, frozen in (("base", None, 0), ("copy", "trunk", 2))
)


def make_cohort(precision, members=MEMBERS, fc8=1.0):
    cohort = build_cohort(
        NETWORK,
        members,
        input_size=SIZE,
        num_classes=2,
        mean=(128.0, 128.0, 128.0),
        precision=precision,
    )
    for member in members:
        weights = surgery.initial_weights(NETWORK, SIZE, 2, member.identity)
        below = NETWORK.stage_names[: member.frozen]
        source = surgery.initial_weights(NETWORK, SIZE, 2, str(member.trunk))
        weights |= {k: v for k, v in source.items() if k.split("/")[0] in below}
        weights["fc8/kernel"] = weights["fc8/kernel"] * np.float32(fc8)
        cohort.assign(member.name, weights)
    recipe = Recipe(
        steps=STEPS, learning_rate=0.01, rate_drops=(70,), precision=precision
    )
    cohort.training.compile(
        optimizer=optimizer_for(recipe, cohort.trained),
        jit_compile=False,
        steps_per_execution=STEPS // 4,
    )
    cohort.training.optimizer.build(cohort.training.trainable_variables)
    cohort.validation.compile(jit_compile=False)
    return cohort


def images():
    """Training and validation images of two classes that differ clearly."""
    drawn = embedded_images.generate(0, train_per_class=80, validation_per_class=80)

    def two(pixels, labels):
        chosen = np.isin(labels, (0, 20))
        return pixels[chosen], (labels[chosen] == 20).astype(np.int32)

    return (
        two(drawn.train_images, drawn.train_labels),
        two(drawn.validation_images, drawn.validation_labels),
    )


@pytest.mark.parametrize("precision", LOW)
def test_variables_logits_and_losses_are_float32(precision, monkeypatch):
    cohort = make_cohort(precision, MEMBERS[:2])
    model, seen = cohort.training, []
    whole = keras.ops.sparse_categorical_crossentropy

    def noted(labels, logits, **options):
        losses = whole(labels, logits, **options)
        seen.append((logits.dtype.name, losses.dtype.name))
        return losses

    monkeypatch.setattr(keras.ops, "sparse_categorical_crossentropy", noted)
    pixels = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    logits = model((pixels, np.zeros((2, 2), np.int32)), training=True)
    loss = model.compute_loss(y=np.zeros(2, np.int32), y_pred=logits)
    model.compute_metrics(None, np.zeros(2, np.int32), logits)
    assert {value.dtype.name for value in logits.values()} == {"float32"}
    assert set(seen) == {("float32", "float32")} and loss.dtype.name == "float32"
    kept = [*model.variables, *model.optimizer.variables, *model.totals.variables]
    assert {v.dtype for v in kept if "float" in v.dtype} == {"float32"}
    computing = {
        layer.compute_dtype
        for block in cohort.graph.blocks("base0").values()
        for layer in block.layers
        if layer.name.startswith(("conv", "fc6", "fc7"))
    }
    assert computing == {precision}


@pytest.mark.parametrize("precision", LOW)
def test_normalisation_is_computed_in_float32(precision):
    random = np.random.default_rng(0)
    # In float16 the squares of half of these numbers would be infinite.
    values = random.uniform(-500, 500, (2, 3, 3, 8)).astype(np.float32)
    values = keras.ops.cast(keras.ops.cast(values, precision), "float32")
    layer = LocalResponseNormalization(alpha=0.5, dtype=f"mixed_{precision}")
    found = layer(keras.ops.cast(values, precision))
    exact = LocalResponseNormalization(alpha=0.5)(values)
    assert found.dtype.name == precision
    rounded = keras.ops.cast(keras.ops.cast(exact, precision), "float32")
    assert (np.array(keras.ops.cast(found, "float32")) == np.array(rounded)).all()
    assert np.isfinite(np.array(exact)).all()


def first_move(precision):
    """How one step changes a network whose gradients are small below fc8."""
    cohort = make_cohort(precision, MEMBERS[:1], fc8=2.0**-20)
    (pixels, labels), _ = images()
    before = cohort.weights("base0")
    batch = slice(0, None, 20)
    indices = np.zeros((8, 2), np.int32)
    cohort.training.run_eagerly = True
    cohort.training.optimizer.l2 = 0.0
    cohort.training.train_on_batch((pixels[batch], indices), labels[batch])
    after = cohort.weights("base0")
    return {
        name: after[name].astype(np.float64) - before[name]
        for name in after
        # A kernel is too large to show so small a change.
        if name.endswith("bias")
    }


def test_gradients_too_small_for_float16_survive_by_scaling(monkeypatch):
    def distances(one, other):
        return {
            name: np.linalg.norm(one[name] - other[name]) / np.linalg.norm(other[name])
            for name in other
        }

    exact = first_move("float32")
    for name, distance in distances(first_move("float16"), exact).items():
        assert distance < 0.1, name
    # Without scaling they are lost.
    monkeypatch.setattr(loss_scaling, "FIRST_SCALE", 1.0)
    lost = distances(first_move("float16"), exact)
    assert min(lost[f"conv{n}/bias"] for n in range(1, 6)) > 0.3
    assert lost["fc8/bias"] < 0.01


@functools.cache
def end(precision):
    """Loss and top-1 of every network after all steps."""
    (pixels, labels), validation = images()
    random = np.random.default_rng(1)
    order = np.stack([random.permutation(len(labels))[:BATCH] for _ in range(STEPS)])
    indices = np.zeros((STEPS, BATCH, 2), np.int32)
    batches = tf.data.Dataset.from_tensor_slices(
        ((pixels[order], indices), labels[order])
    )
    cohort = make_cohort(precision)
    cohort.training.fit(batches, verbose=0, shuffle=False)
    cohort.validation.evaluate(*validation, batch_size=160, verbose=0)
    sums = cohort.validation.totals.sums
    return tuple(
        keras.ops.convert_to_numpy(sums[name]) / len(validation[1])
        for name in ("loss", "top1")
    )


@pytest.mark.parametrize(
    "precision", [pytest.param(low, marks=pytest.mark.slow) for low in LOW]
)
def test_mixed_precision_ends_where_float32_does(precision):
    (exact, right), (loss, top1) = end("float32"), end(precision)
    # At the start they are 0.69 and 0.5.
    assert exact.mean() < 0.65 and right.mean() > 0.62
    # Six networks.
    assert np.abs(loss - exact).max() < 0.05
    assert abs(loss.mean() - exact.mean()) < 0.02
    assert abs(top1.mean() - right.mean()) < 0.05
