"""Our Keras layers against independent arithmetic."""

import keras
import numpy as np
import pytest

from yosinski_tf.layers import LocalResponseNormalization, PixelScaling

RANDOM = np.random.default_rng(0)


def caffe_lrn(x, size=5, alpha=1e-4, k=1.0):
    """Caffe's formula, channel by channel, in double precision."""
    x = np.asarray(x, np.float64)
    scale = np.empty_like(x)
    for c in range(x.shape[-1]):
        low, high = max(0, c - size // 2), c + size // 2 + 1
        scale[..., c] = k + alpha / size * (x[..., low:high] ** 2).sum(-1)
    return x / scale**0.75


def caffe_lrn_gradient(x, upstream, size, alpha, k):
    """d sum(upstream * y) / dx, by hand: beta 0.75."""
    x, upstream = np.asarray(x, np.float64), np.asarray(upstream, np.float64)
    y = caffe_lrn(x, size, alpha, k)
    gradient = np.zeros_like(x)
    channels = x.shape[-1]
    scale = (x / y) ** (1 / 0.75)
    for c in range(channels):
        gradient[..., c] += upstream[..., c] * scale[..., c] ** -0.75
        for other in range(channels):
            if abs(c - other) <= size // 2:
                gradient[..., c] -= (
                    upstream[..., other]
                    * 1.5
                    * alpha
                    / size
                    * y[..., other]
                    / scale[..., other]
                    * x[..., c]
                )
    return gradient


@pytest.mark.parametrize("channels", [1, 2, 4, 5, 16])
@pytest.mark.parametrize(
    "settings",
    [{}, {"size": 3, "alpha": 0.5, "k": 2.0}, {"size": 5, "alpha": 1.0, "k": 1.0}],
)
def test_lrn_is_caffes(channels, settings):
    x = RANDOM.normal(0, 20, (2, 3, 4, channels)).astype(np.float32)
    y = keras.ops.convert_to_numpy(LocalResponseNormalization(**settings)(x))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, caffe_lrn(x, **settings), rtol=2e-6)


def test_lrn_of_one_number_by_hand():
    # (1 + 1/5 * 75)^0.75 = 16^0.75 = 8.
    x = np.full((1, 1, 1, 1), np.sqrt(75), np.float32)
    y = LocalResponseNormalization(size=5, alpha=1.0, k=1.0)(x)
    assert float(y[0, 0, 0, 0]) == pytest.approx(np.sqrt(75) / 8)


def test_lrn_gradient_is_the_formulas():
    tf = pytest.importorskip("tensorflow")
    x = RANDOM.normal(0, 2, (2, 2, 2, 7)).astype(np.float32)
    upstream = RANDOM.normal(size=x.shape).astype(np.float32)
    settings = {"size": 5, "alpha": 0.5, "k": 1.0}
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        y = LocalResponseNormalization(**settings)(variable)
        total = tf.reduce_sum(y * upstream)
    gradient = tape.gradient(total, variable).numpy()
    wanted = caffe_lrn_gradient(x, upstream, **settings)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-4, atol=1e-5)


def test_the_gradient_formula_against_differences():
    x, upstream = RANDOM.normal(0, 2, (2, 7))
    settings = {"size": 5, "alpha": 0.5, "k": 1.0}
    wanted = caffe_lrn_gradient(x, upstream, **settings)
    for c in range(7):
        step = np.zeros(7)
        step[c] = 1e-5
        high, low = (caffe_lrn(x + s, **settings) for s in (step, -step))
        slope = ((high - low) * upstream).sum() / 2e-5
        assert slope == pytest.approx(wanted[c], rel=1e-6)


def test_lrn_computes_in_float32_and_returns_its_inputs_dtype():
    x = np.full((1, 1, 1, 8), 3.0, np.float32)
    layer = LocalResponseNormalization(alpha=1.0, dtype="mixed_bfloat16")
    y = layer(keras.ops.cast(x, "bfloat16"))
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    wanted = keras.ops.cast(caffe_lrn(x, alpha=1.0).astype(np.float32), "bfloat16")
    assert keras.ops.convert_to_numpy(y == wanted).all()


def test_pixels_lose_the_mean_and_are_scaled():
    x = np.zeros((2, 4, 4, 3), np.uint8)
    x[0, 1, 2], x[1, 3, 3] = (255, 10, 0), (0, 128, 255)
    y = PixelScaling((100.5, 20.0, 64.0), 1 / 64)(x)
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    y = keras.ops.convert_to_numpy(y)
    assert y.shape == x.shape
    assert y[0, 1, 2].tolist() == [154.5 / 64, -10 / 64, -1.0]
    assert y[1, 3, 3].tolist() == [-100.5 / 64, 108 / 64, 191 / 64]
    assert y[0, 0, 0].tolist() == [-100.5 / 64, -20 / 64, -1.0]


def test_pixels_stay_float32_under_mixed_precision():
    inputs = keras.Input((4, 4, 3), dtype="uint8")
    assert PixelScaling((0, 0, 0), 1.0)(inputs).dtype == "float32"
    assert PixelScaling((0, 0, 0), 1.0)(inputs).shape == (None, 4, 4, 3)


@pytest.mark.parametrize(
    "layer",
    [
        PixelScaling((1.0, 2.0, 3.0), 0.5, name="pixels"),
        LocalResponseNormalization(3, 0.25, 2.0, name="norm"),
    ],
    ids=["pixels", "norm"],
)
def test_a_layer_survives_its_config_and_has_no_weights(layer):
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    x = RANDOM.integers(0, 255, (1, 4, 4, 3)).astype(np.float32)
    one, other = (keras.ops.convert_to_numpy(f(x)) for f in (layer, copy))
    assert one.tobytes() == other.tobytes()
    assert copy.name == layer.name
    assert layer.weights == []
