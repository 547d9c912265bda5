"""Which networks the table of measures is about, and whether there are newer ones."""

import json
import pathlib
from collections.abc import Iterable, Mapping

from yosinski_tf.explain.units import Unit
from yosinski_tf.study import commands
from yosinski_tf.system import files

_NAME = "explain/networks.json"


def networks_of(units: Iterable[Unit]) -> dict[str, str]:
    """The digests of the weights of all networks of some units, by run id."""
    return {
        record.run_id: record.weights_sha256
        for unit in units
        for record in (*unit.networks.values(), unit.base, unit.other)
        if record is not None
    }


def note(runs: pathlib.Path, networks: Mapping[str, str]) -> None:
    """Notes of which networks the measures are.

    Raises:
      OSError: If the note cannot be written.
    """
    files.make_folder((runs / _NAME).parent)
    files.write_atomically(runs / _NAME, json.dumps(networks, indent=1).encode())


def warning(runs: pathlib.Path, networks: Mapping[str, str]) -> str:
    """What to say if the networks are others than those measured; else empty."""
    command = commands.explain(runs)
    try:
        noted = json.loads((runs / _NAME).read_text("utf-8"))
        later = [name for name, digest in networks.items() if noted.get(name) != digest]
        gone = noted.keys() - networks.keys()
    except (OSError, ValueError, AttributeError):
        return (
            "it is not known of which networks these measures are:"
            f" {command} measures again"
        )
    changes = [
        f"{_networks(len(found))} {what}"
        for found, what in ((later, "trained since"), (gone, "gone since"))
        if found
    ]
    if not changes:
        return ""
    return (
        f"these measures are of an earlier state of the study, with"
        f" {' and '.join(changes)}: {command} measures again what has changed"
    )


def _networks(count: int) -> str:
    return f"{count} network" + "s" * (count != 1)
