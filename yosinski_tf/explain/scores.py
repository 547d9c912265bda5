"""Scores that promise to predict transfer, and how far their order agrees with it.

Features are those of layer n of a network of half A on the training images of half B.
Both scores were made to compare networks by their last features, not the layers of one
network; such rankings turn with small changes of setup (arXiv 2204.01403).
"""

import dataclasses

import numpy as np
import scipy.linalg
import scipy.stats
from sklearn.covariance import ledoit_wolf_shrinkage

from yosinski_tf.explain.labelled import blocks, check_finite, targets_of
from yosinski_tf.results import analysis

LOGME_MEANING = (
    "LogME: how probable the labels are under a Bayesian linear model of the features,"
    " at the best strengths of weights and noise, as a logarithm for each image and"
    " class; only differences mean something, higher is better (You et al. 2021, arXiv"
    " 2102.11005, by the fixed point of arXiv 2110.10545; Bishop 2006, equations 3.86,"
    " 3.92 and 3.95). It needs no held-out images, as a model that fits by chance is"
    " improbable."
)
H_SCORE_MEANING = (
    "H-score: how much of the spread of the features lies between the classes, in the"
    " metric of their whole spread, from 0 to the number of classes less one (Bao et"
    " al. 2019, arXiv 2212.10082). The spread is shrunk towards a sphere, as with fewer"
    " images than dimensions every network would get the highest score (Ibrahim et al."
    " 2021, arXiv 2110.06893)."
)
AGREEMENT_MEANING = (
    "Kendall's tau of a score and the measured accuracy over the layers n of one pair:"
    " 1 if they rank the layers alike, 0 without relation, -1 in opposite order. Depth"
    " alone is a score to beat, as accuracy falls with n."
)
MIN_LAYERS = 3
_MOST_STEPS = 1000


def logme(features: np.ndarray, labels: np.ndarray) -> float:
    """Logarithm of the maximum evidence, mean over images and classes.

    For each class, its 0/1 labels are y ~ N(F w, 1/beta), w ~ N(0, 1/alpha), and the
    evidence p(y | F, alpha, beta) is maximised over alpha and beta. Features are
    neither centred nor scaled, and there is no bias, as in the paper.

    With fewer images than dimensions, or dependent dimensions, the determinant has
    log(alpha) for each axis on which no image lies. The authors' code (thuml/LogME)
    leaves these out: it is too high by (dimensions - rank) / 2 log(alpha) / images,
    which can be a hundred times the score. It also stops after 11 steps, too low where
    features say little. Elsewhere it agrees.

    Memory: four square matrices of float64 with the smaller of images and dimensions as
    side, and 64 MiB; a copy in float64 with fewer images than dimensions.

    Args:
      features: [images, dimensions], float32.
      labels: Any integers, [images]. Classes without an image do not count.

    Raises:
      UserError: With one class only, or features that are not finite.
    """
    _, targets = targets_of(labels, np.float64)
    check_finite(features)
    images, dimensions = features.shape
    dual = images < dimensions
    if dual:
        exact = features.astype(np.float64)
        values, vectors = np.linalg.eigh(exact @ exact.T)
    else:
        products, sums = _products(features, targets, np.zeros(dimensions))
        values, vectors = np.linalg.eigh(products)
    there = (
        values > max(values.max(), 0) * max(images, dimensions) * np.finfo(float).eps
    )
    values, vectors = values[there, None], vectors[:, there]
    # Squared length of the labels along each axis of the features, and off all of them.
    along = vectors.T @ targets if dual else vectors.T @ sums / np.sqrt(values)
    along = along**2
    off = np.maximum(targets.sum(axis=0) - along.sum(axis=0), 0)
    if not values.size:
        return float(np.mean(_evidence(np.ones(len(off)), values, along, off, images)))
    # Beyond these, the evidence has reached its limit: no noise, or no weights.
    low, high = 1e-8 * values.min(), 1e8 * values.max()
    ratio = np.ones(len(off))  # alpha / beta, one for each class
    for _ in range(_MOST_STEPS):
        gamma = (values / (values + ratio)).sum(axis=0)
        weights = (values * along / (ratio + values) ** 2).sum(axis=0)
        rest = (along * (ratio / (ratio + values)) ** 2).sum(axis=0) + off
        tiny = np.finfo(float).tiny
        alpha = gamma / np.maximum(weights, tiny)
        beta = (images - gamma) / np.maximum(rest, tiny)
        following = np.clip(alpha / np.maximum(beta, tiny), low, high)
        near = np.abs(following - ratio) <= 1e-6 * ratio
        ratio = following
        if near.all():
            break
    return float(np.mean(_evidence(ratio, values, along, off, images)))


def h_score(features: np.ndarray, labels: np.ndarray) -> float:
    """H-score with the shrinkage of Ledoit and Wolf, 0 to the number of classes - 1.

    (1 - s) tr(S^-1 B) (Ibrahim et al. 2021), where B is the covariance of
    the means of the classes, one for each image, and S = (1 - s) C + s tr(C)/d I is the
    shrunk covariance of the features (Ledoit & Wolf 2004), both divided by the number
    of images. With many images, s is near 0: then this is the H-score of Bao et al.
    2019. That one is the number of classes - 1 for any features with at least as many
    independent dimensions as images. This one, too, grows with the dimensions, random
    features or not: compare layers at the same number of dimensions only.

    Memory: as `logme`, and twice `features` in float64.

    Args, raises: As `logme`. Features that are the same for all images score 0.
    """
    _, targets = targets_of(labels, np.float64)
    check_finite(features)
    images, dimensions = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    weight = np.sqrt(targets.sum(axis=0) * images)
    dual = images < dimensions
    if dual:
        exact = features - mean
        products = exact @ exact.T / images
        between = products @ targets * (images / weight)
    else:
        products, sums = _products(features, targets, mean)
        products /= images
        between = sums / weight
    trace = np.trace(products)
    if trace <= 0:
        return 0.0
    shrinkage = ledoit_wolf_shrinkage(features.astype(np.float64))
    shrunk = (1 - shrinkage) * products
    shrunk[np.diag_indices_from(shrunk)] += shrinkage * trace / dimensions
    if shrinkage > 1e-9:
        inner = scipy.linalg.solve(shrunk, between, assume_a="pos")
    else:
        inner = scipy.linalg.pinvh(shrunk) @ between
    # tr(G' S^-1 G) with B = G G'; in the dual form G = X' Z, with Z of the labels.
    found = np.sum((targets / weight if dual else between) * inner)
    return float((1 - shrinkage) * found)


def rank_agreement(scores: np.ndarray, accuracies: np.ndarray) -> np.ndarray:
    """Kendall's tau over n within each pair; NaN where it cannot be told.

    Tau-b, unweighted: a study has few n, all of which matter, and the weights of the
    LogME paper would leave little but the two best. Halves and seeds differ in how hard
    they are, so ranks are taken within a pair only. With few n, tau is coarse.

    Args:
      scores: [pairs, layers], NaN where missing. `-n` for depth alone.
      accuracies: Of the copies at the same n, likewise.

    Returns:
      [pairs], -1 to 1; NaN of a pair with fewer than 3 layers, or whose layers do not
      differ in one of both.
    """
    found = np.full(len(scores), np.nan)
    for pair, (score, accuracy) in enumerate(zip(scores, accuracies, strict=True)):
        there = np.isfinite(score) & np.isfinite(accuracy)
        if there.sum() >= MIN_LAYERS:
            tau = scipy.stats.kendalltau(score[there], accuracy[there])
            found[pair] = tau.statistic
    return found


def mean_agreement(taus: np.ndarray, ends: float = 1.0) -> analysis.Estimate:
    """Mean and 95% t interval over the pairs of `rank_agreement`, or of differences.

    Args:
      taus: [pairs], NaN where there is none.
      ends: The interval ends here at the latest, above and below 0.
    """
    taken = analysis.estimate(taus[np.isfinite(taus)])
    if taken.low is None:
        return taken
    return dataclasses.replace(
        taken, low=max(-ends, taken.low), high=min(ends, taken.high)
    )


def _evidence(
    ratio: np.ndarray,
    values: np.ndarray,
    along: np.ndarray,
    off: np.ndarray,
    images: int,
) -> np.ndarray:
    """Log evidence for each image, [classes], at alpha / beta and the best beta.

    The evidence is the same for all dimensions beyond the rank: alpha cancels.
    """
    spread = (along * ratio / (ratio + values)).sum(axis=0) + off
    volume = np.log(ratio / (ratio + values)).sum(axis=0)
    best = images * np.log(images / spread) + volume - images * (1 + np.log(2 * np.pi))
    return best / 2 / images


def _products(
    features: np.ndarray, targets: np.ndarray, mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """X' X and X' `targets` of the features less `mean`, float64."""
    dimensions = features.shape[1]
    products = np.zeros((dimensions, dimensions))
    sums = np.zeros((dimensions, targets.shape[1]))
    for rows in blocks(len(features), 8 * features.shape[1]):
        block = features[rows] - mean
        products += block.T @ block
        sums += block.T @ targets[rows]
    return products, sums
