"""What a cohort writes for TensorBoard."""

import numpy as np
from fabricate import record
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from yosinski_tf.experiment.runs import Run
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import parse_treatment
from yosinski_tf.training import tensorboard_log

_ENTRY = {
    "step": 10,
    "train_loss": 2.5,
    "learning_rate": 0.015,
    "top1": 0.25,
    "top5": 0.75,
    "loss": 2.0,
    "images_per_second": 1000.0,
}


def test_filters_form_a_grid_each_scaled_to_its_own_range():
    kernel = np.zeros((2, 2, 3, 3), np.float32)
    kernel[0, 0, :, 0] = 5.0
    kernel[1, 1, :, 1] = -1.0
    grid = tensorboard_log.filter_grid(kernel, zoom=4)
    assert grid.shape == (24, 24, 3) and grid.dtype == np.float32
    # Filter 0: its first weight is the highest: white, the others are black.
    np.testing.assert_array_equal(grid[2:6, 2:6], 1.0)
    np.testing.assert_array_equal(grid[6:10, 6:10], 0.0)
    # Filter 1, to its right: its last weight is the lowest: black, the others white.
    np.testing.assert_array_equal(grid[6:10, 18:22], 0.0)
    np.testing.assert_array_equal(grid[2:6, 14:18], 1.0)
    # There is no filter 3: its place stays white.
    np.testing.assert_array_equal(grid[12:, 12:], 1.0)


def _read(folder) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return events


def _value(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [
        (event.step, float(np.frombuffer(event.tensor_proto.tensor_content, "<f4")[0]))
        if event.tensor_proto.tensor_content
        else (event.step, event.tensor_proto.float_val[0])
        for event in events.Tensors(tag)
    ]


def test_every_network_has_a_folder_with_curves_filters_and_hyper_parameters(tmp_path):
    split = make_split("random:0", ["a", "b", "c", "d"])
    treatments = ("baseB", "A3B+")
    runs = [Run(split, parse_treatment(name), 0) for name in treatments]
    records = [record(name, 0.3) for name in treatments]
    for made in records:
        made.recipe.update(batch_size=32, weight_decay=0.001)
    kernel = {"conv1/kernel": np.random.default_rng(0).normal(size=(5, 5, 3, 16))}
    with tensorboard_log.CohortLog(tmp_path, runs) as log:
        histories = [[_ENTRY], [{**_ENTRY, "top1": 0.5, "loss": None}]]
        log.scalars(10, histories)
        # One that has diverged has no entry of a later step.
        log.scalars(20, histories)
        log.finished(records, [kernel, kernel])

    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == [
        "random-0_A3B+_seed0",
        "random-0_baseB_seed0",
    ]
    events = _read(tmp_path / "random-0_A3B+_seed0")
    assert _value(events, "validation/top1") == [(10, 0.5)]
    assert _value(events, "training/loss") == [(10, 2.5)]
    assert _value(events, "training/learning_rate")[0][1] == np.float32(0.015)
    assert _value(events, "final/top1") == [(100, np.float32(0.3))]
    tags = events.Tags()["tensors"]
    assert "weights/conv1_filters" in tags
    # A value that is not finite is left out.
    assert "validation/loss" not in tags
    plugin = events.SummaryMetadata("_hparams_/session_start_info").plugin_data
    assert b"A3B+ random:0 seed 0" in plugin.content
    overview = _read(tmp_path).SummaryMetadata("_hparams_/experiment").plugin_data
    assert b"final/top1" in overview.content
