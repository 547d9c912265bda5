"""Python modules of the user, imported by name."""

import contextlib
import importlib
import os
import sys
import types
from collections.abc import Iterator

from yosinski_tf.system.errors import UserError, in_brief


def import_module(name: str) -> types.ModuleType:
    """Imports a module, also from the current folder, as `python -m` does.

    Raises:
      UserError: If there is no such module, or it fails.
    """
    try:
        with current_folder_first():
            return importlib.import_module(name)
    # A module of the user may raise anything.
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == name.split(".")[0]:
            advice = f"start the command in the folder of {error.name}, or install it"
        else:
            advice = f"make 'import {name}' work in Python first"
        raise UserError(
            f"python: needs the module {name}, found that it cannot be imported"
            f" ({in_brief(error)}): {advice}"
        ) from None


@contextlib.contextmanager
def current_folder_first() -> Iterator[None]:
    """The context in which modules of the current folder are found first."""
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        # The module may have changed the path.
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
