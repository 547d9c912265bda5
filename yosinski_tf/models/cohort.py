"""Keras models: one network, or a cohort of networks trained together.

A network is a chain of blocks, one per layer with weights. A cohort is one
functional model: for each source of frozen layers one trunk, computed once for
every n; on top of it a head per network; and whole networks for what is
fine-tuned or trained from scratch (not in the paper, which trained every network
alone).
"""

import types
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from yosinski_tf.experiment.networks import Network
from yosinski_tf.models.blocks import Block, apply_block, make_blocks, weighted_layer
from yosinski_tf.models.cohort_graph import Graph, Member, features_of, given
from yosinski_tf.models.feature_rule import Kept
from yosinski_tf.models.layers import CropScaling, PixelScaling
from yosinski_tf.models.surgery import Weights
from yosinski_tf.models.training_model import TrainingModel, ValidationModel

NOTHING: Kept = types.MappingProxyType({})


class CohortModel:
    """Networks built as one model, to be trained on the same batches.

    Attributes:
      members: The networks, in the order of every per-network result.
      training: The Keras model for `fit`, on batches of ((images, indices),
        labels): images uint8 [batch, size, size, 3], their indices int32
        [batch, 2], see `IndexedDropout`, labels int32 [batch]. With a mean image,
        ((images, places, indices), labels), see `CropScaling`.
      validation: The Keras model for `evaluate`, with the same layers, on
        batches of (images, labels) or ((images, places), labels).
      extractors: What of frozen trunks training, and validation, are given with
        the images, after places, or if no network looks at images instead of
        both.
    """

    def __init__(
        self,
        network: Network,
        members: Sequence[Member],
        *,
        input_size: int,
        num_classes: int,
        mean: Sequence[float] | np.ndarray,
        precision: str = "float32",
        kept: Kept = NOTHING,
        kept_in_validation: Kept = NOTHING,
    ):
        """Builds the model; every weight is zero until `assign` is called.

        Args:
          network: The description that all members share.
          members: The networks; at least one.
          input_size: Side of the square images, pixels.
          num_classes: Classes of the half.
          mean: Mean of the training images: one number per channel, or the
            mean image, [side, side, 3], which is at least as large as the
            input.
          precision: `float32`, `bfloat16` or `float16`, see `make_blocks`.
          kept: For trunks the numbers of layers, 1 for conv1, whose outputs
            training is given instead of computing them.
          kept_in_validation: The same of validation.
        """
        self.network = network
        self.members = tuple(members)
        self._input_size = input_size
        self._mean = np.asarray(mean, np.float32)
        names = network.layer_names
        options = {"network": network, "num_classes": num_classes}
        options["precision"] = precision
        self._trunks: dict[str, dict[str, Block]] = {}
        for trunk in dict.fromkeys(m.trunk for m in self.members if m.trunk):
            depth = max(m.frozen_layers for m in self.members if m.trunk == trunk)
            self._trunks[trunk] = make_blocks(
                layers=names[:depth],
                trainable=False,
                identity=f"trunk {trunk}",
                **options,
            )
        self._heads: dict[str, dict[str, Block]] = {
            member.name: make_blocks(
                layers=names[member.frozen_layers :],
                trainable=True,
                identity=member.identity,
                **options,
            )
            for member in self.members
        }
        graph = Graph(self.members, self._trunks, self._heads)

        images = keras.Input((input_size, input_size, 3), dtype="uint8", name="images")
        inputs = [images]
        if self._mean.ndim == 1:
            pixels = self._scaling()(images)
        else:
            places = keras.Input((3,), dtype="int32", name="places")
            inputs.append(places)
            scaling = CropScaling(self._mean, network.pixel_scale, name="pixels")
            pixels = scaling(images, places)
        self.extractors = tuple(
            graph.extractor(inputs, pixels, points)
            for points in (kept, kept_in_validation)
        )
        training, validation = (
            features_of(inputs, extractor) for extractor in self.extractors
        )
        indices = keras.Input((2,), dtype="int32", name="indices")
        self.training = TrainingModel(
            inputs=[*training, indices],
            outputs=graph.logits(pixels, given(self.extractors[0], training), indices),
            name="training",
        )
        self.training.prepare(len(self.members))
        self.validation = ValidationModel(
            inputs=validation if len(validation) > 1 else validation[0],
            outputs=graph.logits(pixels, given(self.extractors[1], validation), None),
            name="validation",
        )
        self.validation.prepare(len(self.members))

    def _scaling(self) -> PixelScaling:
        """What central crops go through."""
        mean = self._mean
        if mean.ndim > 1:
            margin = (mean.shape[0] - self._input_size) // 2
            inside = slice(margin, margin + self._input_size)
            mean = mean[inside, inside]
        return PixelScaling(mean, self.network.pixel_scale, name="pixels")

    def blocks(self, name: str) -> dict[str, Block]:
        """The Keras layers of one network, frozen ones included."""
        member = next(m for m in self.members if m.name == name)
        frozen = self.network.layer_names[: member.frozen_layers]
        below = (
            {layer: self._trunks[member.trunk][layer] for layer in frozen}
            if member.trunk
            else {}
        )
        return {**below, **self._heads[name]}

    @property
    def trained(self) -> list[list[keras.Variable]]:
        """The variables of each network that are trained, network by network."""
        return [
            [
                variable
                for block in self._heads[member.name].values()
                for layer in block
                for variable in layer.trainable_variables
            ]
            for member in self.members
        ]

    def settle(self) -> None:
        """Makes variables current in the midst of a `fit` or an `evaluate`.

        Under JAX Keras keeps their values elsewhere until the end.
        """
        for model in (self.training, self.validation):
            if hasattr(model, "jax_state_sync"):
                model.jax_state_sync()

    def assign(self, name: str, weights: Mapping[str, np.ndarray]) -> None:
        """Sets one network's weights by layer name.

        Networks on one trunk share its layers, so they must be given the same
        values for them.

        Raises:
          ValueError: If a layer is missing or differs in shape.
        """
        for layer, block in self.blocks(name).items():
            keras_layer = weighted_layer(block, layer)
            for variable in (keras_layer.kernel, keras_layer.bias):
                value = weights[f"{layer}/{variable.name}"]
                if tuple(variable.shape) != value.shape:
                    raise ValueError(
                        f"{name}: {layer}/{variable.name} wants shape"
                        f" {tuple(variable.shape)}, got {value.shape}"
                    )
                variable.assign(value)

    def weights(self, name: str) -> Weights:
        """One network's weights as they are now, by layer name."""
        values: Weights = {}
        for layer, block in self.blocks(name).items():
            keras_layer = weighted_layer(block, layer)
            for variable in (keras_layer.kernel, keras_layer.bias):
                values[f"{layer}/{variable.name}"] = keras.ops.convert_to_numpy(
                    variable
                )
        return values

    def single(self, name: str) -> keras.Model:
        """One network of the cohort as a plain model, sharing its weights.

        Its layers with weights are called conv1..conv5, fc6, fc7, fc8; input
        uint8 images [batch, size, size, 3], output logits. A mean image is
        subtracted as from central crops.
        """
        images = keras.Input(
            (self._input_size, self._input_size, 3), dtype="uint8", name="images"
        )
        value = self._scaling()(images)
        for block in self.blocks(name).values():
            value = apply_block(block, value)
        return keras.Model(images, value, name=self.network.name)


def build_network(
    network: Network,
    weights: Mapping[str, np.ndarray],
    *,
    input_size: int,
    mean: Sequence[float] | np.ndarray,
    frozen_layers: int = 0,
) -> keras.Model:
    """One network as a plain Keras model with given weights.

    Args:
      network: The description.
      weights: Values of all layers; they say how many classes there are.
      input_size: Side of the square images, pixels.
      mean: Mean pixel or mean image that was subtracted in training; of an
        image only the centre counts.
      frozen_layers: How many layers, from the input, have `trainable` False.

    Returns:
      A functional model from uint8 images [batch, size, size, 3] to logits
      [batch, classes], its layers with weights named conv1..fc8.
    """
    trunk = "frozen" if frozen_layers else None
    cohort = CohortModel(
        network,
        [Member("single", trunk, frozen_layers, "single")],
        input_size=input_size,
        num_classes=weights["fc8/bias"].shape[0],
        mean=mean,
    )
    cohort.assign("single", weights)
    return cohort.single("single")
