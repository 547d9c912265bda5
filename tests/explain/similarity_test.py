"""CKA against sums over tuples of images, its invariances and its cautions."""

import itertools
import math

import numpy as np
import pytest

from yosinski_tf.explain.similarity import LayerGrams, cka


def layer(features, batch=None):
    grams = LayerGrams()
    for start in range(0, len(features), batch or len(features)):
        grams.add(features[start : start + (batch or len(features))])
    return grams


def value(one, other, batch=None):
    return cka(layer(one, batch), layer(other, batch)).value


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def hsic_of_tuples(x, y):
    """Song et al. 2012, theorem 2: means over tuples of different images."""
    k, m = x @ x.T, y @ y.T
    images = range(len(x))
    pairs = [k[i, j] * m[i, j] for i, j in itertools.permutations(images, 2)]
    triples = [k[i, j] * m[i, q] for i, j, q in itertools.permutations(images, 3)]
    fours = [k[i, j] * m[q, r] for i, j, q, r in itertools.permutations(images, 4)]
    return np.mean(pairs) + np.mean(fours) - 2 * np.mean(triples)


def biased(x, y):
    """The estimator of Kornblith et al. 2019: from covariances, not from grams."""
    x, y = x - x.mean(0), y - y.mean(0)
    norm = np.linalg.norm
    return norm(y.T @ x) ** 2 / (norm(x.T @ x) * norm(y.T @ y))


@pytest.mark.parametrize("dimensions", [2, 30])
def test_it_is_the_ratio_of_means_over_tuples_of_images(dimensions):
    x = normal(8, dimensions, seed=1) + 3
    y = x[:, :2] ** 2 + normal(8, 2, seed=2)
    expected = hsic_of_tuples(x, y) / math.sqrt(
        hsic_of_tuples(x, x) * hsic_of_tuples(y, y)
    )
    assert value(x, y) == pytest.approx(expected, abs=1e-5)


def test_batches_are_summed_before_the_ratio_as_in_equation_2():
    x, y = normal(14, 3, seed=1), normal(14, 40, seed=2)
    y[:, :3] += 2 * x
    halves = [(x[:7], y[:7]), (x[7:], y[7:])]
    both, first, second = (
        np.mean([hsic_of_tuples(pair[i], pair[j]) for pair in halves])
        for i, j in [(0, 1), (0, 0), (1, 1)]
    )
    expected = both / math.sqrt(first * second)
    assert value(x, y, batch=7) == pytest.approx(expected, abs=1e-5)


def test_rotations_scales_and_shifts_change_nothing():
    x = normal(40, 6, 5, 4)
    flat = x.reshape(40, -1)
    rotation = np.linalg.qr(normal(120, 120, seed=1))[0]
    assert value(x, x) == pytest.approx(1, abs=1e-12)
    moved = (1e-3 * flat @ rotation + 100).astype(np.float32)
    assert value(x, moved) == pytest.approx(1, abs=1e-4)
    assert value(x, 7 * flat) == pytest.approx(1, abs=1e-5)
    # Not of each dimension for itself.
    assert value(x, flat * np.geomspace(1, 100, 120)) < 0.7


def test_unrelated_features_are_near_0_with_more_dimensions_than_images():
    x, y = normal(512, 1000, seed=1), normal(512, 2000, seed=2)
    small = x[:64], y[:64]
    assert biased(*small) > 0.95
    assert abs(value(*small)) < 0.05
    assert abs(value(x, y, batch=64)) < 0.02


def test_batches_of_any_size_estimate_the_value_of_all_images():
    # Covariances of the population: I between both, 2 I of each, so 20 / 80.
    shared = normal(1024, 20, seed=1)
    x, y = (shared + normal(1024, 20, seed=seed) for seed in (2, 3))
    # Each with three standard errors over draws of the images.
    for batch, error in [(8, 0.07), (64, 0.03), (1024, 0.02)]:
        assert value(x, y, batch) == pytest.approx(0.25, abs=error)
    # The biased one drifts.
    starts = range(0, 1024, 8)
    drifted = np.mean([biased(x[i : i + 8], y[i : i + 8]) for i in starts])
    assert drifted > 0.6


def test_a_few_outliers_decide_and_the_value_without_them_tells():
    x, y = normal(200, 30, seed=1), normal(200, 30, seed=2)
    x[17] += 100
    y[17] += 100
    # The unbiased estimator needs two images that agree.
    assert biased(x, y) > 0.99
    assert abs(value(x, y)) < 0.05
    x[33] += 100
    y[33] += 100
    found = cka(layer(x), layer(y))
    assert found.value > 0.99
    assert abs(found.without_outliers) < 0.05
    assert found.images == 200
    # An image is left out whichever layer shows it as one.
    same = normal(200, 30, seed=3)
    twisted = same.copy()
    twisted[17] += 100
    found = cka(layer(same, batch=100), layer(twisted, batch=100))
    assert found.value < 0.3
    assert found.without_outliers == pytest.approx(1, abs=1e-5)


def test_the_first_direction_has_its_share_of_the_variance():
    x = normal(200, 4) * [3, 1, 1, 1]
    singular = np.linalg.svd(x - x.mean(0), compute_uv=False) ** 2
    assert layer(x).first_direction() == pytest.approx(singular[0] / singular.sum())
    assert layer(x[:, :1], batch=50).first_direction() == pytest.approx(1)


def test_a_dead_layer_has_no_value():
    x, dead = normal(20, 5), np.full((20, 5), 0.1, np.float32)
    found = cka(layer(x), layer(dead))
    assert math.isnan(found.value) and math.isnan(found.without_outliers)
    assert math.isnan(layer(dead).first_direction())
    x[3, 2] = np.nan
    assert math.isnan(value(x, x))


def test_too_few_images_say_nothing():
    x = normal(43, 5)
    grams = layer(x, batch=10)
    assert grams.images == 40
    assert cka(grams, layer(x[:40], batch=10)).value == pytest.approx(1)
    assert math.isnan(cka(layer(x[:4]), layer(x[:4])).without_outliers)
    none = cka(layer(x[:3]), layer(x[:3]))
    assert math.isnan(none.value) and math.isnan(none.without_outliers)
    assert math.isnan(layer(x[:3]).first_direction())
    with pytest.raises(ValueError, match="needs the same batches of both layers"):
        cka(layer(x[:10]), layer(x[:9]))


def test_large_offsets_and_many_dimensions_keep_their_digits():
    x = normal(16, 70_000, seed=1)
    shifted = (x + 50).astype(np.float32)
    assert value(x, shifted) == pytest.approx(1, abs=1e-6)
