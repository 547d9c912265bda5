"""A cohort of networks as one Keras model; a network alone is a cohort of one.

A cohort has, for each source of frozen layers, one trunk, which is computed once for
every n; on top of it a head per network; and whole networks for what is fine-tuned
or trained from scratch. (Not in the paper, which trained every network alone.)
"""

import dataclasses
import re
import types
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np

from yosinski_tf.experiment.stages import Network
from yosinski_tf.models import cohort_graph, surgery, training_model
from yosinski_tf.models.feature_rule import Kept
from yosinski_tf.models.layers import CropScaling
from yosinski_tf.models.pixel_scaling import scaled

_NOTHING: Kept = types.MappingProxyType({})


@dataclasses.dataclass(frozen=True, eq=False)
class CohortModel:
    """Networks in one model, trained on the same batches, and their weights.

    Attributes:
      network, input_size, mean: As in `build_cohort`.
      graph: The networks and their blocks.
      training: The Keras model for `fit`, on batches of ((images, indices),
        labels): images uint8 [batch, size, size, 3], their indices int32
        [batch, 2], see `IndexedDropout`, labels int32 [batch]. With a mean image,
        ((images, places, indices), labels), see `CropScaling`.
      validation: The Keras model for `evaluate`, with the same layers, on
        batches of (images, labels) or ((images, places), labels).
      extractors: The outputs of frozen layers that `training`, and `validation`,
        take beside the images and places, or, if no network needs images, in their
        place.
    """

    network: Network
    graph: cohort_graph.Graph
    input_size: int
    mean: np.ndarray
    training: training_model.TrainingModel
    validation: training_model.ValidationModel
    extractors: tuple[cohort_graph.Extractor, cohort_graph.Extractor]

    @property
    def trained(self) -> list[list[keras.Variable]]:
        """The trained variables of each network, in the order of the members."""
        return [
            [
                variable
                for block in head.values()
                for variable in block.variables.values()
                if variable.trainable
            ]
            for head in self.graph.heads.values()
        ]

    def settle(self) -> None:
        """Updates the variables in the midst of a `fit` or an `evaluate`.

        Under JAX, Keras keeps their values elsewhere until its end.
        """
        for model in (self.training, self.validation):
            if hasattr(model, "jax_state_sync"):
                model.jax_state_sync()

    def assign(self, name: str, weights: Mapping[str, np.ndarray]) -> None:
        """Sets one network's weights, by `layer/variable`.

        Networks on one trunk share its stages and need the same values for them.

        Raises:
          ValueError: If a shape differs.
          KeyError: If a layer is missing.
        """
        for key, variable in self._variables(name):
            if tuple(variable.shape) != weights[key].shape:
                raise ValueError(
                    f"{name}: {key} needs shape {tuple(variable.shape)}, found"
                    f" {weights[key].shape}"
                )
            variable.assign(weights[key])

    def weights(self, name: str) -> surgery.Weights:
        """One network's weights as they are now, by `layer/variable`."""
        return {
            key: keras.ops.convert_to_numpy(variable)
            for key, variable in self._variables(name)
        }

    def _variables(self, name: str) -> Iterator[tuple[str, keras.Variable]]:
        for block in self.graph.blocks(name).values():
            yield from block.variables.items()

    def single(self, name: str) -> keras.Model:
        """One network of the cohort as a plain model that shares its weights.

        Input uint8 images [batch, size, size, 3], output logits. A mean image is
        subtracted as from central crops.
        """
        images = _image_input(self.input_size)
        value = scaled(self.network, self.input_size, self.mean, images)
        for block in self.graph.blocks(name).values():
            value = block.apply(value)
        return keras.Model(images, value, name=model_name(self.network))


def build_cohort(
    network: Network,
    members: Sequence[cohort_graph.Member],
    *,
    input_size: int,
    num_classes: int,
    mean: Sequence[float] | np.ndarray,
    precision: str = "float32",
    kept: Kept = _NOTHING,
    kept_in_validation: Kept = _NOTHING,
) -> CohortModel:
    """Builds a cohort; its weights mean nothing until `assign` is called.

    Args:
      members: The networks, at least one, all of the same description.
      input_size: Side of the square images, pixels.
      num_classes: Classes of the half.
      mean: Mean of the training images: one number per channel, or the mean image,
        [side, side, 3], at least as large as the input.
      precision: `float32`, `bfloat16` or `float16`, see `make_blocks`.
      kept: The stages of each trunk whose outputs training takes instead of computing
        them.
      kept_in_validation: The same for validation.
    """
    mean = np.asarray(mean, np.float32)
    graph = cohort_graph.make_graph(network, members, num_classes, precision)
    images = _image_input(input_size)
    inputs = [images]
    if mean.ndim == 1 or network.pixels != "mean":
        pixels = scaled(network, input_size, mean, images)
    else:
        places = keras.Input((3,), dtype="int32", name="places")
        inputs.append(places)
        scaling = CropScaling(mean, network.pixel_scale, name="pixels")
        pixels = scaling(images, places)
    extractors = tuple(
        graph.extractor(inputs, pixels, points) for points in (kept, kept_in_validation)
    )
    (for_training, training_given), (for_validation, validation_given) = (
        cohort_graph.features_of(inputs, extractor) for extractor in extractors
    )
    indices = keras.Input((2,), dtype="int32", name="indices")
    training = training_model.TrainingModel(
        inputs=[*for_training, indices],
        outputs=graph.logits(pixels, training_given, indices),
        name="training",
    )
    validation = training_model.ValidationModel(
        inputs=for_validation if len(for_validation) > 1 else for_validation[0],
        outputs=graph.logits(pixels, validation_given, None),
        name="validation",
    )
    for model in (training, validation):
        model.make_totals(len(members))
    training.set_seeds(graph.seeds)
    return CohortModel(
        network=network,
        graph=graph,
        input_size=input_size,
        mean=mean,
        training=training,
        validation=validation,
        extractors=extractors,
    )


def model_name(network: Network) -> str:
    """A network's name without what TensorFlow does not take, such as brackets."""
    return re.sub(r"\W+", "_", network.name).strip("_")


def _image_input(size: int):
    return keras.Input((size, size, 3), dtype="uint8", name="images")


def build_network(
    network: Network,
    weights: Mapping[str, np.ndarray],
    *,
    input_size: int,
    mean: Sequence[float] | np.ndarray,
    frozen: int = 0,
) -> keras.Model:
    """One network as a plain Keras model with given weights.

    The weights say how many classes there are, `input_size` and `mean` are those of
    `build_cohort`, and the first `frozen` stages have `trainable` False.

    Returns:
      A functional model from uint8 images [batch, size, size, 3] to logits
      [batch, classes], its layers named as in the network.
    """
    trunk = "frozen" if frozen else None
    cohort = build_cohort(
        network,
        [cohort_graph.Member("single", trunk, frozen, "single")],
        input_size=input_size,
        num_classes=weights[f"{network.classifier}/bias"].shape[0],
        mean=mean,
    )
    cohort.assign("single", weights)
    return cohort.single("single")
