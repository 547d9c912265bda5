"""Images from a prepared TensorFlow Datasets folder; nothing is downloaded."""

import dataclasses
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
      class_names: Names in the order of its ClassLabel.
      num_images: Training and validation images together.
      builder: The `tfds.core.DatasetBuilder` that reads it.
      image: Name of its image feature.
      label: Name of its label feature.
      validation_split: `validation`, or `test` where there is none.
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
        """Reads the images of one part in the order they are stored in.

        Args:
          part: `train` or `validation`.
          image_size: Height and width to warp them to.
          advance: Called with the number of images just done.

        Returns:
          Images uint8 [N, S, S, 3] and labels int32 [N].

        Raises:
          UserError: If an image cannot be read or is missing.
        """
        split = {"train": "train", "validation": self.validation_split}[part]
        count = self.builder.info.splits[split].num_examples
        images = np.empty((count, image_size, image_size, 3), np.uint8)
        labels = []

        def sources() -> Iterator[tuple[str, bytes]]:
            for encoded, label in self._examples(split):
                name = f"{len(labels)} of {split} in tfds:{self.name}"
                labels.append(label)
                yield name, encoded
            if len(labels) != count:
                raise self.damaged(split, f"{len(labels)} of {count} images")

        decoding.decode_all(sources(), images, advance)
        return images, np.asarray(labels, np.int32)

    def _examples(self, split: str) -> Iterator[tuple[bytes, int]]:
        import tensorflow as tf
        import tensorflow_datasets as tfds

        # Pillow decodes, so that all sources give the same pixels.
        skip = {self.image: tfds.decode.SkipDecoding()}
        if self.builder.info.file_format == tfds.core.FileFormat.TFRECORD:
            wanted = {self.image: True, self.label: True}
            dataset = self.builder.as_dataset(
                split=split,
                decoders=tfds.decode.PartialDecoding(wanted, decoders=skip),
                shuffle_files=False,
                # File after file keeps the order in which they were stored.
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
        """The error to raise where the files of a split cannot be read."""
        return UserError(
            f"tfds:{self.name} cannot be read in full, split {split} ({what}): its"
            " files are damaged or incomplete; delete its folder"
            f" {self.builder.data_dir} and prepare it again"
        )


def open_tfds(name: str, data_dir: str | None = None) -> TfdsFolder:
    """Finds a prepared data set and checks its features, reading no image.

    Args:
      name: `NAME`, `NAME/CONFIG` or either with `:VERSION`.
      data_dir: The folder that TensorFlow Datasets prepared it in; None for
        its default, `TFDS_DATA_DIR` or `~/tensorflow_datasets`.

    Raises:
      UserError: If it is not there, has no splits for training and validation,
        or not one image and one label per example.
    """
    builder = _builder(name, data_dir)
    info = builder.info
    image, label = _features(name, info)
    splits = [s for s in ("validation", "test") if s in info.splits]
    if "train" not in info.splits or not splits:
        raise UserError(
            f"tfds:{name} has the splits {sorted(info.splits)}: wanted train and"
            " validation or test; choose another data set"
        )
    count = sum(info.splits[split].num_examples for split in ("train", splits[0]))
    names = tuple(info.features[label].names)
    return TfdsFolder(name, names, count, builder, image, label, splits[0])


def _builder(name: str, data_dir: str | None) -> Any:
    import tensorflow_datasets as tfds

    try:
        # From the folder alone: needs neither its code nor the network.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tfds.core.read_only_builder.builder_from_files(
                name, data_dir=data_dir
            )
    except (tfds.core.DatasetNotFoundError, ValueError, OSError) as error:
        place = data_dir or tfds.core.constants.DATA_DIR
        command = f"tfds build {name.partition(':')[0]} --data_dir={place}"
        if name.startswith("yosinski_embedded"):
            command += " --imports=yosinski_tf.data.embedded.tfds_builder"
        raise UserError(
            f"no prepared data set {name!r} under {place}: prepare it with"
            f" `{command}`, or give the folder in which it was prepared as --data_dir"
            f" ({type(error).__name__})"
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
            f"tfds:{name} has the features {sorted(features)}: wanted one Image and"
            f" one ClassLabel, found {len(images)} and {len(labels)}; choose another"
            " data set"
        )
    if features[images[0]].np_dtype not in (np.uint8, np.uint16):
        raise UserError(
            f"tfds:{name} has images of {features[images[0]].np_dtype}: wanted uint8"
            " or uint16; choose another data set"
        )
    return images[0], labels[0]
