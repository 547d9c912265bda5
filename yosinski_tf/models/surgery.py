"""What a network's weights are before training: copied layers and new ones.

Weights are a mapping from `conv1/kernel`, `conv1/bias`, ... to float32 arrays,
whatever the backend. Copying is by layer name with shapes compared; initial
values come from numpy, from a seed per run and layer, so that adding a run to
a study changes no other network.
"""

import hashlib
import pathlib
from collections.abc import Collection, Mapping

import numpy as np

from yosinski_tf.experiment.networks import Network
from yosinski_tf.experiment.treatments import Treatment
from yosinski_tf.system.errors import UserError

Weights = dict[str, np.ndarray]


def derive_seed(*parts: object) -> int:
    """A seed of 31 bits that depends on every part and on their order."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def initial_weights(
    network: Network, input_size: int, num_classes: int, identity: str
) -> Weights:
    """Random weights for every layer of a network.

    Kernels are normal with the network's standard deviations, biases constant
    (released network files: Gaussian initial weights).

    Args:
      network: The network.
      input_size: Side of the square input, pixels.
      num_classes: Classes of the half.
      identity: Whatever tells this network from every other; the values
        depend on it and on the layer's name, on nothing else.
    """
    weights: Weights = {}
    for name, shape in network.kernel_shapes(input_size, num_classes).items():
        random = np.random.default_rng(derive_seed("initial", identity, name))
        deviation, bias = network.initial(name, int(np.prod(shape[:-1])))
        values = random.standard_normal(shape) * deviation
        weights[f"{name}/kernel"] = values.astype(np.float32)
        weights[f"{name}/bias"] = np.full(shape[-1], bias, np.float32)
    return weights


def transplant(
    weights: Mapping[str, np.ndarray],
    source: Mapping[str, np.ndarray],
    layers: Collection[str],
) -> Weights:
    """A network's weights with some layers taken from another network.

    Args:
      weights: The receiving network.
      source: The network the layers are copied from.
      layers: Names of the layers to copy.

    Raises:
      UserError: If a layer is missing on either side or differs in shape.
    """
    result = dict(weights)
    for layer in layers:
        for name in (f"{layer}/kernel", f"{layer}/bias"):
            if name not in source or name not in weights:
                side = "source" if name not in source else "receiving"
                raise UserError(
                    f"wanted to copy {name}, but the {side} network has no such"
                    " weights: transfer between networks of one description"
                )
            if source[name].shape != weights[name].shape:
                raise UserError(
                    f"wanted to copy {name} of shape {weights[name].shape}, got"
                    f" {source[name].shape}: transfer between networks of one"
                    " description and input size"
                )
            result[name] = np.array(source[name], np.float32)
    return result


def starting_weights(
    treatment: Treatment,
    network: Network,
    fresh: Mapping[str, np.ndarray],
    source: Mapping[str, np.ndarray] | None,
) -> Weights:
    """The weights a treatment starts from.

    Args:
      treatment: The treatment.
      network: The network's description.
      fresh: Random weights of this run's own.
      source: Weights of the network that the first n layers, and those that are
        preserved above them, come from: a trained base, or for R treatments the
        random network whose layers all n share; None for a base.

    Raises:
      UserError: If a layer cannot be copied.
    """
    if treatment.n == 0:
        return dict(fresh)
    assert source is not None, treatment
    return transplant(fresh, source, network.layer_names[: treatment.copied_layers])


def digest(weights: Mapping[str, np.ndarray], layers: Collection[str]) -> str:
    """SHA-256 of the named layers' weights: names, shapes and float32 bytes."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        if name.split("/")[0] in layers:
            values = np.ascontiguousarray(weights[name], "<f4")
            sha.update(f"{name}{values.shape}".encode())
            sha.update(values.tobytes())
    return sha.hexdigest()


def read_weights(path: pathlib.Path) -> Weights:
    """Reads weights stored by `numpy.savez`; nothing in the file is executed.

    Raises:
      UserError: If the file is missing or broken.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: np.asarray(stored[name], "f4") for name in stored.files}
    # zipfile's and numpy's readers meet broken files with errors of many types.
    except Exception as error:
        raise UserError(
            f"cannot read weights from {path} ({error}): delete the run's folder"
            " to train it again"
        ) from None
