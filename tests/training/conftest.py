"""The data set of the tiny networks, drawn once for all tests of training."""

import pytest
import tiny


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    return tiny.draw_images(tmp_path_factory.mktemp("images"))
