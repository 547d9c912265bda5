"""Sources are loaded by their names; the embedded images in full."""

import numpy as np
import pytest
from PIL import Image

from yosinski_tf.data.embedded import embedded_images
from yosinski_tf.data.sources import by_name
from yosinski_tf.data.sources.by_name import load
from yosinski_tf.system.errors import UserError


@pytest.mark.parametrize("size", [0, -3])
def test_image_size(size):
    with pytest.raises(UserError, match=f"a size of at least 1 pixel, found {size}"):
        load("embedded", image_size=size)


@pytest.mark.parametrize(
    "spec", ["", "embed", "embedded:", "embedded:x", "embedded:-1", "tfds:", "x:y"]
)
def test_unknown_source(spec):
    with pytest.raises(UserError) as caught:
        load(spec, image_size=32)
    message = str(caught.value)
    assert message.startswith(f"unknown data {spec!r}: give one of embedded or ")
    assert by_name.KNOWN in message


@pytest.fixture
def few_images(monkeypatch):
    """Reduces the embedded images to three per class."""
    monkeypatch.setattr(embedded_images, "TRAIN_PER_CLASS", 2)
    monkeypatch.setattr(embedded_images, "VALIDATION_PER_CLASS", 1)


def test_a_description_is_what_loading_finds(few_images):
    described, data = by_name.describe("embedded"), load("embedded", image_size=32)
    assert described.name == data.name
    assert described.class_names == data.class_names
    assert described.families == data.families
    assert described.num_images == len(data.train_labels) + len(data.validation_labels)
    with pytest.raises(UserError, match="--data_dir needs a source tfds:NAME"):
        by_name.describe("embedded", data_dir="x")


def test_embedded(few_images):
    data = load("embedded", image_size=32)
    drawn = embedded_images.generate(0, 2, 1)
    assert data.class_names == embedded_images.CLASS_NAMES
    assert data.families == embedded_images.FAMILIES
    np.testing.assert_array_equal(data.train_images, drawn.train_images)
    np.testing.assert_array_equal(data.validation_labels, drawn.validation_labels)
    assert data.fingerprint != load("embedded:1", image_size=32).fingerprint
    assert data.fingerprint == load("embedded:0", image_size=32).fingerprint


def test_embedded_in_another_size(few_images):
    seen = []
    data = load("embedded", image_size=16, progress=lambda *now: seen.append(now))
    first = embedded_images.generate(0, 1, 1).train_images[0]
    warped = Image.fromarray(first).resize((16, 16), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(data.train_images[0], np.asarray(warped))
    assert data.validation_images.shape == (len(embedded_images.CLASS_NAMES), 16, 16, 3)
    assert seen[-1] == (len(data.class_names) * 3, len(data.class_names) * 3)
