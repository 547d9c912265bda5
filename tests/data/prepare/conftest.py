"""A folder of images and a store of it, which no test changes."""

import pytest
from stores import draw, make


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("images") / "images")


@pytest.fixture(scope="session")
def raw(folder, tmp_path_factory):
    return make(f"folder:{folder}", tmp_path_factory.mktemp("raw") / "store")


@pytest.fixture
def images(tmp_path):
    """A folder of images that the test may change."""
    return draw(tmp_path / "images")
