"""Versions of Python and of packages."""

import importlib.metadata
import platform
from collections.abc import Iterable


def installed(packages: Iterable[str]) -> dict[str, str]:
    """The version of Python and of each package that is installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
