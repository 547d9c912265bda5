"""Images of a prepared TensorFlow Datasets data set; nothing is downloaded."""

import dataclasses
import shlex
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from yosinski_tf.data import decoding
from yosinski_tf.system.errors import UserError


@dataclasses.dataclass(frozen=True, eq=False)
class TfdsFolder:
    """A prepared data set of TensorFlow Datasets, found but not yet read.

    Attributes:
      name: For example `cifar10:3.0.2`.
      class_names: Names in the order of the ClassLabel feature.
      num_images: Training and validation images together.
      builder: The `tfds.core.DatasetBuilder` that reads it.
      image: Name of the image feature.
      label: Name of the label feature.
      validation_split: `validation`, or `test` if there is none.
    """

    name: str
    class_names: tuple[str, ...]
    num_images: int
    builder: Any
    image: str
    label: str
    validation_split: str

    def read(
        self, part: str, image_size: int, advance: Callable[[int], None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reads a part in the order of its records, see `folder.Folder.read`."""
        split = self.split(part)
        count = self.builder.info.splits[split].num_examples
        labels = []

        def sources() -> Iterator[tuple[str, bytes]]:
            for encoded, label in self._examples(split):
                name = self.image_name(part, len(labels))
                labels.append(label)
                yield f"{name} in tfds:{self.name}", encoded
            if len(labels) != count:
                raise self.damaged(split, f"{len(labels)} of {count} images")

        images = decoding.decode_all(sources(), count, image_size, advance)
        return images, np.asarray(labels, np.int32)

    def split(self, part: str) -> str:
        """The TFDS split that holds a part."""
        return self.validation_split if part == "validation" else part

    def image_name(self, part: str, index: int) -> str:
        """The place of an image of a part."""
        return f"{index} of {self.split(part)}"

    def _examples(self, split: str) -> Iterator[tuple[bytes, int]]:
        import tensorflow as tf
        import tensorflow_datasets as tfds

        # Pillow decodes the images, so that all sources give the same pixels.
        skip = {self.image: tfds.decode.SkipDecoding()}
        if self.builder.info.file_format == tfds.core.FileFormat.TFRECORD:
            features = {self.image: True, self.label: True}
            dataset = self.builder.as_dataset(
                split=split,
                decoders=tfds.decode.PartialDecoding(features, decoders=skip),
                shuffle_files=False,
                # Reading file after file keeps the stored order.
                read_config=tfds.ReadConfig(
                    interleave_cycle_length=1, try_autocache=False
                ),
            )
            examples = dataset.as_numpy_iterator()
        else:
            examples = self.builder.as_data_source(split, decoders=skip)
        try:
            for example in examples:
                yield example[self.image], int(example[self.label])
        except tf.errors.OpError as error:
            raise self.damaged(split, type(error).__name__) from None

    def damaged(self, split: str, what: str) -> UserError:
        """The error to raise if the files of a split cannot be read."""
        return UserError(
            f"tfds:{self.name} cannot be read in full, split {split} ({what}): delete"
            f" its folder {self.builder.data_dir} and prepare it again"
        )


def open_tfds(name: str, data_dir: str | None = None) -> TfdsFolder:
    """Finds a prepared data set and checks its features, reading no image.

    Args:
      name: `NAME`, `NAME/CONFIG` or either with `:VERSION`.
      data_dir: The folder in which TensorFlow Datasets prepared it; None for
        its default, `TFDS_DATA_DIR` or `~/tensorflow_datasets`.

    Raises:
      UserError: If it does not exist, has no splits for training and validation,
        or not exactly one image feature and one label feature.
    """
    builder = _builder(name, data_dir)
    info = builder.info
    image, label = _features(name, info)
    splits = [s for s in ("validation", "test") if s in info.splits]
    if "train" not in info.splits or not splits:
        raise UserError(
            f"tfds:{name} needs the splits train and validation or test, found"
            f" {sorted(info.splits)}: choose another data set"
        )
    return TfdsFolder(
        name=name,
        class_names=tuple(info.features[label].names),
        num_images=sum(info.splits[s].num_examples for s in ("train", splits[0])),
        builder=builder,
        image=image,
        label=label,
        validation_split=splits[0],
    )


def _builder(name: str, data_dir: str | None) -> Any:
    import tensorflow_datasets as tfds

    try:
        # Reads the folder alone: needs neither the builder's code nor the network.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tfds.core.read_only_builder.builder_from_files(
                name, data_dir=data_dir
            )
    except (tfds.core.DatasetNotFoundError, ValueError, OSError) as error:
        place = data_dir or tfds.core.constants.DATA_DIR
        command = ["tfds", "build", name.partition(":")[0], f"--data_dir={place}"]
        if name.startswith("yosinski_embedded"):
            command.append("--imports=yosinski_tf.data.embedded.tfds_builder")
        raise UserError(
            f"no prepared data set {name!r} under {place}: prepare it with"
            f" `{shlex.join(command)}`, or give the folder in which it was prepared as"
            f" --data_dir ({type(error).__name__})"
        ) from None


def _features(name: str, info: Any) -> tuple[str, str]:
    """Names of the image and the label feature."""
    import tensorflow_datasets as tfds

    features = info.features
    if not isinstance(features, tfds.features.FeaturesDict):
        features = {}
    images = [k for k, v in features.items() if isinstance(v, tfds.features.Image)]
    labels = [k for k, v in features.items() if isinstance(v, tfds.features.ClassLabel)]
    keys = info.supervised_keys or ()
    if len(keys) == 2 and keys[0] in images and keys[1] in labels:
        images, labels = [keys[0]], [keys[1]]
    if len(images) != 1 or len(labels) != 1:
        raise UserError(
            f"tfds:{name} needs one Image and one ClassLabel, found {len(images)} and"
            f" {len(labels)} in its features {sorted(features)}: choose another data"
            " set"
        )
    if features[images[0]].np_dtype not in (np.uint8, np.uint16):
        raise UserError(
            f"tfds:{name} needs images of uint8 or uint16, found"
            f" {features[images[0]].np_dtype}: choose another data set"
        )
    return images[0], labels[0]
