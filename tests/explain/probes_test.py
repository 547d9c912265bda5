"""Probes against one classifier for each image left out, and cases by hand."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier

from yosinski_tf.explain import probes
from yosinski_tf.system.errors import UserError


def _clusters(images, dimensions, seed, classes=5, spread=1.0):
    """Images around one random centre for each class, off the origin."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(classes, dimensions))
    labels = np.arange(images) % classes
    noise = random.normal(size=(images, dimensions)) * spread
    features = 3 + centres[labels] / np.sqrt(dimensions) * 4 + noise
    return features.astype(np.float32), labels + 10


def _data(dimensions, spread=1.0, classes=5):
    train = _clusters(30, dimensions, 0, classes, spread)
    return *train, *_clusters(300, dimensions, 1, classes, spread)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("dimensions", [8, 100])
def test_linear_probe_is_the_ridge_that_leaving_out_each_image_chooses(
    dimensions, classes
):
    train, labels, test, test_labels = _data(dimensions, 1.5, classes)
    unit = np.mean(np.sum((train - train.mean(axis=0)) ** 2, axis=1))

    def right(penalty, fitted, fitted_labels, others, other_labels):
        model = RidgeClassifier(alpha=penalty * unit).fit(fitted, fitted_labels)
        return np.mean(model.predict(others) == other_labels)

    left_out = []
    for penalty in probes.PENALTIES:
        rest = [np.delete(np.arange(30), i) for i in range(30)]
        found = [
            right(penalty, train[r], labels[r], train[[i]], labels[i])
            for i, r in enumerate(rest)
        ]
        left_out.append(np.mean(found))
    best = max(range(6), key=lambda i: (round(left_out[i], 6), i))
    expected = right(probes.PENALTIES[best], train, labels, test, test_labels)
    found = probes.linear_probe(train, labels, test, test_labels)
    assert found == pytest.approx(expected, abs=0.004)  # One image of 300.
    assert 0.3 < found < 0.95


@pytest.mark.parametrize("dimensions", [8, 100])
def test_knn_probe_is_the_weighted_vote_of_the_chosen_number(dimensions):
    train, labels, test, test_labels = _data(dimensions, spread=2.0)

    def right(k, fitted, fitted_labels, others, other_labels):
        model = KNeighborsClassifier(
            k, metric="cosine", weights=lambda d: np.exp((1 - d) / 0.07)
        )
        model.fit(fitted.astype(float), fitted_labels)
        return np.mean(model.predict(others.astype(float)) == other_labels)

    left_out = {}
    for k in (1, 3, 5, 10, 20):
        rest = [np.delete(np.arange(30), i) for i in range(30)]
        found = [
            right(k, train[r], labels[r], train[[i]], labels[i])
            for i, r in enumerate(rest)
        ]
        left_out[k] = round(np.mean(found), 6)
    best = max(left_out, key=lambda k: (left_out[k], k))
    expected = right(best, train, labels, test, test_labels)
    found = probes.knn_probe(train, labels, test, test_labels)
    assert found == pytest.approx(expected, abs=0.004)
    assert 0.25 < found < 0.95


@pytest.mark.parametrize("probe", [probes.linear_probe, probes.knn_probe])
def test_accuracy_by_hand(probe):
    train = np.float32([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]] * 3)
    labels = np.array([4, 4, 9, 9] * 3)
    # Three right, one wrong, one of a class that the probe cannot know.
    test = np.float32([[2, 0.1], [0.1, 2], [3, 0.2], [1, 0.1], [0.2, 1]])
    found = probe(train, labels, test, np.array([4, 9, 4, 9, 5]))
    assert found == 0.6


@pytest.mark.parametrize("probe", [probes.linear_probe, probes.knn_probe])
def test_the_scale_of_a_layer_does_not_matter(probe):
    train, labels, test, test_labels = _data(20)
    found = probe(train, labels, test, test_labels)
    assert probe(train * 2**10, labels, test * 2**10, test_labels) == found


@pytest.mark.parametrize("probe", [probes.linear_probe, probes.knn_probe])
@pytest.mark.parametrize("dimensions", [8, 100])
def test_features_without_classes_are_at_chance(probe, dimensions):
    random = np.random.default_rng(3)
    train = random.normal(size=(200, dimensions)).astype(np.float32)
    test = random.normal(size=(2000, dimensions)).astype(np.float32)
    labels, test_labels = random.integers(4, size=200), random.integers(4, size=2000)
    assert probe(train, labels, test, test_labels) == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize("probe", [probes.linear_probe, probes.knn_probe])
def test_a_dead_layer_and_one_image_of_each_class_are_no_error(probe):
    train, labels, test, test_labels = _data(20)
    dead = np.zeros_like
    assert probe(dead(train), labels, dead(test), test_labels) == 0.2
    few = probe(train[:5], labels[:5], test, test_labels)
    assert 0.2 < few < 0.95


@pytest.mark.parametrize("probe", [probes.linear_probe, probes.knn_probe])
def test_features_that_are_not_finite_and_one_class_are_refused(probe):
    train, labels, test, test_labels = _data(20)
    broken = test.copy()
    broken[5, 3] = np.nan
    for bad in ((broken[:30], labels, test), (train, labels, broken)):
        with pytest.raises(UserError, match="finite"):
            probe(*bad, test_labels)
    with pytest.raises(UserError, match="two classes, found 1"):
        probe(train, np.zeros(30, int), test, test_labels)
