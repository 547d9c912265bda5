"""What all runs of a study folder have in common, as stored in `study.json`."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from yosinski_tf.experiment import recipes
from yosinski_tf.experiment.splits import Split
from yosinski_tf.experiment.stages import Network
from yosinski_tf.machine.threads import Threads
from yosinski_tf.study.given_source import Source
from yosinski_tf.study.json_fields import read_fields
from yosinski_tf.study.records import RECORD_NAME, Record
from yosinski_tf.system.errors import UserError

SETTINGS_NAME = "study.json"
# Sources that may be moved: their fingerprint tells whether the images are the same.
_MOVABLE = ("store", "folder")
_REMEDY = "choose another --runs folder"


@dataclasses.dataclass(frozen=True)
class DataSource:
    """Where the images of a study come from; the arguments of `by_name.load`."""

    spec: str
    image_size: int
    data_dir: str | None = None
    held_out: float | None = None

    @property
    def kind(self) -> str:
        """What comes before the colon: `embedded`, `folder`, `tfds` or `store`."""
        return self.spec.partition(":")[0]

    def canonical(self) -> "DataSource":
        """The same source, with real paths and without a seed that is 0."""
        kind, _, rest = self.spec.partition(":")
        spec, data_dir = self.spec, self.data_dir
        if kind == "embedded" and rest and not rest.strip("0"):
            spec = kind
        elif kind not in ("embedded", "tfds") and rest:
            spec = f"{kind}:{_real(rest)}"
        if data_dir:
            data_dir = _real(data_dir)
        return dataclasses.replace(self, spec=spec, data_dir=data_dir)


def _real(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))


@dataclasses.dataclass(frozen=True)
class StudySettings:
    """What all runs of a study folder have in common; made by `make_settings`.

    Attributes:
      data: The data set, canonical: what is compared and stored.
      threads: Threads of each process. Before the folder is made, None leaves a
        number to the folder: how many share an operation always, how many there
        are unless the user says.
      data_as_named: The data set as the user named it: what is loaded, and what
        messages and records say. Not compared.
      train_per_class: Training images of each class that are used; None for all.
      source: The trained network that treatments P copy from, if one was given.
      network_request: What `network.json` notes of how the network was named; None for
        a network that needs no such file.
    """

    data: DataSource
    network: Network
    recipe: recipes.Recipe
    threads: Threads
    data_as_named: DataSource = dataclasses.field(compare=False)
    train_per_class: int | None = None
    source: Source | None = None
    network_request: Mapping[str, object] | None = dataclasses.field(
        default=None, compare=False
    )

    def to_json(self) -> dict[str, Any]:
        """The settings as `study.json` holds them."""
        values = {
            "dataset": dataclasses.asdict(self.data),
            "network": self.network.settings(),
            "recipe": self.recipe.settings(),
            "threads": self.threads.number,
            "threads_per_operation": self.threads.per_operation,
            "train_per_class": self.train_per_class,
        }
        if self.source is not None:
            values["source"] = self.source.sha256
        # JSON knows no tuples.
        return json.loads(json.dumps(values))


@dataclasses.dataclass(frozen=True)
class _Stored:
    """The fields of `study.json`, see `StudySettings.to_json`."""

    dataset: dict[str, Any]
    network: dict[str, Any]
    recipe: dict[str, Any]
    threads: int | None
    # Earlier versions, which let all threads share every operation, stored none.
    threads_per_operation: int | None = None
    # Nor these: they used all images, and no network was given.
    train_per_class: int | None = None
    source: str | None = None


def make_settings(
    data: DataSource,
    network: Network,
    recipe: recipes.Recipe,
    threads: int | None = None,
    train_per_class: int | None = None,
    source: Source | None = None,
    network_request: Mapping[str, object] | None = None,
) -> StudySettings:
    """Settings with the data set as the user named it; the folder need not exist.

    If `threads` is None, the folder decides how many threads a process has; if
    `train_per_class` is, all training images are used.
    """
    return StudySettings(
        data=data.canonical(),
        network=network,
        recipe=recipe,
        threads=Threads(threads, None),
        data_as_named=data,
        train_per_class=train_per_class,
        source=source,
        network_request=network_request,
    )


def check_folder(runs: pathlib.Path, wanted: StudySettings) -> StudySettings | None:
    """Refuses a folder that was made with other settings; writes nothing.

    A store or a folder of images may be in another place: its content is compared
    when it is read.

    Returns:
      The settings that the folder was made with; None if it has none yet.

    Raises:
      UserError: If the path is not a folder, or the folder holds records without
        settings, or settings that differ: the message names each difference.
    """
    if runs.exists() and not runs.is_dir():
        raise UserError(f"--runs needs a folder, found the file {runs}: name another")
    path = runs / SETTINGS_NAME
    if not path.exists():
        if runs.is_dir() and any(runs.glob(f"*/{RECORD_NAME}")):
            raise UserError(
                f"{runs} holds runs but no {SETTINGS_NAME} that says how they were"
                f" made: {_REMEDY}"
            )
        return None
    found = read_fields(path, _Stored, _REMEDY)
    found.setdefault("threads_per_operation", found["threads"])
    data, spec = wanted.data, str(found["dataset"].get("spec"))
    if data.kind in _MOVABLE and spec.startswith(f"{data.kind}:"):
        data = dataclasses.replace(data, spec=spec)
    number = wanted.threads.number or found["threads"]
    threads = Threads(number, found["threads_per_operation"])
    made_with = dataclasses.replace(wanted, data=data, threads=threads)
    if differences := _differences(found, made_with.to_json()):
        raise UserError(
            f"{runs} was made with other settings: {'; '.join(differences)}: use"
            f" those settings, or {_REMEDY}"
        )
    return made_with


def noted_recipe(runs: pathlib.Path) -> dict[str, Any]:
    """The recipe that a study folder was made with; empty if it names none."""
    try:
        return read_fields(runs / SETTINGS_NAME, _Stored, _REMEDY)["recipe"]
    except UserError:
        return {}  # `check_folder` tells the user what is wrong.


def noted_learning_rate(runs: pathlib.Path) -> float | None:
    """The learning rate that a study folder was made with; None if it names none."""
    rate = noted_recipe(runs).get("learning_rate")
    return rate if isinstance(rate, int | float) else None


def noted_train_per_class(runs: pathlib.Path) -> int | None:
    """Training images of each class that a study folder uses; None for all."""
    return read_fields(runs / SETTINGS_NAME, _Stored, _REMEDY).get("train_per_class")


def noted_data(runs: pathlib.Path) -> DataSource:
    """Where the images of a study folder come from."""
    return DataSource(**read_fields(runs / SETTINGS_NAME, _Stored, _REMEDY)["dataset"])


def noted_precision(runs: pathlib.Path) -> str | None:
    """The precision that a study folder was made with; None if it names none."""
    precision = noted_recipe(runs).get("precision")
    return precision if precision in recipes.PRECISIONS else None


def moved_from(runs: pathlib.Path, wanted: StudySettings) -> str | None:
    """The folder of images, `folder:DIR`, that a study was made with.

    None if the user names the same one, or the source is of another kind.
    """
    made_with = check_folder(runs, wanted)
    if wanted.data.kind != "folder" or made_with is None:
        return None
    return None if made_with.data == wanted.data else made_with.data.spec


def check_records(
    records: Iterable[Record], settings: StudySettings, splits: Sequence[Split]
) -> None:
    """Refuses to add runs on some splits to records of something else.

    Raises:
      UserError: If a record has another recipe, network or number of threads
        than the folder, or a split of the same name with other classes.
    """
    made_with = settings.to_json()
    made_with = {name: made_with[name] for name in ("network", "recipe", "threads")}
    digests = {split.name: split.digest for split in splits}
    for record in records:
        found = {
            "network": record.network_settings,
            "recipe": record.recipe,
            "threads": record.threads,
        }
        if differences := _differences(made_with, found):
            raise UserError(
                f"the run {record.run_id} is not of this study folder:"
                f" {'; '.join(differences)} in its record: move it away"
            )
        digest = digests.get(record.split, record.split_digest)
        if digest != record.split_digest:
            raise UserError(
                f"the halves of the split {record.split} have changed since"
                f" {record.run_id} was trained: needs the digest"
                f" {record.split_digest[:12]}, found {digest[:12]}: restore what it was"
                f" made from, or {_REMEDY}"
            )


def _differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    """Every difference, such as `recipe.steps was 100, now 200`."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        pairs = {
            f"{name}.{key}".removeprefix("."): (found.get(key), wanted.get(key))
            for key in sorted(found.keys() | wanted.keys())
        }
    elif [type(found), type(wanted)] == [list, list] and len(found) == len(wanted):
        both = enumerate(zip(found, wanted, strict=True))
        pairs = {f"{name}[{index}]": pair for index, pair in both}
    else:
        return [] if found == wanted else [f"{name} was {found!r}, now {wanted!r}"]
    return [
        text for inner, pair in pairs.items() for text in _differences(*pair, inner)
    ]
