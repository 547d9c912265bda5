"""What all runs of a study folder have in common, and what differs from it."""

import json
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

from yosinski_tf.experiment.networks import Network
from yosinski_tf.experiment.recipes import PRECISIONS, Recipe
from yosinski_tf.experiment.splits import Split
from yosinski_tf.study.records import RECORD_NAME, Record
from yosinski_tf.system.errors import UserError

SETTINGS_NAME = "study.json"
# Sources that may be moved from one place to another.
_MOVABLE = ("store:", "folder:")


def settings(
    dataset: dict[str, Any],
    network: Network,
    recipe: Recipe,
    threads: int | None = None,
) -> dict[str, Any]:
    """What all runs of a folder have in common, as plain JSON values.

    Args:
      dataset: The source and its options.
      network: The network's description.
      recipe: The recipe.
      threads: Threads of each process; None if that is left to the folder, or to
        who makes it. How many of them share one operation, which decides how a
        processor rounds, always is.
    """
    values = {
        "dataset": dataset,
        "network": network.settings(),
        "recipe": recipe.settings(),
        "threads": threads,
        "threads_per_operation": None,
    }
    return json.loads(json.dumps(values))


def check_folder(runs: pathlib.Path, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """Refuses a folder that was made with other settings; writes nothing.

    A folder of images may be spelled in another way, and be in another place: what
    it holds is looked at when it is read. So may a store.

    Args:
      runs: The study folder.
      wanted: Result of `settings`.

    Returns:
      The settings that the folder was made with; None if there are none yet.

    Raises:
      UserError: If the path is not a folder, or holds records but no settings,
        or settings that differ: each difference is named.
    """
    if runs.exists() and not runs.is_dir():
        raise UserError(f"--runs wants a folder, got the file {runs}: name another")
    path = runs / SETTINGS_NAME
    if not path.exists():
        if runs.is_dir() and any(runs.glob(f"*/{RECORD_NAME}")):
            raise UserError(
                f"{runs} holds runs but no {SETTINGS_NAME} that says how they were"
                " made: choose another --runs folder"
            )
        return None
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"cannot read {path} ({error}): choose another --runs folder"
        ) from None
    compared = canonical(wanted)
    if any(_is_of(kind, found) and _is_of(kind, wanted) for kind in _MOVABLE):
        # The fingerprint says whether it holds the same.
        compared["dataset"]["spec"] = found["dataset"]["spec"]
    if isinstance(found, dict):
        # Of earlier versions all threads shared every operation.
        found.setdefault("threads_per_operation", found.get("threads"))
        compared["threads_per_operation"] = found["threads_per_operation"]
        if wanted["threads"] is None and "threads" in found:
            compared["threads"] = found["threads"]
    differences = _differences(found, compared)
    if isinstance(found, dict) and "threads" not in found and not differences:
        differences = ["threads were not noted by the version that made it"]
    if differences:
        raise UserError(
            f"{runs} was made with other settings: {'; '.join(differences)}: use"
            " those settings, or choose another --runs folder"
        )
    return found


def noted_precision(runs: pathlib.Path) -> str | None:
    """The precision that a study folder was made with, None if it says none."""
    try:
        found = json.loads((runs / SETTINGS_NAME).read_text())["recipe"]["precision"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None  # It is `check_folder` that says what is wrong with it.
    return found if found in PRECISIONS else None


def in_store(values: Any) -> bool:
    """Whether settings say that the images are in a prepared store."""
    return _is_of("store:", values)


def moved_from(runs: pathlib.Path, wanted: dict[str, Any]) -> str | None:
    """The folder of images that a study was made with, if now another is named.

    Args:
      runs: The study folder.
      wanted: Result of `settings`; they fit the folder, see `check_folder`.

    Returns:
      Its specification, `folder:DIR`; None if it is the same one, or no folder
      of images.
    """
    if not _is_of("folder:", wanted):
        return None
    try:
        made_with = json.loads((runs / SETTINGS_NAME).read_text())["dataset"]["spec"]
    except FileNotFoundError:
        return None
    named = canonical(wanted)["dataset"]["spec"]
    return None if named == made_with else made_with


def _is_of(kind: str, values: Any) -> bool:
    dataset = values.get("dataset") if isinstance(values, dict) else None
    spec = dataset.get("spec") if isinstance(dataset, dict) else None
    return isinstance(spec, str) and spec.startswith(kind)


def canonical(values: dict[str, Any]) -> dict[str, Any]:
    """Settings in which one source has one name, wherever it was named from."""
    dataset = dict(values["dataset"])
    kind, _, rest = dataset["spec"].partition(":")
    if kind == "embedded" and rest.isdecimal() and not int(rest):
        dataset["spec"] = "embedded"
    elif kind not in ("embedded", "tfds") and rest:
        dataset["spec"] = f"{kind}:{_real(rest)}"
    if dataset.get("data_dir"):
        dataset["data_dir"] = _real(dataset["data_dir"])
    return {**values, "dataset": dataset}


def _real(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))


def check_records(
    records: Iterable[Record], settings: dict[str, Any], splits: Sequence[Split]
) -> None:
    """Refuses to add to runs that were trained with something else.

    Args:
      records: Of the folder.
      settings: What the folder was made with.
      splits: What is to be trained on.

    Raises:
      UserError: If a record has another recipe, network or number of threads
        than the folder, or a split of that name with other classes.
    """
    digests = {split.name: split.digest for split in splits}
    for record in records:
        differences = [
            *_differences(settings["recipe"], record.recipe, "recipe"),
            *_differences(settings["network"], record.network_settings, "network"),
            *_differences(settings["threads"], record.threads, "threads"),
        ]
        if differences:
            raise UserError(
                f"the run {record.run_id} is not of this study folder:"
                f" {'; '.join(differences)} in its record: move it away"
            )
        digest = digests.get(record.split, record.split_digest)
        if digest != record.split_digest:
            raise UserError(
                f"the split {record.split} has other classes in its halves than when"
                f" {record.run_id} was trained: wanted the digest"
                f" {record.split_digest[:12]}, got {digest[:12]}: restore what it was"
                " made from, or choose another --runs folder"
            )


def _differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        parts = []
        for key in sorted(found.keys() | wanted.keys()):
            inner = f"{name}.{key}" if name else key
            parts += _differences(found.get(key), wanted.get(key), inner)
        return parts
    if isinstance(found, list) and isinstance(wanted, list):
        if len(found) == len(wanted):
            parts = []
            for index, pair in enumerate(zip(found, wanted, strict=True)):
                parts += _differences(*pair, f"{name}[{index}]")
            return parts
    if found == wanted:
        return []
    return [f"{name} was {found!r}, now {wanted!r}"]
