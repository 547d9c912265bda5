"""What a prepared store is, and how its small files (no images) are read.

A store is a folder of records, ordered by class, with their labels, names, digests and
sums of pixels in small files beside them. Every half and every reduced set is a list of
indices into it. README.md of the room `prepare` describes the files. Not in the paper,
whose authors stored a copy of the images for every half.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np

from yosinski_tf.data.copies import Copies
from yosinski_tf.system.errors import UserError, why_unreadable

FORMAT_VERSION = 1
DATASET_NAME = "images"
PARTS = ("train", "validation")
ENCODINGS = ("jpeg", "raw")
IMAGE, LABEL, FILE_NAME = "image", "label", "file_name"
DESCRIPTION_NAME = "store.json"
# The size of the largest class of ImageNet: 1 GB of sums at 256 x 256.
RANK_LIMIT = 1300
DAMAGED_JSON = (
    *(OSError, ValueError, TypeError, KeyError),
    *(AttributeError, RecursionError),
)
"""What reading the fields of a damaged JSON file may raise."""
_REMEDY = "copy the store again, or prepare it again with yosinski-prepare"


@dataclasses.dataclass(frozen=True)
class StoredPart:
    """The training or the validation images; `store.json` calls them a split.

    Attributes:
      name: `train` or `validation`.
      shard_lengths: Number of records in each file.
      num_bytes: Bytes of all records together.
      digest: SHA-256 over the digests of the records, hexadecimal.
    """

    name: str
    shard_lengths: tuple[int, ...]
    num_bytes: int
    digest: str

    @property
    def num_images(self) -> int:
        """Number of records in all files."""
        return sum(self.shard_lengths)


@dataclasses.dataclass(frozen=True)
class Store:
    """The description of a store; methods read the arrays beside it.

    Attributes:
      folder: The store's folder.
      source: What it was prepared from, for example `tfds:imagenet2012`.
      image_size: Height and width of every image, S.
      encoding: `jpeg` or `raw`.
      quality: JPEG quality, 1..100; None for `raw`.
      class_names: Names in the order of the class index, C of them.
      families: `natural` or `manmade` for each class, or None if not known.
      parts: `train` and `validation`, by name.
      skipped: Source images that were left out because they could not be read:
        `split`, `class_name`, `file_name` and `reason` of each.
      warnings: What was unexpected about the source, in sentences.
      side_files: SHA-256, hexadecimal, of every file except the shards and
        `store.json`, by its path within the store.
      fingerprint: SHA-256, hexadecimal, of image size, class names and all records
        (image, label and file name) in their order. It does not depend on the
        folder, the date or the number of files.
      versions: Versions of Python and of the libraries that prepared it.
      command: The command line that prepared it.
      prepared_at: Date and time, ISO 8601, UTC.
      decoding_version: The version of `data.decoding` that read the source. Stores
        that do not say so are of version 1: their photographs are not turned upright.
      copies: Which images are the same; None for stores of versions that did not count.
    """

    folder: pathlib.Path
    source: str
    image_size: int
    encoding: str
    quality: int | None
    class_names: tuple[str, ...]
    families: tuple[str, ...] | None
    parts: dict[str, StoredPart]
    skipped: tuple[dict[str, str], ...]
    warnings: tuple[str, ...]
    side_files: dict[str, str]
    fingerprint: str
    versions: dict[str, str]
    command: str
    prepared_at: str
    decoding_version: int = 1
    copies: Copies | None = None

    @property
    def num_images(self) -> int:
        """Training and validation images together."""
        return sum(part.num_images for part in self.parts.values())

    def shard_paths(self, part: str) -> tuple[pathlib.Path, ...]:
        """Files of a part, in the order of their records."""
        count = len(self.parts[part].shard_lengths)
        return tuple(self.folder / shard_name(part, i, count) for i in range(count))

    def labels(self, part: str) -> np.ndarray:
        """int32 [N], class indices in record order, ascending; memory-mapped."""
        count = self.parts[part].num_images
        return self._array(f"labels/{part}.npy", np.int32, (count,))

    def digests(self, part: str) -> np.ndarray:
        """uint8 [N, 32], the SHA-256 of each serialized record; memory-mapped."""
        count = self.parts[part].num_images
        return self._array(f"digests/{part}.npy", np.uint8, (count, 32))

    def file_names(self, part: str) -> list[str]:
        """Path of each record's image within the source, in record order."""
        name, count = f"file_names/{part}.txt", self.parts[part].num_images
        try:
            lines = (self.folder / name).read_bytes().split(b"\n")[:-1]
        except OSError as error:
            raise self.damaged(f"{name} cannot be read ({error.strerror})") from None
        if len(lines) != count:
            raise self.damaged(f"{name} needs {count} lines, found {len(lines)}")
        return [os.fsdecode(line) for line in lines]

    def class_sums(self) -> np.ndarray:
        """uint32 [C, S, S, 3]; row c sums the training images of class c."""
        return self._sums("classes", len(self.class_names))

    def rank_sums(self) -> np.ndarray:
        """uint32 [R, S, S, 3]; row r sums the r-th training image of every class.

        R is the number of images of the largest class, at most `RANK_LIMIT`.
        """
        return self._sums("ranks", num_ranks(self.class_counts("train")))

    def class_counts(self, part: str) -> np.ndarray:
        """int64 [C], number of images of each class."""
        return np.bincount(self.labels(part), minlength=len(self.class_names))

    def damaged(self, what: str) -> UserError:
        """The error to raise where a file of the store is not as it was written."""
        command = shlex.join(["yosinski-prepare", f"--verify={self.folder}"])
        return UserError(
            f"store {self.folder} is damaged, {what}: see {command}, then {_REMEDY}"
        )

    def _sums(self, name: str, count: int) -> np.ndarray:
        shape = (count, self.image_size, self.image_size, 3)
        return self._array(f"sums/{name}.npy", np.uint32, shape)

    def _array(self, name: str, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
        path = self.folder / name
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise self.damaged(
                f"{name} cannot be read ({why_unreadable(error)})"
            ) from None
        if array.shape != shape or array.dtype != dtype:
            raise self.damaged(
                f"{name} needs {np.dtype(dtype)} {shape}, found {array.dtype}"
                f" {array.shape}"
            )
        return array


def num_ranks(class_counts: np.ndarray) -> int:
    """Number of rows of `sums/ranks.npy`, from the number of images per class."""
    return min(int(class_counts.max()), RANK_LIMIT)


def fingerprint(image_size: int, class_names: Sequence[str], digests: list[str]) -> str:
    """The fingerprint of a store, from the digests of its parts in their order."""
    text = json.dumps([FORMAT_VERSION, image_size, list(class_names), digests])
    return hashlib.sha256(text.encode()).hexdigest()


def shard_name(part: str, index: int, count: int) -> str:
    """File name of a shard, in the form of TensorFlow Datasets."""
    return f"{DATASET_NAME}-{part}.array_record-{index:05d}-of-{count:05d}"


def is_store(folder: pathlib.Path) -> bool:
    """Whether a folder has the description of a store; it may be incomplete."""
    return (folder / DESCRIPTION_NAME).is_file()


def description(store: Store) -> bytes:
    """The content of `store.json`."""
    fields = {"format_version": FORMAT_VERSION}
    for name, value in dataclasses.asdict(store).items():
        if name == "parts":
            fields["splits"] = list(value.values())
        elif name != "folder":
            fields[name] = value
    return json.dumps(fields, indent=1).encode()


def open_store(folder: str | pathlib.Path) -> Store:
    """Reads a store's description and checks that its shards exist.

    Raises:
      UserError: If there is no store, or if it is of another format version,
        incomplete or damaged.
    """
    root = pathlib.Path(folder).expanduser()
    path = root / DESCRIPTION_NAME
    if not path.is_file():
        raise UserError(
            f"no store at {root}: needs a folder with a {DESCRIPTION_NAME}, made by"
            " yosinski-prepare --out=DIR: give that folder, or make one"
        )
    try:
        fields = json.loads(path.read_text())
        version = fields.pop("format_version")
        store = _parsed(root, fields) if version == FORMAT_VERSION else None
    except DAMAGED_JSON as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"cannot read {path} ({reason}): {_REMEDY}") from None
    if store is None:
        raise UserError(
            f"{path} needs format version {FORMAT_VERSION}, found {version!r}: use the"
            " program that made it, or prepare the store again"
        )
    for part in store.parts:
        for shard in store.shard_paths(part):
            if not shard.is_file():
                raise UserError(f"store {root} lacks its file {shard.name}: {_REMEDY}")
    return store


def _parsed(root: pathlib.Path, fields: dict[str, Any]) -> Store:
    for name in ("class_names", "families", "skipped", "warnings"):
        fields[name] = None if fields[name] is None else tuple(fields[name])
    fields["copies"] = Copies.from_json(fields.get("copies"))
    parts = [
        StoredPart(**{**part, "shard_lengths": tuple(part["shard_lengths"])})
        for part in fields.pop("splits")
    ]
    store = Store(folder=root, parts={part.name: part for part in parts}, **fields)
    if tuple(store.parts) != PARTS or store.encoding not in ENCODINGS:
        raise ValueError(f"splits {list(store.parts)}, encoding {store.encoding!r}")
    return store
