"""`network.json`: the network of a study, from which everything is built.

It holds the graph of a Keras network and how it is cut. So names stay, and neither the
function that made it nor the file that it was read from is needed any more. Networks
with eight layers need none, unless they come from a run of another study: the settings
describe them whole.
"""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.experiment.networks import EightLayers
from yosinski_tf.experiment.stages import Network
from yosinski_tf.system import errors, files

NAME = "network.json"


def write(runs: pathlib.Path, network: Network, request: Mapping[str, Any]) -> None:
    """Stores a network, and the `request` that it was made for.

    Raises:
      OSError: If it cannot be written.
    """
    values = {"request": dict(request)}
    if isinstance(network, KerasNetwork):
        values["network"] = network.to_json()
    else:
        values["settings"] = network.settings()
    text = json.dumps(values)
    files.write_atomically(runs / NAME, text.encode())


def read(runs: pathlib.Path) -> tuple[Network, dict[str, Any]] | None:
    """The stored network and its request; None if the folder has none.

    Raises:
      UserError: If the file is broken.
    """
    path = runs / NAME
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_text("utf-8"))
        request = dict(values["request"])
        if "settings" in values:
            return EightLayers.from_settings(values["settings"]), request
        return KerasNetwork.from_json(values["network"]), request
    except (OSError, ValueError, KeyError, TypeError, errors.UserError) as error:
        raise errors.UserError(
            f"cannot read {path} ({error}): restore it, or choose another --runs folder"
        ) from None


def network_of(runs: pathlib.Path, settings: Mapping[str, Any]) -> Network:
    """The network that a record's `network_settings` describe.

    Raises:
      UserError: If they describe none, or another one than the study folder has.
    """
    if "sha256" not in settings:
        return EightLayers.from_settings(settings)
    found = read(runs)
    needed = settings["sha256"]
    digest = getattr(found[0], "digest", "") if found else ""
    if found is None or digest != needed:
        what = f"one with {digest[:12]}" if digest else "none"
        raise errors.UserError(
            f"{runs / NAME} needs the network with the digest {needed!s:.12}, found"
            f" {what}: restore the file, or choose another --runs folder"
        )
    return found[0]
