"""Probes: what a simple classifier finds in the features of one layer.

Each probe chooses its one setting by the training images alone: each of them is held
out in turn and classified by all others. One part that is held out would be simpler,
but 150 of 600 images choose no better than a fixed setting. Features are those of one
layer: 600 to 20,000 images, up to about 4,000 dimensions.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from yosinski_tf.explain.labelled import blocks, check_finite, targets_of

LINEAR_MEANING = (
    "The accuracy of a linear classifier on the features of this layer: what"
    " the layer says of the classes without any further layer (Alain & Bengio 2016,"
    " arXiv 1610.01644). Where a network with retrained layers is better, these layers"
    " made use of more than what is linearly there."
)
KNN_MEANING = (
    "The accuracy of a vote of the most similar training images, by the angle between"
    " features: whether images of a class lie together, with nothing trained (Wu et"
    " al. 2018, arXiv 1805.01978). In a comparison with 23 scores it predicted"
    " transfer best (Sorkhei et al. 2025, arXiv 2503.18528)."
)
PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
NEIGHBOURS = (1, 3, 5, 10, 20, 50, 100, 200)
TEMPERATURE = 0.07
"""Of the votes, as Wu et al. 2018 and DINO (Caron et al. 2021) have it."""
_TINY = np.float32(1e-30)


@dataclasses.dataclass(frozen=True)
class ProbeResult:
    """The accuracy of a probe.

    Attributes:
      top1: Part of the test images that is classified rightly, 0 to 1.
      standard_error: Of `top1`, for the draw of the test images (binomial); the draw
        of the training images is not in it.
      chosen: The penalty, one of `PENALTIES`, or the number of neighbours.
      train_images: Images that the probe learned from. With fewer of them than
        dimensions, a linear probe rests on its penalty: see `linear_probe`.
      dimensions: Dimensions of the features.
    """

    top1: float
    standard_error: float
    chosen: float
    train_images: int
    dimensions: int


def linear_probe(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
) -> ProbeResult:
    """Accuracy of a linear classifier: ridge regression on the classes.

    The highest of the regressions on one class against the others wins (Hastie et al.
    2009, sections 4.2 and 3.4.1). Within a point of logistic regression on the layers
    of small networks, in a hundredth of its time. Features are centred and not scaled,
    as those of Kornblith et al. 2019, arXiv 1805.08974. The penalty is in units of the
    mean squared length of a centred feature vector, so the scale of a layer does not
    matter. It is chosen by the accuracy on images left out one at a time, which has a
    closed form (Hastie et al. 2009, equation 7.64); of equal ones, the largest.

    With fewer images than dimensions, many linear classifiers fit the training images.
    The ridge takes the shortest one for its penalty, which lies in the span of the
    images; it is found in the dual form, by the images' scalar products.

    Memory: three times `train`, three square matrices of float64 with the smaller of
    images and dimensions as side, and 128 MiB.

    Args:
      train: [images, dimensions], float32.
      train_labels: Any integers, [images].
      test: [test images, dimensions], float32.
      test_labels: Likewise; a class without a training image is never found.

    Raises:
      UserError: With one class only, or features that are not finite.
    """
    classes, targets = targets_of(train_labels, np.float32)
    bias = targets.mean(axis=0)
    mean = train.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = train - mean
    dual = len(centred) < centred.shape[1]
    products = centred @ centred.T if dual else centred.T @ centred
    check_finite(products)
    values, vectors = np.linalg.eigh(products.astype(np.float64))
    values = np.maximum(values, 0).astype(np.float32)
    vectors = vectors.astype(np.float32)
    # The images along the principal axes.
    along = vectors * np.sqrt(values) if dual else centred @ vectors
    projected = along.T @ (targets - bias)
    unit = max(float(values.sum()) / len(train), _TINY)
    right = []
    for penalty in PENALTIES:
        inverse = 1 / (values + np.float32(penalty * unit))
        leverage = along**2 @ inverse + np.float32(1 / len(train))
        fitted = along @ (projected * inverse[:, None]) + bias
        # Up to a positive factor, what the other images say of each image.
        left_out = fitted - leverage[:, None] * targets
        right.append(np.mean(left_out.argmax(axis=1) == targets.argmax(axis=1)))
    chosen = PENALTIES[_last_best(right)]
    solved = projected / (values + np.float32(chosen * unit))[:, None]
    if dual:
        # Axes of no length carry nothing.
        lengths = np.sqrt(np.maximum(values, _TINY))[:, None]
        weights = centred.T @ (vectors @ (solved / lengths))
    else:
        weights = vectors @ solved
    scores = [(test[rows] - mean) @ weights + bias for rows in _blocks(test, 0)]
    return _result(np.concatenate(scores), classes, test_labels, chosen, train)


def knn_probe(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
) -> ProbeResult:
    """Accuracy of k nearest neighbours by cosine similarity.

    Features are set to length 1, neither centred nor scaled. Each of the k most similar
    training images votes for its class with weight exp(similarity / 0.07) (Wu et al.
    2018; Caron et al. 2021); all that tie for the last place vote. k is the
    one of `NEIGHBOURS` that classifies training images best by all others; of equal
    ones, the largest. Fewer images than dimensions need nothing special.

    Memory: a copy of `train`, and five blocks of 64 MiB.

    Args, raises: As `linear_probe`.
    """
    classes, targets = targets_of(train_labels, np.float32)
    unit = _unit_length(train)
    choices = [k for k in NEIGHBOURS if k < len(unit)]
    right = np.zeros(len(choices))
    for rows in _blocks(unit, len(unit)):
        similar = unit[rows] @ unit.T
        own = np.arange(len(unit))[rows]
        similar[np.arange(own.size), own] = -np.inf
        for i, votes in enumerate(_votes(similar, targets, choices)):
            right[i] += np.sum(votes.argmax(axis=1) == targets[rows].argmax(axis=1))
    chosen = choices[_last_best(right)]
    scores = []
    for rows in _blocks(test, len(unit)):
        scores.extend(_votes(_unit_length(test[rows]) @ unit.T, targets, [chosen]))
    return _result(np.concatenate(scores), classes, test_labels, chosen, train)


def _votes(
    similar: np.ndarray, targets: np.ndarray, choices: list[int]
) -> Iterator[np.ndarray]:
    """For each k: the votes [images, classes] of the k most similar."""
    most = max(choices)
    nearest = np.partition(similar, -most, axis=1)[:, -most:]
    nearest = np.sort(nearest, axis=1)[:, ::-1]
    weights = np.exp((similar - nearest[:, :1]) / np.float32(TEMPERATURE))
    for k in choices:
        yield (weights * (similar >= nearest[:, k - 1 : k])) @ targets


def _unit_length(features: np.ndarray) -> np.ndarray:
    squared = np.einsum("ij,ij->i", features, features)[:, None]
    check_finite(squared)
    return features / np.sqrt(np.maximum(squared, _TINY))


def _blocks(features: np.ndarray, columns: int) -> Iterator[slice]:
    """Rows of `features`, and as many rows of so many columns, float32."""
    return blocks(len(features), 4 * max(features.shape[1], columns))


def _last_best(right: Sequence[float]) -> int:
    return int(np.flatnonzero(np.asarray(right) == np.max(right))[-1])


def _result(
    scores: np.ndarray,
    classes: np.ndarray,
    labels: np.ndarray,
    chosen: float,
    train: np.ndarray,
) -> ProbeResult:
    check_finite(scores)
    top1 = float(np.mean(classes[scores.argmax(axis=1)] == labels))
    return ProbeResult(
        top1=top1,
        standard_error=float(np.sqrt(top1 * (1 - top1) / len(labels))),
        chosen=chosen,
        train_images=train.shape[0],
        dimensions=train.shape[1],
    )
