"""Networks so small that a test can train some, on random images.

They have dropout; half A has 4 classes, half B has 5. Of each class there are 11
images to train on and 3 to validate on.
"""

import dataclasses

import numpy as np
import pytest

from yosinski_tf.data.sources import study_copy
from yosinski_tf.data.sources.image_set import make_image_set
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.runs import Run
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import parse_treatment
from yosinski_tf.models import surgery
from yosinski_tf.study import records
from yosinski_tf.training.job import Job, Stopped

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
NETWORK = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 8), dropout=0.4, lrn=True)
CLASSES = tuple(f"class{index}" for index in range(9))
SPLIT = make_split("random:0", CLASSES)
WHOLE = make_split("whole", CLASSES)
RECIPE = Recipe(
    steps=10,
    batch_size=8,
    learning_rate=0.01,
    rate_drops=(4,),
    image_size=18,
    crop_size=16,
    mirror=True,
    validate_every=4,
)
# Keras takes 64 steps in a call, then 36, then 50.
LONG_RECIPE = dataclasses.replace(
    RECIPE, steps=150, batch_size=4, rate_drops=(75,), validate_every=100
)


def draw_images(folder):
    """Stores the data set in a folder and returns the folder."""
    random = np.random.default_rng(0)

    def draw(per_class):
        labels = np.arange(9 * per_class) % 9
        return random.integers(0, 256, (len(labels), 18, 18, 3), np.uint8), labels

    drawn = draw(11), draw(3)
    study_copy.save(folder, make_image_set("noise", CLASSES, None, *drawn))
    return folder


def make_run(treatment):
    parsed = parse_treatment(treatment)
    return Run(WHOLE if parsed.target == "W" else SPLIT, parsed, seed=3)


def make_job(runs, images, treatments, recipe=RECIPE):
    cohort = Cohort("cohort", tuple(make_run(treatment) for treatment in treatments))
    return Job(cohort, NETWORK, recipe, runs, images, "yosinski-test --x")


def stop_training(job, answers=0):
    """Trains until `should_stop` has answered so many times that it may go on."""
    from yosinski_tf.training import trainer

    left = iter([False] * answers)
    with pytest.raises(Stopped):
        trainer.train(job, should_stop=lambda: next(left, True))


def checkpoint_steps(runs):
    """The files of a study's checkpoints, by their step."""
    files = (runs / "cohorts").glob("*.checkpoint")
    return {int(path.name.split(".")[-2]): path for path in files}


def folder_of(runs, treatment):
    return runs / make_run(treatment).run_id


def weights_of(runs, treatment):
    return surgery.read_weights(folder_of(runs, treatment) / "weights.npz")


def record_of(runs, treatment):
    return records.read_record(folder_of(runs, treatment) / "record.json")


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert values.tobytes() == other[name].tobytes(), name


def assert_same_runs(one, other, names):
    """Asserts that runs of two study folders have the same weights and histories."""
    for name in names:
        assert_same(weights_of(one, name), weights_of(other, name))
        records = [record_of(runs, name) for runs in (one, other)]
        assert records[0].weights_sha256 == records[1].weights_sha256
        for entries in zip(*(record.history for record in records), strict=True):
            # Only the times differ.
            mine, theirs = ({**entry, "images_per_second": 0} for entry in entries)
            assert mine == theirs
