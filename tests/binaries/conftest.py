"""The images that the commands train on; no test changes them."""

import pathlib

import pytest
from commands import draw_folder


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> pathlib.Path:
    """A folder of six classes."""
    return draw_folder(tmp_path_factory.mktemp("images") / "data", 6)
