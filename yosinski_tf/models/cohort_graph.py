"""The functional graph of a cohort: frozen trunks and the heads on top of them."""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from yosinski_tf.experiment.stages import Network
from yosinski_tf.models.blocks import Block, make_blocks
from yosinski_tf.models.feature_rule import Kept, segments


@dataclasses.dataclass(frozen=True)
class Member:
    """One network of a cohort.

    Attributes:
      name: Its treatment, unique in the cohort.
      trunk: Name of the frozen trunk that it stands on, from which the trunk's
        dropout masks are derived; None if nothing is frozen.
      frozen: How many stages of the trunk it uses.
      identity: What the dropout masks of its own stages are derived from.
    """

    name: str
    trunk: str | None
    frozen: int
    identity: str


@dataclasses.dataclass(frozen=True)
class Extractor:
    """The outputs of frozen stages that are computed once.

    Attributes:
      points: Trunk and number of the stage, for each output.
      on_disk: Whether the output is kept in a file, for each of them.
      model: Computes the list of these outputs from images, and places with a mean
        image; None without points.
      needs_images: Whether some network of the cohort needs the images too.
    """

    points: tuple[tuple[str, int], ...]
    on_disk: tuple[bool, ...]
    model: keras.Model | None
    needs_images: bool

    def outputs(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Computes the outputs for one batch, an array [batch, ...] for each point."""
        if not self.model.compiled:
            self.model.compile(jit_compile=keras.backend.backend() == "jax")
        found = self.model.predict_on_batch(inputs)
        # For one output, Keras returns no list.
        return found if isinstance(found, list) else [found]


@dataclasses.dataclass(frozen=True)
class Graph:
    """The blocks of a cohort, and how they are put together.

    Attributes:
      members: The networks, in the order of every result per network.
      trunks: Blocks of each frozen trunk, by stage.
      heads: Blocks of each network above its trunk, by stage.
    """

    members: tuple[Member, ...]
    trunks: Mapping[str, dict[str, Block]]
    heads: Mapping[str, dict[str, Block]]

    def blocks(self, name: str) -> dict[str, Block]:
        """The blocks of one network, frozen ones included."""
        member = next(m for m in self.members if m.name == name)
        trunk = self.trunks[member.trunk] if member.trunk else {}
        below = itertools.islice(trunk.items(), member.frozen)
        return {**dict(below), **self.heads[name]}

    @property
    def seeds(self) -> list[tuple[keras.Variable, int]]:
        """States of the random generators of trained stages, and the seed of each."""
        blocks = (block for head in self.heads.values() for block in head.values())
        return [seed for block in blocks for seed in block.seeds]

    def extractor(self, inputs: list, pixels, kept: Kept) -> Extractor:
        """Computes outputs of trunks from images.

        Args:
          inputs: Keras inputs that the pixels are computed from.
          pixels: Input of the networks, float32 [batch, size, size, 3].
          kept: The stages whose outputs are computed.
        """
        points, on_disk, outputs = [], [], []
        numbers = {trunk: each.stages for trunk, each in kept.items()}
        for number, (trunk, blocks) in enumerate(self.trunks.items()):
            stages = numbers.get(trunk, ())
            if not stages:
                continue

            def chain(value, _, blocks=blocks, stages=stages):
                found = []
                for n, block in enumerate(blocks.values(), start=1):
                    value = block.apply(value)
                    if n in stages:
                        found.append(value)
                    if n == max(stages):
                        return found

            points += [(trunk, n) for n in sorted(stages)]
            on_disk += [n in kept[trunk].on_disk for n in sorted(stages)]
            outputs += _scoped(f"trunk_{number}", chain, pixels, None)
        model = keras.Model(inputs, outputs, name="extractor") if points else None
        needs_images = any(
            m.trunk is None or not any(n <= m.frozen for n in numbers.get(m.trunk, ()))
            for m in self.members
        )
        return Extractor(tuple(points), tuple(on_disk), model, needs_images)

    def logits(
        self, pixels, given: Mapping[tuple[str, int], object], indices
    ) -> dict[str, object]:
        """The logits of every network, float32 [batch, classes].

        Args:
          pixels: Input of the networks, float32 [batch, size, size, 3].
          given: Outputs of trunks that are not computed, by trunk and number of stage.
          indices: Step and position of each image, int32 [batch, 2]; with None
            there is no dropout.
        """
        features: dict[tuple[str, int], object] = {}
        for number, trunk in enumerate(self.trunks):
            depths = {m.frozen for m in self.members if m.trunk == trunk}
            kept = [n for name, n in given if name == trunk]
            for start, reached in segments(depths, kept).items():
                below = given[trunk, start] if start else pixels
                found = self._taps(number, trunk, start, reached, below, indices)
                for n, value in zip(reached, found, strict=True):
                    features[trunk, n] = value
        logits = {}
        for index, member in enumerate(self.members):

            def chain(value, indices, blocks=self.heads[member.name]):
                for block in blocks.values():
                    value = block.apply(value, indices)
                return [value]

            below = features[member.trunk, member.frozen] if member.trunk else pixels
            # Names of models allow no plus sign; numbers keep the order.
            (value,) = _scoped(f"network_{index}", chain, below, indices)
            logits[f"{index:03d}"] = value
        return logits

    def _taps(self, number, trunk, start, depths, below, indices) -> list:
        """Outputs of a trunk's stages, from that of stage `start` or from pixels."""
        blocks = list(self.trunks[trunk].values())
        if max(depths) == start:
            return [below]

        def taps(value, indices):
            found = [value] if start in depths else []
            for n in range(start + 1, max(depths) + 1):
                value = blocks[n - 1].apply(value, indices)
                if n in depths:
                    found.append(value)
            return found

        name = f"trunk_{number}" + (f"_{start}" if start else "")
        return _scoped(name, taps, below, indices)


def make_graph(
    network: Network, members: Sequence[Member], num_classes: int, precision: str
) -> Graph:
    """Makes the blocks of a cohort, see `make_blocks`."""
    blocks = functools.partial(make_blocks, network, num_classes, precision=precision)
    depths: dict[str, int] = {}
    for m in members:
        if m.trunk:
            depths[m.trunk] = max(m.frozen, depths.get(m.trunk, 0))
    trunks = {
        trunk: blocks(slice(depth), trainable=False, identity=f"trunk {trunk}")
        for trunk, depth in depths.items()
    }
    heads = {
        m.name: blocks(slice(m.frozen, None), trainable=True, identity=m.identity)
        for m in members
    }
    return Graph(tuple(members), trunks, heads)


def features_of(
    images: list, extractor: Extractor
) -> tuple[list, dict[tuple[str, int], object]]:
    """Inputs of a model: images, places and outputs of trunks, as far as needed.

    Returns:
      All inputs, and those that are outputs of trunks by trunk and number of stage.
    """
    outputs = extractor.model.outputs if extractor.points else []
    features = [
        keras.Input(value.shape[1:], dtype=value.dtype, name=f"features_{number}")
        for number, value in enumerate(outputs)
    ]
    given = dict(zip(extractor.points, features, strict=True))
    return [*images, *features] if extractor.needs_images else features, given


def _scoped(name: str, function, value, indices) -> list:
    """Calls a function as a model, which groups its layers under a name."""
    start = keras.Input(value.shape[1:], dtype=value.dtype)
    if indices is None:
        return keras.Model([start], function(start, None), name=name)([value])
    image = keras.Input((2,), dtype="int32")
    model = keras.Model([start, image], function(start, image), name=name)
    return model([value, indices])
