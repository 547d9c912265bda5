"""Whether frozen layers give an image other last bits at another place in its batch.

oneDNN multiplies matrices a few rows at a time. Without AVX-512 it adds the rows that
remain in another order, so that images at the end of a batch get other last bits. Kept
outputs are computed at another place than the one where they are used. (Not in the
paper.)
"""

import math
from collections.abc import Collection

import keras
import numpy as np

from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.stages import Network
from yosinski_tf.models.blocks import make_blocks
from yosinski_tf.models.cohort_graph import Graph
from yosinski_tf.models.feature_rule import KeptFeatures

# Two orders of adding often agree: a quarter of the values or more differed in sums of
# eight numbers, four fifths in sums of 1600.
_VALUES = 256


def place_matters(network: Network, recipe: Recipe, stages: Collection[int]) -> bool:
    """Tries one image at every place of a batch, in this process.

    Only the shapes of the network count; `stages`, 1 for the first, have kept outputs.
    """
    blocks = make_blocks(
        network,
        num_classes=1,
        stages=slice(max(stages)),
        trainable=False,
        identity="",
        precision=recipe.precision,
    )
    pixels = keras.Input((recipe.crop_size, recipe.crop_size, 3))
    graph = Graph((), {"trunk": blocks}, {})
    extractor = graph.extractor(
        [pixels], pixels, {"trunk": KeptFeatures(tuple(stages), "tried")}
    )
    random = np.random.default_rng(0)
    shapes = [each.shape for each in extractor.model.get_weights()]
    extractor.model.set_weights([_drawn(random, shape) for shape in shapes])
    smallest = min(math.prod(value.shape[1:]) for value in extractor.model.outputs)
    for _ in range(1 + _VALUES // smallest):
        image = random.standard_normal((1, *pixels.shape[1:]), np.float32)
        found = extractor.outputs([np.repeat(image, recipe.batch_size, axis=0)])
        if any(each.tobytes() != each[:1].tobytes() * len(each) for each in found):
            return True
    return False


def _drawn(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Values for a variable, with which outputs stay finite and near 1."""
    if len(shape) < 2:
        # It may be a variance: of a negative one, every output would be NaN.
        return random.uniform(0.5, 1.5, shape)
    return random.standard_normal(shape) / math.sqrt(math.prod(shape[:-1]))
