"""Measurements in processes of their own, where memory and threads are theirs."""

import multiprocessing
import os
from collections.abc import Callable
from typing import Any


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns, or raises, called in a new process.

    Args:
      function: Of a module, so that the process finds it.
      *arguments: Plain values and dataclasses.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)
