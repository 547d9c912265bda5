"""Probes: what a simple classifier finds in the features of one layer.

Each probe chooses its one setting by the training images alone: each of them is held
out in turn and classified by all others. One part that is held out would be simpler,
but 150 of 600 images choose no better than a fixed setting. Features are those of one
layer: 600 to 20,000 images, up to about 4,000 dimensions.
"""

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.linear_model import RidgeCV
from sklearn.neighbors import NearestNeighbors

from yosinski_tf.explain.labelled import check_finite, targets_of

LINEAR_MEANING = (
    "Linear probe: the accuracy of a linear classifier on the features of a layer, what"
    " the layer says of the classes without any further layer (Alain & Bengio 2016,"
    " arXiv 1610.01644). Where a network with retrained layers is better, these layers"
    " made use of more than what is linearly there."
)
KNN_MEANING = (
    "k nearest neighbours: the accuracy of a vote of the most similar training images,"
    " by the angle between features: whether images of a class lie together, with"
    " nothing trained (Wu et al. 2018, arXiv 1805.01978). In a comparison with 23"
    " scores it predicted transfer best (Sorkhei et al. 2025, arXiv 2503.18528)."
)
PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
NEIGHBOURS = (1, 3, 5, 10, 20, 50, 100, 200)
TEMPERATURE = 0.07
"""Of the votes, as Wu et al. 2018 and DINO (Caron et al. 2021) have it."""
_BLOCK_MIB = 64


def linear_probe(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
) -> float:
    """Accuracy of a linear classifier: ridge regression on the classes.

    The highest of the regressions on one class against the others wins (Hastie et al.
    2009, sections 4.2 and 3.4.1). Within a point of logistic regression on the layers
    of small networks, in a hundredth of its time. Features are centred and not scaled,
    as those of Kornblith et al. 2019, arXiv 1805.08974. The penalty is in units of the
    mean squared length of a centred feature vector, so the scale of a layer does not
    matter. It is chosen by the accuracy on images left out one at a time, which has a
    closed form (`sklearn.linear_model.RidgeCV`); of equal ones, the largest.

    With fewer images than dimensions, many linear classifiers fit the training images.
    The ridge takes the shortest one for its penalty, which lies in the span of the
    images.

    Memory: twice `train` in float64, and four square matrices of float64 with the
    smaller of images and dimensions as side.

    Args:
      train: [images, dimensions], float32.
      train_labels: Any integers, [images].
      test: [test images, dimensions], float32.
      test_labels: Likewise; a class without a training image is never found.

    Returns:
      The part of the test images that is classified rightly, 0 to 1.

    Raises:
      UserError: With one class only, or features that are not finite.
    """
    classes, targets = targets_of(train_labels, np.float64)
    _check_lengths(train, test)
    unit = float(np.sum(train.var(axis=0, dtype=np.float64))) or 1.0
    # The first of equal ones is chosen. `RidgeClassifierCV` would be shorter, but its
    # accuracy of two classes is that of one class.
    penalties = [penalty * unit for penalty in reversed(PENALTIES)]
    probe = RidgeCV(penalties, scoring=_accuracy).fit(train, targets)
    return _top1(probe.predict(test), classes, test_labels)


def knn_probe(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
) -> float:
    """Accuracy of k nearest neighbours by cosine similarity.

    Features are neither centred nor scaled. Each of the k most similar training images
    (`sklearn.neighbors.NearestNeighbors`) votes for its class with weight
    exp(similarity / 0.07) (Wu et al. 2018; Caron et al. 2021). k is the one of
    `NEIGHBOURS` that classifies training images best by all others; of equal ones, the
    largest. Fewer images than dimensions need nothing special.

    Memory: a copy of `train`, and few blocks of 64 MiB.

    Args, returns, raises: As `linear_probe`.
    """
    classes, targets = targets_of(train_labels, np.float32)
    _check_lengths(train, test)
    numbers = targets.argmax(axis=1)
    choices = [k for k in reversed(NEIGHBOURS) if k < len(train)]
    with sklearn.config_context(working_memory=_BLOCK_MIB):
        model = NearestNeighbors(metric="cosine", algorithm="brute").fit(train)
        # Training images, each of which is not its own neighbour.
        left_out = model.kneighbors(n_neighbors=max(choices))
        right = [_hits(_votes(*left_out, numbers, k), targets) for k in choices]
        chosen = choices[int(np.argmax(right))]
        votes = _votes(*model.kneighbors(test, chosen), numbers, chosen)
    return _top1(votes, classes, test_labels)


def _check_lengths(*features: np.ndarray) -> None:
    for each in features:
        check_finite(np.einsum("ij,ij->i", each, each))


def _accuracy(ridge: BaseEstimator, features: np.ndarray, targets: np.ndarray) -> float:
    return _hits(ridge.predict(features), targets)


def _hits(scores: np.ndarray, targets: np.ndarray) -> float:
    return float(np.mean(scores.argmax(axis=1) == targets.argmax(axis=1)))


def _top1(scores: np.ndarray, classes: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(classes[scores.argmax(axis=1)] == labels))


def _votes(
    distances: np.ndarray, neighbours: np.ndarray, numbers: np.ndarray, k: int
) -> np.ndarray:
    """Votes of the first k neighbours [images, most], float64 [images, classes].

    Args:
      numbers: Of the classes of the training images, all from 0.
    """
    shape = len(distances), numbers.max() + 1
    cells = np.arange(shape[0])[:, None] * shape[1] + numbers[neighbours[:, :k]]
    weights = np.exp(-distances[:, :k] / TEMPERATURE)
    return np.bincount(cells.ravel(), weights.ravel(), np.prod(shape)).reshape(shape)
