"""Similarity of two layers: linear CKA of their features of the same images.

CKA divides HSIC(x, y) by the root of HSIC(x, x) HSIC(y, y). Here HSIC is the unbiased
estimator of Song et al. 2012, summed over batches, so that more dimensions than images
do not raise it, and batches of any size estimate the same (Nguyen et al. 2021, arXiv
2010.15327, equations 2 and 3).
"""

import dataclasses
import math

import numpy as np
from scipy import linalg

MEANING = (
    "Linear CKA says how alike two layers see the same images: 1 if one layer's"
    " features are a rotated and rescaled copy of the other's, about 0 if they have"
    " nothing in common (Nguyen et al. 2021, arXiv 2010.15327, equations 2 and 3)."
    " A few images with large features can decide it without any change of what the"
    " network does (Davari et al. 2023, arXiv 2210.16156), so read it beside the value"
    " without these images, the share of the first direction and the value of a random"
    " network."
)

# Below this, the unbiased estimator is not defined.
_LEAST_IMAGES = 4
# Values of a block of features in double precision, 8 MiB.
_BLOCK = 1 << 20
_OUTLIERS = 0.01


@dataclasses.dataclass(frozen=True)
class Cka:
    """Similarity of two layers.

    Attributes:
      value: Linear CKA, at most 1; about 0 for unrelated features, where it may be
        negative. NaN if a layer gives all images the same features, or one that is
        not finite, or if there is no batch.
      without_outliers: The value without the images whose features are farthest from
        the batch's mean, 1% of each batch rounded up, by each of the two layers: 2 to
        4 of 125. If it differs, few images decide. NaN also if fewer than 4 are left.
      images: Number of images.
    """

    value: float
    without_outliers: float
    images: int


class LayerGrams:
    """One layer of one network: inner products of its features, batch by batch.

    Two layers are compared on the same images in the same batches. A batch should be
    a random choice of the images: one of a single class tells nothing of the others.
    Keeps 8 bytes for each pair of images of a batch, whatever the dimensions: 1 MiB
    for 1024 images in batches of 128.

    Attributes:
      batches: Inner products of features less the batch's mean, float64
        [batch, batch] each.
    """

    def __init__(self) -> None:
        self.batches: list[np.ndarray] = []

    @property
    def images(self) -> int:
        """Number of images."""
        return sum(len(gram) for gram in self.batches)

    def add(self, features: np.ndarray) -> None:
        """Adds a batch; fewer than 4 images say nothing and are left out.

        Beside the result, takes half of its memory and no more than 32 MiB.

        Args:
          features: [batch, ...], any kind of float; further axes count as one.
        """
        features = features.reshape(len(features), -1)
        count, dimensions = features.shape
        if count < _LEAST_IMAGES:
            return
        gram = np.zeros((count, count))
        step = max(1, _BLOCK // count)
        for start in range(0, dimensions, step):
            block = features[:, start : start + step].astype(np.float64)
            # Changes nothing in exact arithmetic, and keeps digits of float32. In
            # float64 the mean of equal values is exact: a dead unit gives zeros.
            block -= block.mean(0)
            single = block.astype(np.float32)
            gram += single @ single.T
        self.batches.append(gram)

    def first_direction(self) -> float:
        """Share of the variance along the first principal direction, 0..1.

        The mean over the batches; of a batch of k images at least 1 / (k - 1). Near 1,
        CKA compares little more than one number per image. NaN without variance, or
        without a batch.
        """
        shares = [_first_direction(gram) for gram in self.batches]
        return float(np.mean(shares)) if shares else math.nan


def cka(one: LayerGrams, other: LayerGrams) -> Cka:
    """Compares two layers.

    Raises:
      ValueError: If they are not of the same images.
    """
    sizes = [[len(gram) for gram in layer.batches] for layer in (one, other)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"needs the same batches of both layers, found {sizes}")
    pairs = list(zip(one.batches, other.batches, strict=True))
    return Cka(
        _ratio([_products(*pair) for pair in pairs]),
        _ratio([_products(*_without_outliers(*pair)) for pair in pairs]),
        one.images,
    )


def _products(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """HSIC of both, of the first and of the second, each times n (n - 3).

    So a batch counts by its pairs of images, and a small last one adds little noise;
    batches of one size count alike, as in equation 2.
    """
    if len(one) < _LEAST_IMAGES:
        return 0.0, 0.0, 0.0
    first, second = _centred(one), _centred(other)
    # Not `vdot`: starting threads for so little takes far longer on a busy machine.
    return (
        float((first * second).sum()),
        float((first * first).sum()),
        float((second * second).sum()),
    )


def _ratio(products: list[tuple[float, float, float]]) -> float:
    both, first, second = np.reshape(products, (-1, 3)).sum(0)
    scale = math.sqrt(first) * math.sqrt(second)
    return float(both / scale) if scale else math.nan


def _centred(gram: np.ndarray) -> np.ndarray:
    """The gram matrix whose products are the unbiased HSIC, with a zero diagonal.

    It is the same as equation 3, in the form of Szekely and Rizzo 2014 (arXiv
    1310.2926: U-centred matrices), and never gives a negative HSIC(x, x).
    """
    count = len(gram)
    gram = gram.copy()
    np.fill_diagonal(gram, 0)
    sums = gram.sum(0) / (count - 2)
    sums -= sums.sum() / (2 * (count - 1))
    gram -= sums
    gram -= sums[:, None]
    np.fill_diagonal(gram, 0)
    return gram


def _without_outliers(
    one: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    dropped = math.ceil(_OUTLIERS * len(one))
    keep = np.ones(len(one), bool)
    for gram in (one, other):
        keep[np.argsort(gram.diagonal(), kind="stable")[-dropped:]] = False
    kept = np.ix_(keep, keep)
    return one[kept], other[kept]


def _first_direction(gram: np.ndarray) -> float:
    total = gram.trace()
    if not (math.isfinite(total) and total):
        return math.nan
    last = len(gram) - 1
    largest = linalg.eigh(gram, eigvals_only=True, subset_by_index=(last, last))
    return float(largest[0] / total)
