"""Measurements in processes of their own, where memory and threads are theirs."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from yosinski_tf.system.errors import UserError


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns, or raises, called in a new process.

    Args:
      function: Of a module, so that the process finds it.
      *arguments: Plain values and dataclasses.

    Raises:
      UserError: If the process was killed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=_import_quietly) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise UserError(
                "a measurement's process was killed, as when memory runs out: close"
                " other programs, or measure less"
            ) from None


def _import_quietly() -> None:
    """Imports TensorFlow, which tells of its start whatever log level is asked for."""
    terminal = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import tensorflow  # noqa: F401
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
