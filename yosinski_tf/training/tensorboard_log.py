"""TensorBoard: one run folder per network, comparable by their treatment."""

import contextlib
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from yosinski_tf.experiment.runs import Run
from yosinski_tf.models import surgery
from yosinski_tf.study.records import Record
from yosinski_tf.training.history import History

_SCALARS = {
    "training/loss": "train_loss",
    "training/learning_rate": "learning_rate",
    "training/images_per_second": "images_per_second",
    "validation/loss": "loss",
    "validation/top1": "top1",
    "validation/top5": "top5",
}
_FINAL = {"final/top1": "top-1", "final/top1_mean_of_10_best": "top-1, ten best"}


class CohortLog(contextlib.AbstractContextManager):
    """Event files of all networks of a cohort.

    Each run gets a sub-folder of `folder`, which is for `--logdir`.
    """

    def __init__(self, folder: pathlib.Path, runs: Sequence[Run]):
        if not any(folder.glob("events*")):
            _write_overview(folder)
        self._writers = [
            tf.summary.create_file_writer(str(folder / run.run_id)) for run in runs
        ]

    def __exit__(self, *unused) -> None:
        for writer in self._writers:
            writer.close()

    def scalars(self, step: int, histories: Sequence[History]) -> None:
        """Logs the validation of a step, for every network that has not diverged.

        The history of one that has diverged ends with an earlier step.
        """
        for writer, history in zip(self._writers, histories, strict=True):
            entry = history[-1]
            if entry["step"] != step:
                continue
            with writer.as_default(step=step):
                for tag, key in _SCALARS.items():
                    if entry[key] is not None:
                        tf.summary.scalar(tag, entry[key])
            writer.flush()

    def finished(
        self, records: Sequence[Record], weights: Sequence[Mapping[str, np.ndarray]]
    ) -> None:
        """Logs the first filters, the hyper-parameters and the final numbers."""
        for writer, record, values in zip(self._writers, records, weights, strict=True):
            with writer.as_default(step=record.steps):
                found = surgery.first_filters(values)
                if record.status == "finished" and found is not None:
                    name, filters = found
                    grid = filter_grid(filters)
                    # TensorBoard shows this group after those of the curves.
                    tf.summary.image(f"weights/{name}_filters", grid[None])
                name = f"{record.treatment} {record.split} seed {record.seed}"
                hparams.hparams(_hyper_parameters(record), trial_id=name)
                for tag in _FINAL:
                    tf.summary.scalar(tag, getattr(record, tag.split("/")[1]))


def _hyper_parameters(record: Record) -> dict:
    fields = ("treatment", "n", "split", "target_half", "seed", "network", "steps")
    settings = ("batch_size", "learning_rate", "weight_decay")
    return {
        **{name: getattr(record, name) for name in fields},
        **{name: record.recipe[name] for name in settings},
        "kind": record.kind + ("+" if record.fine_tuned else ""),
        "source_half": record.source_half or "",
    }


def _write_overview(folder: pathlib.Path) -> None:
    """Lists the columns of the table in the HParams dashboard."""
    with tf.summary.create_file_writer(str(folder)).as_default():
        hparams.hparams_config(
            hparams=[
                hparams.HParam(name)
                for name in ("treatment", "kind", "n", "split", "target_half", "seed")
            ],
            metrics=[
                hparams.Metric(tag, display_name=name) for tag, name in _FINAL.items()
            ],
        )


def filter_grid(kernel: np.ndarray, zoom: int = 8) -> np.ndarray:
    """The filters of a first layer as one picture.

    Args:
      kernel: float [side, side, 3, filters].
      zoom: Pixels per weight.

    Returns:
      float32 [height, width, 3] in 0..1: each filter scaled to its own range, in a
      grid that is about square, with white lines between.
    """
    low = kernel.min(axis=(0, 1, 2), keepdims=True)
    high = kernel.max(axis=(0, 1, 2), keepdims=True)
    tiles = (kernel - low) / np.maximum(high - low, 1e-12)
    tiles = np.moveaxis(tiles, -1, 0).repeat(zoom, axis=1).repeat(zoom, axis=2)
    edges = ((0, 0), (2, 2), (2, 2), (0, 0))
    tiles = np.pad(tiles, edges, constant_values=1.0)
    columns = int(np.ceil(np.sqrt(len(tiles))))
    missing = np.ones((-len(tiles) % columns, *tiles.shape[1:]))
    grid = np.concatenate([tiles, missing]).reshape(-1, columns, *tiles.shape[1:])
    rows, columns, height, width, depth = grid.shape
    grid = grid.swapaxes(1, 2).reshape(rows * height, columns * width, depth)
    return grid.astype(np.float32)
