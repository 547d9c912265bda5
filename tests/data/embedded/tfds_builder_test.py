import numpy as np
import pytest
import tensorflow_datasets as tfds

from yosinski_tf.data.embedded import embedded_images, tfds_builder


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    place = tmp_path_factory.mktemp("tfds")
    tfds.load("yosinski_embedded/tiny", data_dir=place)
    return place


def _sorted(images, labels) -> list[tuple[int, bytes]]:
    pairs = zip(images, labels, strict=True)
    return sorted((int(label), image.tobytes()) for image, label in pairs)


def test_both_splits_hold_the_drawn_images(data_dir):
    expected = embedded_images.generate(0, 4, 2)
    for split, images, labels in (
        ("train", expected.train_images, expected.train_labels),
        ("validation", expected.validation_images, expected.validation_labels),
    ):
        dataset = tfds.load(
            "yosinski_embedded/tiny", data_dir=data_dir, split=split, as_supervised=True
        )
        found = list(tfds.as_numpy(dataset))
        assert found[0][0].shape == (32, 32, 3) and found[0][0].dtype == np.uint8
        assert _sorted(*zip(*found, strict=True)) == _sorted(images, labels)


def test_the_metadata(data_dir):
    info = tfds.builder("yosinski_embedded/tiny", data_dir=data_dir).info
    assert str(info.version) == "1.0.0"
    assert info.supervised_keys == ("image", "label")
    assert tuple(info.features["label"].names) == embedded_images.CLASS_NAMES
    assert {name: split.num_examples for name, split in info.splits.items()} == {
        "train": 160,
        "validation": 80,
    }


def test_images_are_stored_shuffled(data_dir):
    dataset = tfds.load("yosinski_embedded/tiny", data_dir=data_dir, split="train")
    labels = [int(example["label"]) for example in tfds.as_numpy(dataset)]
    assert labels != sorted(labels)


def test_full_is_the_default(tmp_path):
    builder = tfds_builder.YosinskiEmbedded(data_dir=tmp_path)
    assert builder.name == "yosinski_embedded"
    assert builder.builder_config.name == "full"
