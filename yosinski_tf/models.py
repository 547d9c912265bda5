"""Keras models: one network, or a cohort of networks trained together.

A network is built as a chain of blocks, one per layer with weights: the layer,
its activation, pooling and normalisation (convolutions), or its activation and
dropout (fully connected). A cohort is one functional model: for each source
of frozen layers one trunk, computed once for every n; on top of it a head per
network; and whole networks for what is fine-tuned or trained from scratch
(not in the paper, which trained every network alone).
"""

import dataclasses
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from yosinski_tf.layers import (
    CaffeMaxPooling2D,
    CropScaling,
    GroupedConv2D,
    LocalResponseNormalization,
    PixelScaling,
)
from yosinski_tf.networks import CaffeConv, Conv, Network
from yosinski_tf.surgery import Weights, derive_seed

LEAKY_SLOPE = 0.1

Block = list[keras.layers.Layer]


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


def make_blocks(
    network: Network,
    num_classes: int,
    layers: Sequence[str],
    *,
    trainable: bool,
    identity: str,
    precision: str = "float32",
) -> dict[str, Block]:
    """Unbuilt Keras layers for some consecutive layers of a network.

    Args:
      network: The network's description.
      num_classes: Classes; fc8 has one output for each if the network gives no
        number of its own.
      layers: Names of the layers wanted, consecutive.
      trainable: False freezes them: it is set on the layers here, before any
        model is compiled.
      identity: What dropout masks are derived from.
      precision: `float32`, or `bfloat16` for mixed precision; fc8 and
        normalisation compute in float32 either way.

    Returns:
      For every layer, the Keras layers to call in order; the one with weights
      bears the layer's name.
    """
    policy = "float32" if precision == "float32" else f"mixed_{precision}"
    blocks: dict[str, Block] = {}
    first_dense = True
    for layer in network.layers:
        name, last = layer.name, layer is network.layers[-1]
        options = {"trainable": trainable, "kernel_initializer": "zeros"}
        block: Block = []
        if isinstance(layer, Conv):
            block += _convolution(layer, dtype=policy, **options)
        else:
            if first_dense:
                block.append(keras.layers.Flatten(name=f"{name}_flatten"))
                first_dense = False
            block.append(
                keras.layers.Dense(
                    network.outputs(num_classes) if last else layer.units,
                    name=name,
                    dtype="float32" if last else policy,
                    **options,
                )
            )
        if not last:
            slope = LEAKY_SLOPE if network.activation == "leaky_relu" else 0.0
            block.append(
                keras.layers.ReLU(
                    negative_slope=slope, name=f"{name}_activation", dtype=policy
                )
            )
        if isinstance(layer, Conv):
            if layer.pool:
                block.append(_pooling(layer, name=f"{name}_pool", dtype=policy))
            if layer.lrn:
                block.append(
                    LocalResponseNormalization(name=f"{name}_norm", dtype=policy)
                )
        elif layer.dropout:
            block.append(
                keras.layers.Dropout(
                    layer.dropout,
                    seed=derive_seed("dropout", identity, name),
                    name=f"{name}_dropout",
                    dtype=policy,
                )
            )
        if name in layers:
            blocks[name] = block
    return blocks


def _convolution(layer: Conv, **options) -> Block:
    """The convolution, after a layer of padding if it cannot pad by itself."""
    block: Block = []
    padding, make = "same", keras.layers.Conv2D
    if isinstance(layer, CaffeConv):
        if layer.stride > 1 or 2 * layer.padding != layer.kernel - 1:
            padding = "valid"
            if layer.padding:
                name = f"{layer.name}_padding"
                block.append(keras.layers.ZeroPadding2D(layer.padding, name=name))
        if layer.groups > 1:
            make, options = GroupedConv2D, {**options, "groups": layer.groups}
    block.append(
        make(
            layer.filters,
            layer.kernel,
            layer.stride,
            padding=padding,
            name=layer.name,
            **options,
        )
    )
    return block


def _pooling(layer: Conv, **options) -> keras.layers.Layer:
    if isinstance(layer, CaffeConv):
        return CaffeMaxPooling2D(layer.pool, 2, **options)
    return keras.layers.MaxPooling2D(layer.pool, 2, padding="same", **options)


def _apply(block: Block, value):
    for layer in block:
        value = layer(value)
    return value


def _weighted_layer(block: Block, name: str) -> keras.layers.Layer:
    return next(layer for layer in block if layer.name == name)


class _Accumulator(keras.metrics.Metric):
    """Sums per network over batches, kept on the device."""

    def __init__(self, size: int, names: Sequence[str]):
        super().__init__(name="cohort", dtype="float32")
        self.sums = {
            name: self.add_variable((size,), "zeros", dtype="float32", name=name)
            for name in names
        }
        self.images = self.add_variable((), "zeros", dtype="int32", name="images")

    def update_state(self, values: Mapping[str, object], count):
        for name, variable in self.sums.items():
            variable.assign_add(values[name])
        self.images.assign_add(count)

    def result(self):
        return keras.ops.cast(self.images, "float32")


def _per_network(function, outputs: Mapping[str, object]):
    return keras.ops.stack([function(logits) for logits in outputs.values()])


class _TrainingModel(keras.Model):
    """A cohort in training: the loss is the sum of the networks' losses.

    The networks share no trainable weight, so the gradient of the sum is for
    each network the gradient of its own loss.
    """

    def prepare(self, size: int) -> None:
        self.totals = _Accumulator(size, ("loss",))

    @property
    def metrics(self):
        return [self.totals]

    def reset_metrics(self):
        """Nothing: the trainer resets totals, once a period, `fit` too often."""

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        losses = [keras.ops.mean(_cross_entropy(y, z)) for z in y_pred.values()]
        return sum(losses[1:], losses[0])

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        count = keras.ops.shape(y)[0]
        loss = _per_network(lambda z: keras.ops.sum(_cross_entropy(y, z)), y_pred)
        self.totals.update_state({"loss": loss}, count)
        return {"images": self.totals.result()}


class _ValidationModel(keras.Model):
    """A cohort being validated: counts and summed losses per network."""

    def prepare(self, size: int, outputs: int) -> None:
        self.totals = _Accumulator(size, ("loss", "top1", "top5"))
        self.num_outputs = outputs

    @property
    def metrics(self):
        return [self.totals]

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=False
    ):
        return keras.ops.zeros(())

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        def hits(k):
            k = min(k, self.num_outputs)
            return _per_network(
                lambda z: keras.ops.sum(
                    keras.ops.cast(keras.ops.in_top_k(y, z, k), "float32")
                ),
                y_pred,
            )

        values = {
            "loss": _per_network(lambda z: keras.ops.sum(_cross_entropy(y, z)), y_pred),
            "top1": hits(1),
            "top5": hits(5),
        }
        self.totals.update_state(values, keras.ops.shape(y)[0])
        return {"images": self.totals.result()}


def _cross_entropy(labels, logits):
    return keras.ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


class Cohort:
    """Networks built as one model, to be trained on the same batches.

    Attributes:
      members: The networks, in the order of every per-network result.
      training: The Keras model for `fit`, on batches of (images, labels);
        images uint8 [batch, size, size, 3], labels int32 [batch]. With a mean
        image, batches are ((images, places), labels), see `CropScaling`.
      validation: The Keras model for `evaluate`, with the same layers.
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
          precision: `float32` or `bfloat16`.
        """
        self.network = network
        self.members = tuple(members)
        self._input_size = input_size
        self._mean = np.asarray(mean, np.float32)
        names = network.layer_names
        options = {"network": network, "num_classes": num_classes}
        options["precision"] = precision
        images = keras.Input((input_size, input_size, 3), dtype="uint8", name="images")
        inputs: object = images
        if self._mean.ndim == 1:
            pixels = self._scaling()(images)
        else:
            places = keras.Input((3,), dtype="int32", name="places")
            inputs = [images, places]
            scaling = CropScaling(self._mean, network.pixel_scale, name="pixels")
            pixels = scaling(images, places)

        self._trunks: dict[str, dict[str, Block]] = {}
        features: dict[tuple[str, int], object] = {}
        for trunk in dict.fromkeys(m.trunk for m in self.members if m.trunk):
            users = [m for m in self.members if m.trunk == trunk]
            depth = max(m.frozen_layers for m in users)
            blocks = make_blocks(
                layers=names[:depth],
                trainable=False,
                identity=f"trunk {trunk}",
                **options,
            )
            number = len(self._trunks)
            self._trunks[trunk] = blocks
            start = keras.Input(pixels.shape[1:])
            value, taps = start, {}
            for n, block in enumerate(blocks.values(), start=1):
                value = _apply(block, value)
                if any(m.frozen_layers == n for m in users):
                    taps[n] = value
            model = keras.Model(start, list(taps.values()), name=f"trunk_{number}")
            outputs = model(pixels)
            outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
            features.update(
                {(trunk, n): out for n, out in zip(taps, outputs, strict=True)}
            )

        self._heads: dict[str, dict[str, Block]] = {}
        logits = {}
        for index, member in enumerate(self.members):
            blocks = make_blocks(
                layers=names[member.frozen_layers :],
                trainable=True,
                identity=member.identity,
                **options,
            )
            self._heads[member.name] = blocks
            below = (
                features[member.trunk, member.frozen_layers] if member.trunk else pixels
            )
            start = keras.Input(below.shape[1:], dtype=below.dtype)
            value = start
            for block in blocks.values():
                value = _apply(block, value)
            # Scope names allow no plus sign; the number keeps the order.
            model = keras.Model(start, value, name=f"network_{index}")
            logits[f"{index:03d}"] = model(below)
        self.training = _TrainingModel(inputs=inputs, outputs=logits, name="training")
        self.training.prepare(len(self.members))
        self.validation = _ValidationModel(
            inputs=inputs, outputs=logits, name="validation"
        )
        self.validation.prepare(len(self.members), network.outputs(num_classes))

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

    def assign(self, name: str, weights: Mapping[str, np.ndarray]) -> None:
        """Sets one network's weights by layer name.

        Networks on one trunk share its layers, so they must be given the same
        values for them.

        Raises:
          ValueError: If a layer is missing or differs in shape.
        """
        for layer, block in self.blocks(name).items():
            keras_layer = _weighted_layer(block, layer)
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
            keras_layer = _weighted_layer(block, layer)
            for variable in (keras_layer.kernel, keras_layer.bias):
                values[f"{layer}/{variable.name}"] = keras.ops.convert_to_numpy(
                    variable
                )
        return values

    def dropout_states(self) -> list:
        """The random state of every dropout layer: [seed, calls so far]."""
        groups = [*self._trunks.values(), *self._heads.values()]
        return [
            layer.seed_generator.state
            for blocks in groups
            for block in blocks.values()
            for layer in block
            if isinstance(layer, keras.layers.Dropout)
        ]

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
            value = _apply(block, value)
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
    cohort = Cohort(
        network,
        [Member("single", trunk, frozen_layers, "single")],
        input_size=input_size,
        num_classes=weights["fc8/bias"].shape[0],
        mean=mean,
    )
    cohort.assign("single", weights)
    return cohort.single("single")
