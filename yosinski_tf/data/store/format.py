"""What a prepared store is, and the reading of its small files (no images).

A store is a folder that TensorFlow Datasets opens by itself, with
`tfds.builder_from_directory(STORE).as_data_source()`, and in which every half,
reduced set and split is a list of indices. Not in the paper, whose authors
stored a copy of the images for every half:

    dataset_info.json, features.json               metadata of TensorFlow Datasets
    images-train.array_record-00000-of-000NN       records, ArrayRecord, group_size:1
    images-validation.array_record-00000-of-000NN
    store.json                                     the description, written last
    labels/SPLIT.npy                               int32 [N], in record order
    file_names/SPLIT.txt                           a line for each record
    digests/SPLIT.npy                              uint8 [N, 32], SHA-256 of records
    sums/classes.npy                               uint32 [C, S, S, 3]
    sums/ranks.npy                                 uint32 [R, S, S, 3]

A record is a serialized `tf.train.Example` with three features:

    image       one byte string: a JPEG file, or with the encoding `raw` the
                uint8 pixels [S, S, 3], RGB
    label       one int64, the class index
    file_name   one byte string, the path within the source

Records of a split are ordered by class, and within a class as the source lists
them, so that the first N of a class are the first N of its list. Only the
training images are summed, as they decode from the store: over each class, and
over all classes at each rank, where rank r holds the r-th image of every class.
JPEG decodes to the same pixels by Pillow and by TensorFlow, if that is told
`dct_method="INTEGER_ACCURATE"`; by its own choice TensorFlow's differ by about 1.
Sums are exact, so the mean image of any half is the sum of its classes divided
by their number of images, and that of `first:N` of all classes the sum of the
ranks below N. `sums/ranks.npy` has as many ranks as the largest class has images,
but `RANK_LIMIT` at most. The sums of ImageNet at 256 x 256 take 1.8 GB.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from yosinski_tf.system.errors import UserError

FORMAT_VERSION = 1
DATASET_NAME = "images"
SPLITS = ("train", "validation")
ENCODINGS = ("jpeg", "raw")
IMAGE, LABEL, FILE_NAME = "image", "label", "file_name"
DESCRIPTION_NAME = "store.json"
# As many images as the largest class of ImageNet has: 1 GB at 256 x 256.
RANK_LIMIT = 1300
# What reading a damaged description may raise.
_BROKEN = (
    *(OSError, ValueError, TypeError, KeyError),
    *(AttributeError, RecursionError),
)


@dataclasses.dataclass(frozen=True)
class StoredSplit:
    """One part of a store.

    Attributes:
      name: `train` or `validation`.
      shard_lengths: Records in each of its files.
      num_bytes: Bytes of all its records together.
      digest: SHA-256 over the digests of its records, hexadecimal.
    """

    name: str
    shard_lengths: tuple[int, ...]
    num_bytes: int
    digest: str

    @property
    def num_images(self) -> int:
        """Records in all files."""
        return sum(self.shard_lengths)


@dataclasses.dataclass(frozen=True)
class Store:
    """The description of a store; arrays beside it are read when asked for.

    Attributes:
      folder: Where it is.
      source: What it was prepared from, for example `tfds:imagenet2012`.
      image_size: Height and width of every image, S.
      encoding: `jpeg` or `raw`.
      quality: JPEG quality, 1..100; None for `raw`.
      class_names: Names in the order of the class index, C of them.
      families: `natural` or `manmade` for each class, or None if not known.
      splits: `train` and `validation`.
      skipped: Source images left out because they could not be read: `split`,
        `class_name`, `file_name` and `reason` of each.
      warnings: What was said about counts and order when it was prepared.
      side_files: SHA-256, hexadecimal, of every file but the shards and
        `store.json`, by its path within the store.
      fingerprint: SHA-256, hexadecimal, of all that decides the content: image
        size, class names, every record (image, label and file name) and their
        order. Neither place, date nor number of files counts.
      versions: Of Python and the libraries that prepared it.
      command: The command line that prepared it.
      prepared_at: Date and time, ISO 8601, UTC.
    """

    folder: pathlib.Path
    source: str
    image_size: int
    encoding: str
    quality: int | None
    class_names: tuple[str, ...]
    families: tuple[str, ...] | None
    splits: dict[str, StoredSplit]
    skipped: tuple[dict[str, str], ...]
    warnings: tuple[str, ...]
    side_files: dict[str, str]
    fingerprint: str
    versions: dict[str, str]
    command: str
    prepared_at: str

    @property
    def num_images(self) -> int:
        """Training and validation images together."""
        return sum(split.num_images for split in self.splits.values())

    def shard_paths(self, split: str) -> tuple[pathlib.Path, ...]:
        """Files of a split, in the order of their records."""
        count = len(self.splits[split].shard_lengths)
        return tuple(self.folder / shard_name(split, i, count) for i in range(count))

    def labels(self, split: str) -> np.ndarray:
        """int32 [N], class indices in record order, ascending; memory-mapped."""
        count = self.splits[split].num_images
        return self._array(f"labels/{split}.npy", np.int32, (count,))

    def digests(self, split: str) -> np.ndarray:
        """uint8 [N, 32], the SHA-256 of each serialized record; memory-mapped."""
        count = self.splits[split].num_images
        return self._array(f"digests/{split}.npy", np.uint8, (count, 32))

    def file_names(self, split: str) -> list[str]:
        """Path of each record's image within the source, in record order."""
        path = self.folder / f"file_names/{split}.txt"
        try:
            names = [os.fsdecode(n) for n in path.read_bytes().split(b"\n")[:-1]]
        except OSError as error:
            raise self._damaged(f"{path.name} ({error.strerror})") from None
        if len(names) != self.splits[split].num_images:
            raise self._damaged(
                f"{path} has {len(names)} lines for"
                f" {self.splits[split].num_images} images"
            )
        return names

    def class_sums(self) -> np.ndarray:
        """uint32 [C, S, S, 3], pixel sums of each class's training images."""
        return self._sums("classes", len(self.class_names))

    def rank_sums(self) -> np.ndarray:
        """uint32 [R, S, S, 3]; row r sums the r-th training image of every class.

        R is the number of images of the largest class, `RANK_LIMIT` at most.
        """
        return self._sums("ranks", num_ranks(self.class_counts("train")))

    def class_counts(self, split: str) -> np.ndarray:
        """int64 [C], images of each class."""
        return np.bincount(self.labels(split), minlength=len(self.class_names))

    def _sums(self, name: str, count: int) -> np.ndarray:
        shape = (count, self.image_size, self.image_size, 3)
        return self._array(f"sums/{name}.npy", np.uint32, shape)

    def _array(self, name: str, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
        path = self.folder / name
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise self._damaged(f"{name} ({error})") from None
        if array.shape != shape or array.dtype != dtype:
            raise self._damaged(
                f"{name} is {array.dtype} {array.shape}, wanted {np.dtype(dtype)}"
                f" {shape}"
            )
        return array

    def _damaged(self, what: str) -> UserError:
        return UserError(
            f"store {self.folder} is damaged: {what}; copy it again, or prepare it"
            " again with yosinski-prepare"
        )


def num_ranks(class_counts: np.ndarray) -> int:
    """Rows of the sums over classes, for a number of images of each class."""
    return min(int(class_counts.max()), RANK_LIMIT)


def fingerprint(image_size: int, class_names: Sequence[str], digests: list[str]) -> str:
    """That of a store, from the digests of its splits in their order."""
    text = json.dumps([FORMAT_VERSION, image_size, list(class_names), digests])
    return hashlib.sha256(text.encode()).hexdigest()


def shard_name(split: str, index: int, count: int) -> str:
    """File name of a shard, as TensorFlow Datasets forms it."""
    return f"{DATASET_NAME}-{split}.array_record-{index:05d}-of-{count:05d}"


def is_store(folder: pathlib.Path) -> bool:
    """Whether a folder says that it is a store, whole or not."""
    return (folder / DESCRIPTION_NAME).is_file()


def description(store: Store) -> bytes:
    """The content of `store.json`."""
    fields = dataclasses.asdict(store)
    del fields["folder"]
    fields["splits"] = [dataclasses.asdict(s) for s in store.splits.values()]
    return json.dumps({"format_version": FORMAT_VERSION, **fields}, indent=1).encode()


def open_store(folder: str | pathlib.Path) -> Store:
    """Reads a store's description and looks whether its files are there.

    Raises:
      UserError: If there is no store, or it is of another version, incomplete
        or damaged.
    """
    root = pathlib.Path(folder).expanduser()
    path = root / DESCRIPTION_NAME
    if not path.is_file():
        raise UserError(
            f"no store at {root}, which has no file {DESCRIPTION_NAME}: wanted a"
            " folder made by yosinski-prepare --out=DIR; give that folder, or make"
            " it"
        )
    remedy = "copy the store again, or prepare it again with yosinski-prepare"
    try:
        fields = json.loads(path.read_text())
        version = fields.pop("format_version")
        if version == FORMAT_VERSION:
            store = _parsed(root, fields)
    except _BROKEN as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"cannot read {path} ({reason}): {remedy}") from None
    if version != FORMAT_VERSION:
        raise UserError(
            f"{path} is of format version {version!r}, this program reads"
            f" {FORMAT_VERSION}: use the program that made it, or prepare it again"
        )
    for split in store.splits:
        for shard in store.shard_paths(split):
            if not shard.is_file():
                raise UserError(f"store {root} lacks its file {shard.name}: {remedy}")
    return store


def _parsed(root: pathlib.Path, fields: dict[str, Any]) -> Store:
    for name in ("class_names", "families", "skipped", "warnings"):
        fields[name] = None if fields[name] is None else tuple(fields[name])
    splits = [
        StoredSplit(**{**split, "shard_lengths": tuple(split["shard_lengths"])})
        for split in fields.pop("splits")
    ]
    store = Store(folder=root, splits={s.name: s for s in splits}, **fields)
    if tuple(store.splits) != SPLITS or store.encoding not in ENCODINGS:
        raise ValueError(f"splits {list(store.splits)}, encoding {store.encoding!r}")
    return store
