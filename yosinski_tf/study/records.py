"""What happened in one run, with everything needed to trust the number."""

import csv
import dataclasses
import io
import json
import pathlib
from collections.abc import Iterable
from typing import Any

from yosinski_tf.experiment.treatments import parse_treatment
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import is_listed, make_folder, write_atomically
from yosinski_tf.system.typecheck import wrong_fields

RECORD_NAME = "record.json"
WEIGHTS_NAME = "weights.npz"
MEAN_NAME = "mean_image.npy"


@dataclasses.dataclass(frozen=True)
class Record:
    """The outcome of one run, as stored in `<run id>/record.json`.

    Attributes:
      run_id: Identity of the run, and the name of its folder.
      status: `finished`, or `diverged` for a loss (or, at the end, a weight) that
        was not finite: its weights are not stored.
      treatment: Its name, for example `A3B+`.
      kind: `base`, `selffer`, `transfer` or `random`.
      n: Number of copied layers; 0 for a base.
      source_half: `A`, `B`, `R` (random values) or None for a base.
      target_half: `A`, `B` or `W`.
      fine_tuned: Whether copied layers were trained too.
      preserved: Layers above the n frozen ones that were copied and trained.
      split: The split's name, for example `random:0`; `whole` for target W.
      split_digest: SHA-256 of the two class lists.
      dataset: The data source as given, for example `embedded`.
      dataset_fingerprint: SHA-256 of the images and labels that were used.
      network: Name of the network.
      network_settings: The network's description in full.
      num_classes: Classes of the target half, the width of fc8 unless the
        network's description gives it more outputs.
      class_names: Their names, in the order of the outputs.
      mean_pixel: Mean of each channel over the half's training images, 0..255;
        subtracted from what the network sees, or for a recipe whose `mean` is
        `image` the mean of the image in `mean_image.npy` that is.
      recipe: Everything about the training.
      seed: Seed of initial values, dropout and batches.
      steps: Optimizer steps taken; of a network that diverged, the step whose
        loss was the first that was not finite.
      top1: Share of validation images classified right, 0..1, at the end; 0 for
        a network that diverged between two validations.
      top5: Share with the right class among the five likeliest, at the end.
      loss: Mean cross-entropy on the validation images, in nats, at the end;
        None if it was not finite.
      top1_mean_of_10_best: Mean of the ten highest validations (the number
        the paper reports); of all of them if there were fewer.
      history: One entry per validation: `step`, `train_loss` (mean since the
        last one), `learning_rate`, `top1`, `top5`, `loss`,
        `images_per_second`.
      num_train_images: Training images of the target half.
      num_validation_images: Validation images of the target half; each counts
        exactly once in `top1`.
      train_seconds: Wall time of the whole cohort's training steps.
      images_per_second: Training images per second of the cohort; every
        network of the cohort saw each of them.
      cohort: `id`, `size` and `runs` of the cohort trained together,
        `total_seconds` with start-up and validation, `kept_layers` names of
        frozen layers whose outputs were computed once for training, by half of
        the source.
      weights_sha256: Digest of all final weights; empty if it diverged.
      frozen_sha256_before: Digest of the frozen layers' weights before
        training, None if nothing was frozen.
      frozen_sha256_after: The same after training; equal, or the run is
        not to be trusted.
      versions: Versions of Python and of the libraries that matter.
      backend: Keras backend.
      device: What it ran on, in words.
      distribution: How each batch was shared out: `none`, `mirrored` among the
        devices of one machine, `multi_worker`. As the training ended: it may have
        begun with another, whose numbers differ by rounding.
      replicas: Among how many devices.
      threads: Threads that computed; None if the library chose. How many shared
        an operation is in the study's settings.
      command: The command line that ran it.
      finished_at: Date and time, ISO 8601, UTC.
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


_FIELDS = {field.name: field for field in dataclasses.fields(Record)}
_SCALARS = [
    name
    for name, field in _FIELDS.items()
    if not str(field.type).startswith(("dict", "list"))
]


def mean_of_best(values: Iterable[float], count: int = 10) -> float:
    """Mean of the highest values: the number the paper reports for a run."""
    best = sorted(values, reverse=True)[:count]
    return sum(best) / len(best)


def write_record(runs: pathlib.Path, record: Record) -> pathlib.Path:
    """Stores a record in its run's folder and returns the file's path."""
    path = runs / record.run_id / RECORD_NAME
    make_folder(path.parent)
    text = json.dumps(dataclasses.asdict(record), indent=1, allow_nan=False)
    write_atomically(path, text.encode())
    return path


def read_record(path: pathlib.Path) -> Record:
    """Reads one record.

    Raises:
      UserError: If the file is not a record: it cannot be read, is invalid JSON,
        lacks a field or has an unknown one or one of another type, or speaks of
        another run than that of its folder or of another treatment than its own.
    """
    remedy = "delete its folder to train it again"
    try:
        fields = json.loads(path.read_text("utf-8"))
        wrong = wrong_fields(Record, fields) if isinstance(fields, dict) else []
    except OSError as error:
        raise UserError(
            f"cannot read {path} ({error.strerror}): make it a readable file, or"
            f" {remedy}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}): {remedy}") from None
    if not isinstance(fields, dict):
        raise UserError(f"{path} holds no JSON object: {remedy}")
    missing = sorted(_FIELDS.keys() - fields.keys())
    unknown = sorted(fields.keys() - _FIELDS.keys())
    if missing or unknown:
        raise UserError(
            f"{path} is not a record of this version: missing fields"
            f" {missing}, unknown fields {unknown}: {remedy}"
        )
    if not wrong:
        record = Record(**fields)
        wrong = _contradictions(record, path.parent.name)
    if wrong:
        raise UserError(f"{path} has wrong values: {'; '.join(wrong)}: {remedy}")
    return record


def _contradictions(record: Record, folder: str) -> list[str]:
    """What in a record cannot be, all its values being of the right type."""
    found = []
    # A run's id is used as a path: "../x" must lead nowhere.
    if record.run_id != folder:
        found.append(
            f"run_id (wanted the folder's name, {folder!r}, got {record.run_id!r})"
        )
    try:
        treatment = parse_treatment(record.treatment)
    except UserError as error:
        return [*found, str(error)]
    for name, value in (
        ("kind", treatment.kind),
        ("n", treatment.n),
        ("source_half", treatment.source),
        ("target_half", treatment.target),
        ("fine_tuned", treatment.fine_tuned),
        ("preserved", treatment.preserved),
    ):
        if getattr(record, name) != value:
            found.append(
                f"{name} (wanted {value!r} for {record.treatment}, got"
                f" {getattr(record, name)!r})"
            )
    for name in ("top1", "top5", "top1_mean_of_10_best"):
        if not 0 <= getattr(record, name) <= 1:
            found.append(f"{name} (wanted 0 to 1, got {getattr(record, name)!r})")
    first, _, count = record.split.partition(":")
    if first == "first" and not (count.isascii() and count.isdecimal()):
        found.append(f"split (wanted first:N, got {record.split!r})")
    return found


def read_records(runs: pathlib.Path) -> list[Record]:
    """Reads every record of a study folder, in the order of their run ids.

    Raises:
      UserError: If the folder does not exist or holds a broken record.
    """
    if not runs.is_dir():
        raise UserError(f"no study folder at {runs}: give --runs=DIR of a study")
    paths = sorted(runs.glob(f"*/{RECORD_NAME}"))
    found = (find_record(runs, path.parent.name) for path in paths)
    return [record for record in found if record is not None]


def has_record(runs: pathlib.Path, run_id: str) -> bool:
    """Whether a run has a record, whichever machine wrote it."""
    return is_listed(runs / run_id / RECORD_NAME)


def find_record(runs: pathlib.Path, run_id: str) -> Record | None:
    """The record of a run; None if there is none, or none any more.

    Raises:
      UserError: If the record is broken.
    """
    if not has_record(runs, run_id):
        return None
    try:
        return read_record(runs / run_id / RECORD_NAME)
    except UserError:
        # Another process has removed it just now, to try its run again.
        if not has_record(runs, run_id):
            return None
        raise


def write_results(path: pathlib.Path, records: Iterable[Record]) -> None:
    """Writes one row per run, with its scalar fields, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_SCALARS)
    for record in records:
        writer.writerow([getattr(record, name) for name in _SCALARS])
    write_atomically(path, text.getvalue().encode())
