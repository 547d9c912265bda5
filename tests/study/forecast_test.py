"""Time and disk of a study, compared with numbers computed by hand."""

import pytest
from fabricate import record

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.cohorts import make_cohorts
from yosinski_tf.experiment.runs import make_runs
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import parse_treatments
from yosinski_tf.study import forecast

NAMES = [f"class{index}" for index in range(8)]
NETWORK = get_network("mini", widths=(4, 6, 8, 10, 12, 14, 16))
# conv1..fc8 with biases, four classes: each layer's parameters at 32 x 32.
LAYERS = (304, 222, 440, 730, 1092, 686, 240, 68)


def runs_of(*names):
    parts = [(make_split("random:0", NAMES), parse_treatments(names))]
    return make_runs(parts, make_split("whole", NAMES), [0], with_bases=True)


def trained(cohort, seconds):
    ids = [run.run_id for run in cohort.runs]
    group = {"id": cohort.cohort_id, "size": len(ids), "runs": ids}
    group["total_seconds"] = seconds
    return [record("baseA", 0.5, run_id=run_id, cohort=group) for run_id in ids]


def test_time_as_measured_follows_the_work_and_counts_a_cohort_once():
    runs = runs_of("R1A", "R2A", "B3A", "A3B", "A4B")
    first, other, *copies = make_cohorts(runs)
    assert [len(cohort.runs) for cohort in (first, other, *copies)] == [3, 1, 1, 2]
    records = [*trained(first, 90.0), *trained(other, 10.0)]

    def seconds(records, processes=1):
        return forecast.seconds_as_measured(copies, runs, records, len, processes)

    assert seconds(records) == 75.0
    assert seconds(records, processes=2) == 37.5
    assert seconds(records[3:]) == 30.0
    assert seconds([]) is None
    # Cohorts with runs of another plan are ignored.
    strange = record("A7B", 0.5, cohort={"id": "x", "runs": ["y"], "total_seconds": 9})
    assert seconds([strange]) is None


def test_disk_by_hand():
    runs = runs_of("A3B", "A5B", "A3B+")
    cohorts = make_cohorts(runs)
    found = forecast.disk(
        runs, cohorts, NETWORK, input_size=32, image_bytes=1000, processes=1
    )
    total = sum(LAYERS)
    assert [stage.parameters for stage in NETWORK.stages(32, 4)] == list(LAYERS)
    assert found["weights"] == 4 * 4 * total
    # Trained layers and their velocities, in three checkpoints.
    own = sum(LAYERS[3:]) + sum(LAYERS[5:]) + total
    assert found["checkpoints"] == 3 * 4 * 2 * own
    assert found["images"] == 1000


def test_checkpoints_with_two_moments_of_each_weight():
    runs = runs_of("baseA")
    options = dict(input_size=32, image_bytes=0, processes=1)
    found = forecast.disk(runs, make_cohorts(runs), NETWORK, **options, moments=2)
    assert found["checkpoints"] == 3 * 4 * 3 * sum(LAYERS)


def test_checkpoints_of_cohorts_trained_side_by_side():
    runs = runs_of("baseA", "baseB", "A3B")
    cohorts = make_cohorts(runs)

    def checkpoints(cohorts, processes):
        return forecast.disk(
            runs, cohorts, NETWORK, input_size=32, image_bytes=0, processes=processes
        )["checkpoints"]

    one = 3 * 4 * 2 * sum(LAYERS)
    assert checkpoints(cohorts, 1) == one
    assert checkpoints(cohorts, 2) == 2 * one
    assert checkpoints((), 2) == 0


@pytest.mark.parametrize(
    ("size", "text"),
    [(2.44e8, "0.2 GB"), (9.94e9, "9.9 GB"), (3.9e10, "39 GB"), (1.53e12, "1.5 TB")],
)
def test_sizes_as_text(size, text):
    assert forecast.gigabytes(size) == text
