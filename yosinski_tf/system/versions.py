"""Versions of Python and of packages."""

import functools
import importlib.metadata
import pathlib
import platform
import zlib
from collections.abc import Iterable, Mapping

from yosinski_tf.system.errors import UserError

# Keras computes with TensorFlow or with JAX.
_DECIDING = ("tensorflow", "keras", "numpy", "jax", "jaxlib")


def installed(packages: Iterable[str]) -> dict[str, str]:
    """The version of Python and of each package that is installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def deciding() -> dict[str, str]:
    """What machines must have in common to compute the same, by name."""
    # The code may change without its version.
    return {"yosinski_tf": _own_code(), **installed(_DECIDING)}


def check_same(ours: Mapping[str, str], theirs: Mapping[str, str], host: str) -> None:
    """Refuses a node of a cluster whose versions are not those of the command.

    Raises:
      UserError: It names the first that differs.
    """
    for name in {**ours, **theirs}:
        mine, other = ours.get(name, "none"), theirs.get(name, "none")
        if mine != other:
            raise UserError(
                f"--engine=ray needs the same {name} on all nodes, found {other} on"
                f" {host} and {mine} on that of the command: install the same there"
            )


@functools.cache
def _own_code() -> str:
    """A digest of the code of this package."""
    home, found = pathlib.Path(__file__).parents[1], 0
    for path in sorted(home.rglob("*.py")):
        found = zlib.crc32(path.relative_to(home).as_posix().encode(), found)
        found = zlib.crc32(path.read_bytes(), found)
    return f"code {found:08x}"
