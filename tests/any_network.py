"""Finished runs of any network, with made-up weights: nothing is trained."""

import json
import pathlib

import numpy as np
from fabricate import record

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.experiment.network_specs import parse_spec
from yosinski_tf.experiment.stages import Network
from yosinski_tf.models import network_building, surgery
from yosinski_tf.models.network_reading import describe
from yosinski_tf.models.pixels import guess_pixels
from yosinski_tf.study import network_file
from yosinski_tf.study.records import MEAN_NAME, WEIGHTS_NAME, Record, write_record

NAMES = ["tench", "cup", "électron", "café noir", "dog"]
"""The classes of these runs."""
MARGIN = 2
"""Pixels of an image on each side of its central crop."""


def read_network(spec: str, side: int, pixels: str | None = None) -> KerasNetwork:
    """The network that `--network` names, for square images of a side in pixels."""
    model = network_building.build(spec, side, num_classes=10)
    guessed, _ = guess_pixels(model, parse_spec(spec))
    return describe(model, name=spec, pixels=pixels or guessed)


def draw_weights(network: Network, side: int) -> surgery.Weights:
    """Weights and statistics with which images get different answers."""
    random = np.random.default_rng(9)
    weights = {}
    for key, shape in network.weight_shapes(side, len(NAMES)).items():
        scale = 0.1 if len(shape) == 1 else np.sqrt(2 / np.prod(shape[:-1]))
        if key.endswith("depthwise/kernel"):
            scale = np.sqrt(2 / np.prod(shape[:2]))
        values = random.normal(0, scale, shape)
        if key.endswith(("/gamma", "/moving_variance")):
            values = 1 + np.abs(values)
        weights[key] = values.astype(np.float32)
    return weights


def finish_run(
    runs: pathlib.Path,
    network: Network,
    side: int,
    mean: str = "pixel",
    treatment: str = "A2B",
) -> Record:
    """Writes the finished run of a network: of `A2B`, two stages are frozen.

    Args:
      side: Of the crops, pixels.
      mean: `pixel` or `image`.
    """
    runs.mkdir(parents=True, exist_ok=True)
    if isinstance(network, KerasNetwork):
        network_file.write(runs, network, {})
    weights = draw_weights(network, side)
    whole = side + 2 * MARGIN
    image = np.random.default_rng(5).uniform(60, 180, (whole, whole, 3))
    made = record(
        treatment,
        0.5,
        network=network.name,
        network_settings=json.loads(json.dumps(network.settings())),
        num_classes=len(NAMES),
        class_names=NAMES,
        mean_pixel=image.mean((0, 1)).tolist(),
        recipe={"image_size": whole, "crop_size": side, "mean": mean},
        weights_sha256=surgery.digest(weights),
    )
    folder = write_record(runs, made).parent
    np.savez(folder / WEIGHTS_NAME, **weights)
    if mean == "image":
        np.save(folder / MEAN_NAME, image.astype(np.float32))
    return made
