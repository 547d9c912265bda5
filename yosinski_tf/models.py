"""Keras models: one network, or a cohort of networks trained together.

A network is a chain of blocks, one per layer with weights. A cohort is one
functional model: for each source of frozen layers one trunk, computed once for
every n; on top of it a head per network; and whole networks for what is
fine-tuned or trained from scratch (not in the paper, which trained every network
alone).
"""

import dataclasses
import types
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from yosinski_tf.blocks import (
    Block,
    apply_block,
    constant_part,
    make_blocks,
    random_part,
    weighted_layer,
)
from yosinski_tf.feature_rule import Kept, segments
from yosinski_tf.layers import CropScaling, PixelScaling
from yosinski_tf.networks import Network
from yosinski_tf.objectives import TrainingModel, ValidationModel
from yosinski_tf.surgery import Weights

NOTHING: Kept = types.MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Member:
    """One network of a cohort.

    Attributes:
      name: Its treatment, unique in the cohort.
      trunk: Which frozen trunk it stands on, in words that the trunk's dropout
        masks are derived from; None if nothing is frozen.
      frozen_layers: How many layers of the trunk it uses.
      identity: What the dropout masks of its own layers are derived from.
    """

    name: str
    trunk: str | None
    frozen_layers: int
    identity: str


@dataclasses.dataclass(frozen=True)
class Extractor:
    """What of frozen trunks is computed beforehand.

    Attributes:
      points: Trunk and number of the layer, for each output.
      model: From images, and places with a mean image, to a list of what these
        layers make of them, up to dropout; None without points.
      wants_images: Whether the cohort looks at images all the same.
    """

    points: tuple[tuple[str, int], ...]
    model: keras.Model | None
    wants_images: bool


class Cohort:
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
            self._extractor(inputs, pixels, points)
            for points in (kept, kept_in_validation)
        )
        training, validation = (
            self._inputs(inputs, extractor) for extractor in self.extractors
        )
        indices = keras.Input((2,), dtype="int32", name="indices")
        self.training = TrainingModel(
            inputs=[*training, indices],
            outputs=self._logits(
                pixels, self._given(self.extractors[0], training), indices
            ),
            name="training",
        )
        self.training.prepare(len(self.members))
        self.validation = ValidationModel(
            inputs=validation if len(validation) > 1 else validation[0],
            outputs=self._logits(
                pixels, self._given(self.extractors[1], validation), None
            ),
            name="validation",
        )
        self.validation.prepare(len(self.members))

    def _extractor(self, inputs, pixels, kept: Kept) -> Extractor:
        """Computes outputs of trunks from images."""
        points, outputs = [], []
        for number, (trunk, blocks) in enumerate(self._trunks.items()):
            wanted = kept.get(trunk, ())
            if not wanted:
                continue

            def chain(value, _, blocks=blocks, wanted=wanted):
                found = []
                for n, block in enumerate(blocks.values(), start=1):
                    value = apply_block(constant_part(block), value)
                    if n in wanted:
                        found.append(value)
                    if n == max(wanted):
                        return found

            points += [(trunk, n) for n in sorted(wanted)]
            outputs += _scoped(f"trunk_{number}", chain, pixels, None)
        model = keras.Model(inputs, outputs, name="extractor") if points else None
        wants_images = any(
            m.trunk is None
            or not any(n <= m.frozen_layers for n in kept.get(m.trunk, ()))
            for m in self.members
        )
        return Extractor(tuple(points), model, wants_images)

    def _inputs(self, images: list, extractor: Extractor) -> list:
        """What a model is given: images, places and outputs of trunks."""
        outputs = extractor.model.outputs if extractor.points else []
        features = [
            keras.Input(value.shape[1:], dtype=value.dtype, name=f"features_{number}")
            for number, value in enumerate(outputs)
        ]
        return [*images, *features] if extractor.wants_images else features

    @staticmethod
    def _given(extractor: Extractor, inputs: list) -> dict[tuple[str, int], object]:
        """The outputs of trunks among a model's inputs."""
        points = extractor.points
        return dict(zip(points, inputs[len(inputs) - len(points) :], strict=True))

    def _logits(self, pixels, given, indices) -> dict[str, object]:
        """Every member's logits; without indices nothing is dropped."""
        features: dict[tuple[str, int], object] = {}
        for number, trunk in enumerate(self._trunks):
            depths = {m.frozen_layers for m in self.members if m.trunk == trunk}
            kept = [n for name, n in given if name == trunk]
            for start, reached in segments(depths, kept).items():
                below = given[trunk, start] if start else pixels
                found = self._taps(number, trunk, start, reached, below, indices)
                for n, value in zip(reached, found, strict=True):
                    features[trunk, n] = value
        logits = {}
        for index, member in enumerate(self.members):

            def chain(value, indices, blocks=self._heads[member.name]):
                for block in blocks.values():
                    value = apply_block(block, value, indices)
                return [value]

            below = (
                features[member.trunk, member.frozen_layers] if member.trunk else pixels
            )
            # Scope names allow no plus sign; the number keeps the order.
            (value,) = _scoped(f"network_{index}", chain, below, indices)
            logits[f"{index:03d}"] = value
        return logits

    def _taps(self, number, trunk, start, depths, below, indices) -> list:
        """Outputs of a trunk's layers, from that of an earlier one or from pixels."""
        blocks = list(self._trunks[trunk].values())
        rest = random_part(blocks[start - 1]) if start else []
        if not rest and max(depths) == start:
            return [below]

        def taps(value, indices):
            value = apply_block(rest, value, indices)
            found = [value] if start in depths else []
            for n in range(start + 1, max(depths) + 1):
                value = apply_block(blocks[n - 1], value, indices)
                if n in depths:
                    found.append(value)
            return found

        name = f"trunk_{number}" + (f"_{start}" if start else "")
        return _scoped(name, taps, below, indices)

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


def _scoped(name: str, function, value, indices) -> list:
    """Calls a function as a model of its own, whose name its layers then bear."""
    start = keras.Input(value.shape[1:], dtype=value.dtype)
    if indices is None:
        return keras.Model([start], function(start, None), name=name)([value])
    image = keras.Input((2,), dtype="int32")
    model = keras.Model([start, image], function(start, image), name=name)
    return model([value, indices])


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
    cohort = Cohort(
        network,
        [Member("single", trunk, frozen_layers, "single")],
        input_size=input_size,
        num_classes=weights["fc8/bias"].shape[0],
        mean=mean,
    )
    cohort.assign("single", weights)
    return cohort.single("single")
