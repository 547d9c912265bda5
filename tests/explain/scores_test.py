"""Scores against their definitions, computed in another way, and by hand."""

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import sklearn.covariance

from yosinski_tf.explain import labelled, scores
from yosinski_tf.system.errors import UserError


def _features(images, dimensions, seed=0, signal=1.0):
    random = np.random.default_rng(seed)
    labels = np.arange(images) % 3
    centres = signal * random.normal(size=(3, dimensions))
    spread = np.linspace(0.3, 2, dimensions)
    features = 0.5 + centres[labels] + spread * random.normal(size=(images, dimensions))
    return features.astype(np.float32), labels


def _most_evidence(features, labels):
    """Maximises N(0, 1/beta + F F' / alpha), the density of the labels themselves."""
    found = []
    products = features.astype(float) @ features.T.astype(float)
    for label in np.unique(labels):
        y = (labels == label).astype(float)

        def less(logs, y=y):
            covariance = math.exp(-logs[1]) * np.eye(len(y))
            covariance += math.exp(-logs[0]) * products
            zero = np.zeros(len(y))
            return -scipy.stats.multivariate_normal(zero, covariance).logpdf(y)

        best = min(
            (
                scipy.optimize.minimize(less, start, method="Nelder-Mead")
                for start in ((0, 0), (3, 3))
            ),
            key=lambda each: each.fun,
        )
        found.append(-best.fun / len(y))
    return np.mean(found)


@pytest.mark.parametrize(
    ("images", "dimensions"), [(40, 5), (24, 60), (30, 30)], ids=str
)
def test_logme_is_the_highest_evidence(images, dimensions):
    features, labels = _features(images, dimensions)
    expected = _most_evidence(features, labels)
    assert scores.logme(features, labels) == pytest.approx(expected, abs=1e-5)


def test_logme_of_dependent_dimensions_is_that_of_the_density():
    features, labels = _features(40, 5)
    doubled = np.concatenate([features, features[:, :2]], axis=1)
    expected = _most_evidence(doubled, labels)
    assert scores.logme(doubled, labels) == pytest.approx(expected, abs=1e-5)


def test_logme_of_a_dead_layer_by_hand():
    # Half of the labels are 1: log(1 / (2 pi e / 2)) / 2.
    found = scores.logme(np.zeros((10, 3), np.float32), np.arange(10) % 2)
    assert found == pytest.approx(-0.5 * math.log(math.pi * math.e), abs=1e-9)


def test_logme_tells_features_that_know_the_classes():
    known, labels = _features(60, 100, signal=2)
    noise, _ = _features(60, 100, signal=0)
    assert scores.logme(known, labels) > scores.logme(noise, labels) + 0.2


def _h_score(features, labels):
    """By explicit covariances, with scikit-learn's shrinkage."""
    covariance, shrinkage = sklearn.covariance.ledoit_wolf(features.astype(float))
    means = np.stack([features[labels == each].mean(axis=0) for each in labels])
    between = np.cov(means.astype(float), rowvar=False, ddof=0)
    return (1 - shrinkage) * np.trace(np.linalg.inv(covariance) @ between)


@pytest.mark.parametrize(("images", "dimensions"), [(60, 5), (24, 60)], ids=str)
def test_h_score_by_covariances(images, dimensions):
    features, labels = _features(images, dimensions)
    labels[: images // 6] = 2  # Classes of unequal size.
    expected = _h_score(features, labels)
    assert scores.h_score(features, labels) == pytest.approx(expected, rel=1e-4)


def test_h_score_of_one_dimension_is_the_explained_part_of_the_variance():
    # Means -1 and 1, each with deviations of 1: half of the variance of 2.
    features = np.float32([[-2], [0], [0], [2]])
    found = scores.h_score(features, np.array([0, 0, 1, 1]))
    assert found == pytest.approx(0.5, abs=1e-6)


def test_h_score_of_many_images_sums_the_canonical_correlations():
    # The class tells two of three independent dimensions, each by half of its variance.
    random = np.random.default_rng(0)
    labels = np.arange(40_000) % 4
    means = np.stack([labels % 2 * 2 - 1, labels // 2 * 2 - 1, 0 * labels], axis=1)
    features = means + random.normal(size=means.shape) * [1, 1, 2**0.5]
    features *= [1, 3, 10]  # A sphere would be shrunk to nothing.
    found = scores.h_score(features.astype(np.float32), labels)
    assert found == pytest.approx(1.0, abs=0.01)


def test_h_score_of_a_dead_layer_is_0():
    assert scores.h_score(np.ones((10, 3), np.float32), np.arange(10) % 2) == 0


@pytest.mark.parametrize("score", [scores.logme, scores.h_score])
def test_blocks_change_nothing(score, monkeypatch):
    features, labels = _features(60, 5)
    whole = score(features, labels)
    monkeypatch.setattr(labelled, "_BLOCK_BYTES", 700)
    assert score(features, labels) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("score", [scores.logme, scores.h_score])
@pytest.mark.parametrize("dimensions", [5, 60])
def test_features_that_are_not_finite_and_one_class_are_refused(score, dimensions):
    features, labels = _features(24, dimensions)
    with pytest.raises(UserError, match="two classes, found 1"):
        score(features, 0 * labels)
    features[3, 2] = np.inf
    with pytest.raises(UserError, match="finite"):
        score(features, labels)


NAN = math.nan


def test_rank_agreement_by_hand():
    ranks = [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4], [4, 3, NAN, NAN], [1, 1, 1, 1]]
    # Of six pairs of layers, six, five and three are in order; two pairs do not count.
    measured = [[5, 6, 7, 8], [6, 5, 7, 8], [6, 5, 8, 7], [4, 3, 2, 1], [1, 2, 3, 4]]
    measured[2] = [7, 6, 5, 8]
    taus = scores.rank_agreement(np.array(ranks, float), np.array(measured, float))
    assert taus[:3] == pytest.approx([1, 2 / 3, 0]) and np.isnan(taus[3:]).all()
    found = scores.mean_agreement(taus)
    assert found.n == 3
    assert found.mean == pytest.approx((1 + 2 / 3 + 0) / 3)
    # The t interval of 1, 2/3 and 0 is 0.5556 +- 1.2651, cut at -1 and 1.
    assert found.low == pytest.approx(0.5556 - 1.2651, abs=1e-3)
    assert found.high == 1


def test_rank_agreement_without_pairs_is_none():
    nothing = np.full((2, 4), NAN)
    assert scores.mean_agreement(scores.rank_agreement(nothing, nothing)).mean is None
    two = np.array([[1.0, 2, 3], [1, 2, 3]])
    found = scores.mean_agreement(scores.rank_agreement(two, -two))
    assert (found.mean, found.n, found.low) == (-1, 2, None)
