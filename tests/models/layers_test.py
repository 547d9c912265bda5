"""The Keras layers against independent arithmetic."""

import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from yosinski_tf.models import layers

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
def test_lrn_is_that_of_caffe(channels, settings):
    x = RANDOM.normal(0, 20, (2, 3, 4, channels)).astype(np.float32)
    y = keras.ops.convert_to_numpy(layers.LocalResponseNormalization(**settings)(x))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, caffe_lrn(x, **settings), rtol=2e-6)


def test_lrn_of_one_number_by_hand():
    # (1 + 1/5 * 75)^0.75 = 16^0.75 = 8.
    x = np.full((1, 1, 1, 1), np.sqrt(75), np.float32)
    y = layers.LocalResponseNormalization(size=5, alpha=1.0, k=1.0)(x)
    assert float(y[0, 0, 0, 0]) == pytest.approx(np.sqrt(75) / 8)


@pytest.mark.parametrize(
    ("channels", "spread", "alpha"), [(7, 2, 0.5), (96, 200, 1e-4), (256, 200, 1e-4)]
)
def test_lrn_gradient_is_that_of_the_formula(channels, spread, alpha):
    x = RANDOM.normal(0, spread, (2, 2, 2, channels)).astype(np.float32)
    upstream = RANDOM.normal(size=x.shape).astype(np.float32)
    settings = {"size": 5, "alpha": alpha, "k": 1.0}
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        y = layers.LocalResponseNormalization(**settings)(variable)
        total = tf.reduce_sum(y * upstream)
    gradient = tape.gradient(total, variable).numpy()
    expected = caffe_lrn_gradient(x, upstream, **settings)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


def test_the_gradient_formula_against_differences():
    x, upstream = RANDOM.normal(0, 2, (2, 7))
    settings = {"size": 5, "alpha": 0.5, "k": 1.0}
    expected = caffe_lrn_gradient(x, upstream, **settings)
    for c in range(7):
        step = np.zeros(7)
        step[c] = 1e-5
        high, low = (caffe_lrn(x + s, **settings) for s in (step, -step))
        slope = ((high - low) * upstream).sum() / 2e-5
        assert slope == pytest.approx(expected[c], rel=1e-6)


def test_the_mean_is_subtracted_from_pixels_which_are_scaled():
    x = np.zeros((2, 4, 4, 3), np.uint8)
    x[0, 1, 2], x[1, 3, 3] = (255, 10, 0), (0, 128, 255)
    y = layers.PixelScaling((100.5, 20.0, 64.0), 1 / 64)(x)
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    y = keras.ops.convert_to_numpy(y)
    assert y.shape == x.shape
    assert y[0, 1, 2].tolist() == [154.5 / 64, -10 / 64, -1.0]
    assert y[1, 3, 3].tolist() == [-100.5 / 64, 108 / 64, 191 / 64]
    assert y[0, 0, 0].tolist() == [-100.5 / 64, -20 / 64, -1.0]


def test_pixels_stay_float32_under_mixed_precision():
    inputs = keras.Input((4, 4, 3), dtype="uint8")
    assert layers.PixelScaling((0, 0, 0), 1.0)(inputs).dtype == "float32"
    assert layers.PixelScaling((0, 0, 0), 1.0)(inputs).shape == (None, 4, 4, 3)


@pytest.mark.parametrize(
    ("layer", "more"),
    [
        (layers.PixelScaling((1.0, 2.0, 3.0), 0.5, name="pixels"), ()),
        (layers.PixelScaling(RANDOM.random((4, 4, 3)), 0.5, name="image"), ()),
        (
            layers.CropScaling(RANDOM.random((7, 9, 3)), 2.0, name="crops"),
            (np.array([[1, 2, 1]], np.int32),),
        ),
        (layers.LocalResponseNormalization(3, 0.25, 2.0, name="norm"), ()),
        (layers.CaffeMaxPooling2D(3, 2, name="pool"), ()),
        (layers.IndexedDropout(0.5, 3, name="dropout"), ()),
    ],
    ids=["pixels", "image", "crops", "norm", "pool", "dropout"],
)
def test_a_layer_survives_its_config_and_has_no_weights(layer, more):
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    x = RANDOM.integers(0, 255, (1, 4, 4, 3)).astype(np.float32)
    one, other = (keras.ops.convert_to_numpy(f(x, *more)) for f in (layer, copy))
    assert one.tobytes() == other.tobytes()
    assert copy.name == layer.name
    assert layer.weights == []


def test_a_mean_image_is_subtracted_pixel_by_pixel():
    mean = RANDOM.uniform(0, 255, (4, 5, 3)).astype(np.float32)
    x = RANDOM.integers(0, 256, (2, 4, 5, 3), np.uint8)
    y = keras.ops.convert_to_numpy(layers.PixelScaling(mean, 0.5)(x))
    np.testing.assert_allclose(y, (x - mean) / 2, atol=1e-4)


def test_the_mean_image_is_subtracted_at_the_place_of_each_crop():
    mean = RANDOM.integers(0, 256, (7, 9, 3)).astype(np.float32)
    x = RANDOM.integers(0, 256, (4, 4, 4, 3), np.uint8)
    places = np.array([[0, 0, 0], [3, 5, 0], [2, 1, 1], [3, 5, 1]], np.int32)
    y = layers.CropScaling(mean, 2.0)(x, places)
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    y = keras.ops.convert_to_numpy(y)
    parts = [mean[:4, :4], mean[3:, 5:], mean[2:6, 1:5][:, ::-1], mean[3:, 5:][:, ::-1]]
    for index, part in enumerate(parts):
        assert (y[index] == 2 * (x[index].astype(np.float32) - part)).all()


def caffe_max_pool(x, window, step):
    """Caffe's pooling layer without padding, window by window."""
    size = [-(-(side - window) // step) + 1 for side in x.shape[1:3]]
    y = np.empty((len(x), *size, x.shape[3]), x.dtype)
    for row in range(size[0]):
        for column in range(size[1]):
            top, left = row * step, column * step
            part = x[:, top : top + window, left : left + window]
            y[:, row, column] = part.max(axis=(1, 2))
    return y


@pytest.mark.parametrize(("window", "step"), [(3, 2), (2, 2), (3, 3), (5, 2)])
@pytest.mark.parametrize("shape", [(5, 6), (6, 5), (7, 7), (8, 13), (10, 12)])
def test_pooling_rounds_up_as_in_caffe(shape, window, step):
    # All numbers are below zero, so that a border of zeros would show.
    x = -1 - RANDOM.random((2, *shape, 3), np.float32)
    layer = layers.CaffeMaxPooling2D(window, step)
    y = keras.ops.convert_to_numpy(layer(x))
    expected = caffe_max_pool(x, window, step)
    assert y.shape == expected.shape == layer.compute_output_shape(x.shape)
    assert (y == expected).all()


def test_pooling_of_sizes_by_hand():
    sizes = {55: 27, 27: 13, 13: 6, 54: 27, 56: 28, 6: 3, 3: 1, 2: 1}
    layer = layers.CaffeMaxPooling2D(3, 2)
    for side, size in sizes.items():
        shape = layer.compute_output_shape((None, side, side, 8))
        assert shape == (None, size, size, 8)


def test_the_gradient_of_pooling_goes_to_the_largest():
    values = -RANDOM.permutation(36).reshape(1, 6, 6, 1).astype(np.float32)
    x = tf.Variable(values)
    upstream = RANDOM.random((1, 3, 3, 1), np.float32)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layers.CaffeMaxPooling2D(3, 2)(x) * upstream)
    expected = np.zeros((6, 6), np.float32)
    for row in range(3):
        for column in range(3):
            top, left = 2 * row, 2 * column
            part = values[0, top : top + 3, left : left + 3, 0]
            i, j = np.unravel_index(part.argmax(), part.shape)
            expected[top + i, left + j] += upstream[0, row, column, 0]
    np.testing.assert_allclose(tape.gradient(total, x)[0, :, :, 0], expected, rtol=1e-6)


def make_grouped(kind, x, filters=12, **options):
    layer = kind(filters, 3, groups=2, **options)
    layer.build(x.shape)
    random = np.random.default_rng(4)
    layer.set_weights(
        [random.normal(size=v.shape).astype(np.float32) for v in layer.weights]
    )
    return layer


@pytest.mark.parametrize(
    "options",
    [{"padding": "same"}, {"padding": "valid"}, {"padding": "same", "strides": 2}],
    ids=["same", "valid", "strided"],
)
def test_grouped_convolution_gives_the_results_of_keras(options):
    x = tf.Variable(RANDOM.normal(size=(3, 9, 8, 6)).astype(np.float32))
    found = []
    for kind in (layers.GroupedConv2D, keras.layers.Conv2D):
        layer = make_grouped(kind, x, **options)
        assert [tuple(v.shape) for v in layer.weights] == [(3, 3, 3, 12), (12,)]
        assert [v.name for v in layer.weights] == ["kernel", "bias"]
        with tf.GradientTape() as tape:
            y = layer(x)
            weight = tf.reshape(tf.sin(tf.range(tf.size(y), dtype="float32")), y.shape)
            total = tf.reduce_sum(y * weight)
        assert tuple(y.shape) == layer.compute_output_shape(x.shape)
        variables = [x, *(v.value for v in layer.weights)]
        found.append([y, *tape.gradient(total, variables)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_grouped_convolution_is_faster_than_that_of_keras(capsys):
    if tf.config.get_visible_devices("GPU"):
        pytest.skip("on a GPU Keras' own may be faster")
    # conv4 of CaffeNet.
    x = tf.constant(RANDOM.normal(size=(8, 13, 13, 384)).astype(np.float32))
    seconds = []
    for kind in (layers.GroupedConv2D, keras.layers.Conv2D):
        layer = make_grouped(kind, x, filters=384, padding="same")
        kernel = layer.kernel.value

        def step(layer=layer, kernel=kernel):
            with tf.GradientTape() as tape:
                tape.watch(x)
                total = tf.reduce_sum(tf.square(layer(x)))
            return tape.gradient(total, [x, kernel])

        step = tf.function(step)
        times = []
        for _ in range(4):
            start = time.perf_counter()
            [np.asarray(part) for part in step()]
            times.append(time.perf_counter() - start)
        seconds.append(min(times[1:]))
    ours, theirs = seconds
    with capsys.disabled():
        print(
            f"\ngrouped convolution, forward and gradient: {ours * 1e3:.0f} ms, Keras'"
            f" own {theirs * 1e3:.0f} ms: {theirs / ours:.1f} times as fast"
        )
    assert ours < theirs


def numpy_bits(seed, step, position, units):
    """The hash, one number at a time."""

    def mixed(bits):
        bits = (bits ^ bits >> 16) * 0x7FEB352D % 2**32
        bits = (bits ^ bits >> 15) * 0x846CA68B % 2**32
        return bits ^ bits >> 16

    image = mixed((mixed((mixed(step) + seed) % 2**32) + position) % 2**32)
    return [mixed((image + unit * 0x9E3779B9) % 2**32) for unit in range(units)]


def test_dropout_by_hand():
    indices = np.array([[0, 0], [449_999, 255], [7, 3]], np.int32)
    values = RANDOM.normal(size=(3, 50)).astype(np.float32)
    layer = layers.IndexedDropout(0.25, seed=2**31 - 1)
    found = keras.ops.convert_to_numpy(layer(values, indices, training=True))
    for row, value, (step, position) in zip(
        found, values, indices.tolist(), strict=True
    ):
        bits = np.array(numpy_bits(2**31 - 1, step, position, 50))
        np.testing.assert_array_equal(
            row, np.where(bits >= 2**30, value / np.float32(0.75), 0)
        )


def test_dropout_is_for_training_and_needs_indices():
    values = RANDOM.normal(size=(2, 9)).astype(np.float32)
    layer, indices = layers.IndexedDropout(0.5, seed=1), np.zeros((2, 2), np.int32)
    for found in (layer(values, indices), layer(values, training=True)):
        np.testing.assert_array_equal(found, values)


def test_masks_are_balanced_and_uncorrelated():
    steps, positions, units = 40, 64, 256
    indices = np.stack(
        [np.repeat(np.arange(steps), positions), np.tile(np.arange(positions), steps)],
        axis=1,
    ).astype(np.int32)
    ones = np.ones((len(indices), units), np.float32)
    coins = []
    for seed in (1, 2):
        kept = layers.IndexedDropout(0.5, seed=seed)(ones, indices, training=True)
        coins.append(keras.ops.convert_to_numpy(kept).reshape(steps, positions, -1) - 1)
    first, second = coins
    # Fair coins of +1 and -1 exceed 4.5 standard errors once in 150,000 times.
    for product in (
        first,
        first * second,
        first[1:] * first[:-1],
        first[:, 1:] * first[:, :-1],
        first[:, :, 1:] * first[:, :, :-1],
    ):
        assert abs(product.mean()) * product.size**0.5 < 4.5
