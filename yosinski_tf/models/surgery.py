"""The weights of a network before training: copied layers and random ones.

Weights are a mapping from `conv1/kernel`, `conv1/bias`, ... to float32 arrays, on
every backend. Layers are copied by name, and their shapes must agree. NumPy draws
initial values from a seed per run and layer, so that adding a run to a study changes
no other network.
"""

import hashlib
import pathlib
from collections.abc import Collection, Mapping

import numpy as np

from yosinski_tf.experiment import treatments
from yosinski_tf.experiment.networks import EightLayers
from yosinski_tf.experiment.stages import Network
from yosinski_tf.system.errors import UserError, why_unreadable

Weights = dict[str, np.ndarray]


def derive_seed(*parts: object) -> int:
    """A seed of 31 bits that depends on every part and on their order."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def initial_weights(
    network: EightLayers, input_size: int, num_classes: int, identity: str
) -> Weights:
    """Random weights for every layer of a network.

    Kernels are normal with the network's standard deviations, biases are constant
    (released network files: Gaussian initial weights).

    The values depend only on `identity`, the name of this network alone, and on the
    name and shape of the layer; `input_size` is the side of the square input, pixels.
    """
    weights: Weights = {}
    shapes = network.weight_shapes(input_size, num_classes)
    for name in network.stage_names:
        shape = shapes[f"{name}/kernel"]
        random = np.random.default_rng(derive_seed("initial", identity, name))
        deviation, bias = network.initial(name, int(np.prod(shape[:-1])))
        values = random.standard_normal(shape)
        values *= deviation  # In place: the largest layer has 300 MB.
        weights[f"{name}/kernel"] = values.astype(np.float32)
        weights[f"{name}/bias"] = np.full(shape[-1], bias, np.float32)
    return weights


def transplant(
    weights: Mapping[str, np.ndarray],
    source: Mapping[str, np.ndarray],
    layers: Collection[str],
) -> Weights:
    """The weights of a network, with the named layers copied from a source.

    Raises:
      UserError: If a layer is missing on either side or differs in shape.
    """
    result = dict(weights)
    for name in sorted(weights.keys() | source.keys()):
        if name.split("/")[0] not in layers:
            continue
        needed, found = (
            values[name].shape if name in values else None
            for values in (weights, source)
        )
        if needed is None or needed != found:
            raise UserError(
                f"copying {name} needs one shape in both networks, found {needed}"
                f" in the receiving one and {found} in the source: transfer between"
                " networks of one description and input size"
            )
        result[name] = np.array(source[name], np.float32)
    return result


def starting_weights(
    treatment: treatments.Treatment,
    network: Network,
    fresh: Mapping[str, np.ndarray],
    source: Mapping[str, np.ndarray] | None,
) -> Weights:
    """The weights that a treatment starts from, see `transplant`.

    The first n layers, and the preserved layers above them, are copied from `source`:
    a trained base, or for R treatments the random network that all n share; None for a
    base. The others are the random ones of this run, `fresh`.
    """
    copied = network.layers_below(treatment.copied_layers)
    return transplant(fresh, source or {}, copied)


def digest(
    weights: Mapping[str, np.ndarray], layers: Collection[str] | None = None
) -> str:
    """SHA-256 of weights: names, shapes and float32 bytes; of all layers or some."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        if layers is None or name.split("/")[0] in layers:
            values = np.ascontiguousarray(weights[name], "<f4")
            sha.update(f"{name}{values.shape}".encode())
            sha.update(values.tobytes())
    return sha.hexdigest()


def first_filters(
    weights: Mapping[str, np.ndarray],
) -> tuple[str, np.ndarray] | None:
    """The first layer that sees colours and its kernel, [height, width, 3, filters].

    A layer before it may have other weights. None if there is no such layer.
    """
    for name, values in weights.items():
        if values.ndim == 4 and values.shape[2] == 3:
            return name.split("/")[0], values
    return None


def read_weights(path: pathlib.Path) -> Weights:
    """Reads weights stored by `numpy.savez`, without executing anything in the file.

    Raises:
      UserError: If the file is missing or broken.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: np.asarray(stored[name], "f4") for name in stored.files}
    except MemoryError:
        raise
    # The readers of zipfile and NumPy raise errors of many types for broken files.
    except Exception as error:
        raise UserError(
            f"cannot read weights from {path} ({why_unreadable(error)}): delete the"
            " run's folder to train it again"
        ) from None
