"""The record of a run: its result, and what is needed to trust and repeat it."""

import csv
import dataclasses
import io
import json
import pathlib
import shlex
from collections.abc import Iterable
from typing import Any

from yosinski_tf.experiment.treatments import check_stages, parse_treatment
from yosinski_tf.study.json_fields import read_fields
from yosinski_tf.system import errors, files

RECORD_NAME = "record.json"
WEIGHTS_NAME = "weights.npz"
MEAN_NAME = "mean_image.npy"


@dataclasses.dataclass(frozen=True)
class Record:
    """The result of one run, as stored in `<run id>/record.json`.

    Attributes:
      run_id: Identity of the run, and the name of its folder.
      status: `finished`, or `diverged` if a loss or a final weight was not finite.
      treatment: Name of the treatment, for example `A3B+`.
      kind: `base`, `selffer`, `transfer`, `given` or `random`.
      n: Number of copied layers, or of stages; 0 for a base.
      source_half: `A`, `B`, `P` (a given network), `R` (random values) or None for a
        base.
      target_half: `A`, `B` or `W`.
      fine_tuned: Whether copied layers were trained too.
      preserved: Layers above the n frozen ones that were copied and trained.
      split: Name of the split, for example `random:0`; `whole` for target W.
      split_digest: SHA-256 of the two class lists.
      dataset: The data source as the user named it, for example `embedded`.
      dataset_fingerprint: SHA-256 of the images and labels.
      network: Name of the network.
      network_settings: Complete description of the network.
      num_classes: Classes of the target half; also the number of outputs, unless
        the network has a fixed one.
      class_names: Names of the classes in the order of the outputs.
      mean_pixel: Mean of each channel over the half's training images, 0..255, or
        that of the run that was given as the source. The input has it subtracted, or
        `mean_image.npy` if the recipe says so, unless a network of Keras scales its
        pixels in another way.
      recipe: Everything about the training.
      seed: Seed of initial values, dropout and batches.
      steps: Optimizer steps; if the network diverged, the first step whose loss
        was not finite.
      top1: Share of validation images classified correctly at the end, 0..1; 0 if
        the network diverged between two validations.
      top5: Share of validation images whose class is among the five likeliest at
        the end, 0..1.
      loss: Mean cross-entropy on the validation images at the end, in nats; None
        if it was not finite.
      top1_mean_of_10_best: Mean of the ten highest top-1 validations, or of all if
        there were fewer: the number that the paper reports.
      history: One entry per validation: `step`, `train_loss` (mean since the
        previous validation), `learning_rate`, `top1`, `top5`, `loss`,
        `images_per_second`.
      num_train_images: Training images of the target half.
      num_validation_images: Validation images of the target half, each counted once.
      train_seconds: Wall time of the cohort's training steps.
      images_per_second: Training images per second of the cohort, not of a network.
      cohort: `id`, `size` and `runs` of the cohort; `total_seconds`, which include
        start-up and validation; `kept_layers`, by half of the source: the frozen
        layers whose outputs were computed once.
      weights_sha256: Digest of the final weights; empty if there are none (diverged).
      frozen_sha256_before: Digest of the frozen layers' weights before training;
        None if no layer was frozen.
      frozen_sha256_after: The same digest after training. If it differs, do not
        trust the run.
      versions: Versions of Python and of the libraries.
      backend: Keras backend.
      device: Name of the device.
      distribution: `none` or `mirrored`, as the training ended; earlier versions had
        `multi_worker` too. It may have begun with another one, whose results differ by
        rounding.
      replicas: Number of devices that shared each batch.
      threads: Threads of the process; None if the library chose. The settings of
        the study tell how many shared one operation.
      command: The command line.
      finished_at: Date and time, ISO 8601, UTC.
      source_sha256: Digest of the given network that layers were copied from; None for
        other runs.
    """

    run_id: str
    status: str
    treatment: str
    kind: str
    n: int
    source_half: str | None
    target_half: str
    fine_tuned: bool
    preserved: int
    split: str
    split_digest: str
    dataset: str
    dataset_fingerprint: str
    network: str
    network_settings: dict[str, Any]
    num_classes: int
    class_names: list[str]
    mean_pixel: list[float]
    recipe: dict[str, Any]
    seed: int
    steps: int
    top1: float
    top5: float
    loss: float | None
    top1_mean_of_10_best: float
    history: list[dict[str, float | None]]
    num_train_images: int
    num_validation_images: int
    train_seconds: float
    images_per_second: float
    cohort: dict[str, Any]
    weights_sha256: str
    frozen_sha256_before: str | None
    frozen_sha256_after: str | None
    versions: dict[str, str]
    backend: str
    device: str
    distribution: str
    replicas: int
    threads: int | None
    command: str
    finished_at: str
    source_sha256: str | None = None


_SCALARS = [
    field.name
    for field in dataclasses.fields(Record)
    if not str(field.type).startswith(("dict", "list"))
    and field.name != "source_sha256"
]


def mean_of_best(values: Iterable[float], count: int = 10) -> float:
    """Mean of the highest values, the number that the paper reports."""
    best = sorted(values, reverse=True)[:count]
    return sum(best) / len(best)


def write_record(runs: pathlib.Path, record: Record) -> pathlib.Path:
    """Stores a record in the folder of its run and returns the file's path."""
    path = runs / record.run_id / RECORD_NAME
    files.make_folder(path.parent)
    values = dataclasses.asdict(record)
    if record.source_sha256 is None:
        del values["source_sha256"]
    text = json.dumps(values, indent=1, allow_nan=False)
    files.write_atomically(path, text.encode())
    return path


def read_record(path: pathlib.Path) -> Record:
    """Reads one record.

    Raises:
      UserError: If the file is no record (see `read_fields`), or its values
        contradict each other or the name of its folder.
    """
    remedy = "delete its folder to train it again"
    record = Record(**read_fields(path, Record, remedy))
    if wrong := _contradictions(record, path.parent.name):
        raise errors.UserError(f"cannot read {path} ({'; '.join(wrong)}): {remedy}")
    return record


def _contradictions(record: Record, folder: str) -> list[str]:
    """Values of a record that cannot be true, though their types are right."""
    try:
        treatment = parse_treatment(record.treatment)
        names = stage_names(record)
        if len(names) > 1:
            check_stages([treatment], record.network, len(names))
    except errors.UserError as error:
        return [str(error)]
    needed = {
        # The id is used as a path, which must not lead out of the study folder.
        "run_id": folder,
        "kind": treatment.kind,
        "n": treatment.n,
        "source_half": treatment.source,
        "target_half": treatment.target,
        "fine_tuned": treatment.fine_tuned,
        "preserved": treatment.preserved,
    }
    found = {name: getattr(record, name) for name in needed}
    wrong = [
        f"{name} (needs {needed[name]!r}, found {value!r})"
        for name, value in found.items()
        if value != needed[name]
    ]
    for name in ("top1", "top5", "top1_mean_of_10_best"):
        if not 0 <= getattr(record, name) <= 1:
            wrong.append(f"{name} (needs 0 to 1, found {getattr(record, name)!r})")
    first, _, count = record.split.partition(":")
    if first == "first" and not (count.isascii() and count.isdecimal()):
        wrong.append(f"split (needs first:N, found {record.split!r})")
    return wrong


def stage_names(record: Record) -> tuple[str, ...]:
    """Names of the stages of a record's network, from the input on.

    Those of a network with eight layers are its layers. Empty if the record, of
    another version, does not tell.
    """
    settings = record.network_settings
    found = settings.get("stages", settings.get("layers"))
    if not isinstance(found, list):
        return ()
    names = [each.get("name") if isinstance(each, dict) else each for each in found]
    return tuple(map(str, names))


def has_record(runs: pathlib.Path, run_id: str) -> bool:
    """Whether a run has a record, whichever machine wrote it."""
    return files.is_listed(runs / run_id / RECORD_NAME)


def find_record(runs: pathlib.Path, run_id: str) -> Record | None:
    """Reads the record of a run; returns None if there is none.

    Raises:
      UserError: If the record is broken.
    """
    if not has_record(runs, run_id):
        return None
    try:
        return read_record(runs / run_id / RECORD_NAME)
    except errors.UserError:
        # Another process may have removed it just now, to train the run again.
        if not has_record(runs, run_id):
            return None
        raise


def records_by_id(runs: pathlib.Path) -> dict[str, Record]:
    """Reads all records of a study folder, in the order of their run ids.

    Raises:
      UserError: If a record is broken.
    """
    ids = sorted(path.parent.name for path in runs.glob(f"*/{RECORD_NAME}"))
    found = {run_id: find_record(runs, run_id) for run_id in ids}
    return {run_id: record for run_id, record in found.items() if record is not None}


def check_study_folder(runs: pathlib.Path) -> None:
    """Refuses a folder that does not exist.

    Raises:
      UserError: If it does not.
    """
    if not runs.is_dir():
        raise errors.UserError(f"no study folder at {runs}: give --runs=DIR of a study")


def read_records(runs: pathlib.Path) -> list[Record]:
    """Reads all records of a study folder that must exist.

    Raises:
      UserError: If the folder does not exist, only has other studies in it, or a
        record is broken.
    """
    check_study_folder(runs)
    found = list(records_by_id(runs).values())
    if not found and (question := studies_within(runs)):
        raise errors.UserError(
            f"{runs} needs networks of one study, found other studies in it: {question}"
        )
    return found


def studies_within(folder: pathlib.Path, most: int = 3) -> str:
    """A question that names the newest studies in a folder that is none itself.

    Empty if there is none; a study has a record.
    """
    found = {path.parent.parent for path in folder.glob(f"*/*/{RECORD_NAME}")}
    newest = sorted(found, key=lambda path: (-path.stat().st_mtime, path))[:most]
    flags = [shlex.quote(f"--runs={path}") for path in newest]
    return f"did you mean {' or '.join(flags)}?" if flags else ""


def write_results(path: pathlib.Path, records: Iterable[Record]) -> None:
    """Writes a CSV table: one row per run, one column per field of a single value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_SCALARS)
    for record in records:
        writer.writerow([getattr(record, name) for name in _SCALARS])
    files.write_atomically(path, text.getvalue().encode())
