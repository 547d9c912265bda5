"""Data sets that TensorFlow Datasets prepared; nothing is downloaded."""

import socket

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from yosinski_tf.data.embedded import embedded_images, tfds_builder
from yosinski_tf.data.sources import memory_check
from yosinski_tf.data.sources.by_name import load
from yosinski_tf.system.errors import UserError

NAMES = ["ant", "bee"]
GREY = tfds.features.Image(shape=(None, None, 1), dtype=np.uint16)
COLOUR = tfds.features.Image(shape=(None, None, 3))
LABEL = tfds.features.ClassLabel(names=NAMES)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("a test went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def load_pets(root, spec="tfds:pets", image_size=4, **options):
    return load(spec, image_size=image_size, data_dir=str(root), **options)


def assert_refused(words, root, spec="tfds:pets", **options):
    with pytest.raises(UserError, match=words):
        load_pets(root, spec, **options)


def images(count, dtype=np.uint8, channels=3):
    """Images of one colour each and of differing sizes."""
    scale = 257 if dtype == np.uint16 else 1
    return [
        np.full((5 + i % 3, 7 - i % 2, channels), 20 * i * scale, dtype)
        for i in range(count)
    ]


def examples(pictures, **more):
    return [
        (i, {"image": image, "label": i % 2, **more})
        for i, image in enumerate(pictures)
    ]


def prepare(root, splits=None, features=None, **options):
    if features is None:
        features = {"image": COLOUR, "label": LABEL}
    if splits is None:
        splits = {"train": examples(images(6)), "validation": examples(images(2))}
    names = {"name": "pets", "version": "1.2.0"}
    options = {"disable_shuffling": True, **names, **options}
    tfds.dataset_builders.store_as_tfds_dataset(
        features=tfds.features.FeaturesDict(features),
        split_datasets=splits,
        data_dir=root,
        **options,
    )


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
@pytest.mark.parametrize("spec", ["tfds:pets", "tfds:pets:1.2.0"])
def test_prepared_data_set(tmp_path, spec, file_format):
    prepare(tmp_path, file_format=file_format)
    seen = []
    data = load_pets(tmp_path, spec, progress=lambda *now: seen.append(now))
    assert data.name == spec
    assert data.class_names == ("ant", "bee")
    assert data.families is None
    assert data.train_images.shape == (6, 4, 4, 3)
    assert data.train_images[:, 2, 2].tolist() == [[20 * i] * 3 for i in range(6)]
    assert data.train_labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert data.validation_images.shape == (2, 4, 4, 3)
    assert seen[-1] == (8, 8)


def test_images_of_several_files_keep_their_order(tmp_path):
    pictures = [np.full((4, 4, 3), i, np.uint8) for i in range(60)]
    splits = {"train": examples(pictures), "validation": examples(pictures)}
    config = tfds.download.DownloadConfig(num_shards=2)
    # TensorFlow Datasets itself keeps the order only of data it did not shuffle.
    prepare(tmp_path, splits, download_config=config, disable_shuffling=False)
    builder = tfds.builder_from_directory(tmp_path / "pets/1.2.0")
    files = [
        [example["image"][0, 0, 0] for example in builder.as_dataset(split=split)]
        for split in ("train[:1shard]", "train[1shard:]")
    ]
    assert min(len(file) for file in files) > 20
    data = load_pets(tmp_path)
    assert data.train_images[:, 0, 0, 0].tolist() == [int(i) for f in files for i in f]


def test_same_pixels_as_a_folder(tmp_path):
    noise = np.random.RandomState(0).randint(0, 256, (4, 9, 7, 3)).astype(np.uint8)
    prepare(tmp_path, {"train": examples(noise), "validation": examples(noise)})
    for i, image in enumerate(noise):
        for part in ("train", "val"):
            path = tmp_path / "folder" / part / NAMES[i % 2] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    prepared = load_pets(tmp_path, image_size=5)
    folder = load(f"folder:{tmp_path / 'folder'}", image_size=5)
    by_class = [0, 2, 1, 3]
    np.testing.assert_array_equal(prepared.train_images[by_class], folder.train_images)
    np.testing.assert_array_equal(prepared.train_labels[by_class], folder.train_labels)


def test_config_test_split_other_names_and_other_features(tmp_path):
    pairs = [(i, {"x": p, "y": i % 2, "id": "t"}) for i, p in enumerate(images(2))]
    features = {"x": COLOUR, "y": LABEL, "id": tfds.features.Text()}
    splits = {"train": pairs, "test": pairs}
    prepare(tmp_path, splits, features, config="small")
    for spec in ("tfds:pets/small", "tfds:pets/small:1.2.0"):
        data = load_pets(tmp_path, spec)
        assert data.train_labels.tolist() == data.validation_labels.tolist() == [0, 1]
        assert (data.copies.in_training, data.copies.num_validation) == (2, 2)
        assert data.copies.training_example == ("0 of test", "0 of train")


def test_greyscale_of_16_bits(tmp_path):
    pairs = examples(images(2, np.uint16, 1))
    splits = {"train": pairs, "validation": pairs}
    prepare(tmp_path, splits, {"image": GREY, "label": LABEL})
    data = load_pets(tmp_path)
    assert data.train_images[:, 0, 0].tolist() == [[0, 0, 0], [20, 20, 20]]


def test_embedded_images_prepared_by_tfds(tmp_path):
    tfds_builder.YosinskiEmbedded(
        config="tiny", data_dir=tmp_path
    ).download_and_prepare()
    data = load_pets(tmp_path, "tfds:yosinski_embedded/tiny", image_size=32)
    assert data.class_names == embedded_images.CLASS_NAMES
    assert data.families == embedded_images.FAMILIES
    drawn = embedded_images.generate(0, 4, 2).train_images
    assert sorted(image.tobytes() for image in data.train_images) == sorted(
        image.tobytes() for image in drawn
    )


def test_not_prepared(tmp_path, monkeypatch):
    message = (
        f"no prepared data set 'mnist' under {tmp_path}: prepare it with `tfds build"
        f" mnist --data_dir={tmp_path}`"
    )
    assert_refused(message, tmp_path, "tfds:mnist")
    place = tmp_path / "my data; sets"
    command = f"tfds build mnist '--data_dir={place}'"
    assert_refused(f"prepare it with `{command}`", place, "tfds:mnist")
    words = "--imports=yosinski_tf.data.embedded.tfds_builder`"
    assert_refused(words, tmp_path, "tfds:yosinski_embedded")
    for name in ("pets/large", "pets:2.0.0", "kaggle:pets", "no such name"):
        assert_refused(f"no prepared data set '{name}' under", tmp_path, f"tfds:{name}")


def test_splits_are_needed(tmp_path):
    prepare(tmp_path, {"train": examples(images(2))})
    assert_refused(r"splits train and .* found \['train'\]: ", tmp_path)


@pytest.mark.parametrize(
    "features, found",
    [
        ({"image": COLOUR, "label": tfds.features.Scalar(np.int64)}, "1 and 0"),
        ({"image": tfds.features.Tensor(shape=(2,), dtype=np.uint8), "label": LABEL},
         "0 and 1"),
        ({"image": COLOUR, "label": LABEL, "other": LABEL}, "1 and 2"),
    ],
)  # fmt: skip
def test_features_are_needed(tmp_path, features, found):
    image = images(1)[0] if features["image"] is COLOUR else np.zeros(2, np.uint8)
    example = {"image": image, "label": 0, "other": 0}
    pairs = [(0, {key: example[key] for key in features})]
    prepare(tmp_path, {"train": pairs, "test": pairs}, features)
    assert_refused(f"one Image and one ClassLabel, found {found} in", tmp_path)


def test_images_of_floats_are_refused(tmp_path):
    pairs = examples(images(2, np.float32, 1))
    image = tfds.features.Image(shape=(None, None, 1), dtype=np.float32)
    splits = {"train": pairs, "test": pairs}
    prepare(tmp_path, splits, {"image": image, "label": LABEL})
    assert_refused("images of uint8 or uint16, found float32", tmp_path)


def test_memory_is_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(memory_check, "available_memory", lambda: 100)
    prepare(tmp_path)
    assert_refused("8 images of 4 x 4 pixels need 0.00 GB", tmp_path)


def test_damaged_files(tmp_path):
    prepare(tmp_path)
    shard = next(tmp_path.glob("pets/1.2.0/*train.tfrecord*"))
    content = shard.read_bytes()
    half = len(content) // 2
    flipped = bytes([content[half] ^ 1])
    damages = (content[:half], content[:half] + flipped + content[half + 1 :], None)
    for damage in damages:
        shard.unlink()
        if damage is not None:
            shard.write_bytes(damage)
        assert_refused("cannot be read in full, split train .*: ", tmp_path)
