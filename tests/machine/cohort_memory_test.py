"""How many networks are trained together in a given amount of memory."""

import dataclasses

import pytest

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.runs import Run, make_runs
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import all_treatments, parse_treatments
from yosinski_tf.machine.cohort_memory import pack, process_bytes

SPLIT = make_split("random:0", [str(number) for number in range(40)])
WHOLE = make_split("whole", [str(number) for number in range(40)])
CAFFENET = get_network("caffenet")
SMALL = Recipe()
LARGE = Recipe(image_size=256, crop_size=227, batch_size=32)
MIB = 1 << 20
FOURTEEN = ",".join(f"A{n}B,A{n}B+" for n in range(1, 8))
TWENTY_EIGHT = f"{FOURTEEN},{','.join(f'B{n}B,B{n}B+' for n in range(1, 8))}"


def runs_of(treatments):
    return [Run(SPLIT, t, 0) for t in parse_treatments(treatments.split(","))]


# Largest resident set of the processes that trained the runs, in MiB: TensorFlow
# 2.21 on 2 cores, the embedded images (30 MiB a half), or 32 small ones.
@pytest.mark.parametrize(
    ("network", "treatments", "changes", "measured"),
    [
        ("mini", "baseB", {}, 927),
        ("mini", "baseB,R1B,R3B,R5B", {"precision": "bfloat16"}, 1000),
        ("mini", FOURTEEN, {"precision": "bfloat16"}, 1253),
        ("mini", TWENTY_EIGHT, {}, 1577),
        ("caffenet", "baseB", {}, 2783),
        ("caffenet", "baseB", {"precision": "bfloat16"}, 3028),
        ("caffenet", "baseB,R3B", {}, 4444),
        ("caffenet", "baseB", {"batch_size": 128}, 3582),
    ],
)
def test_the_estimate_is_at_least_what_was_measured(
    network, treatments, changes, measured
):
    recipe = dataclasses.replace(SMALL if network == "mini" else LARGE, **changes)
    found = process_bytes(
        runs_of(treatments), get_network(network), recipe, 20, 10_000 * 32 * 32 * 3
    )
    assert measured * MIB <= found <= 1.5 * measured * MIB


def test_the_estimate_counts_images_weights_and_activations():
    def size(treatments, recipe=LARGE, **more):
        return process_bytes(runs_of(treatments), CAFFENET, recipe, 500, **more)

    one = size("A3B+")
    assert size("A3B+", image_bytes=5 * MIB) == one + 5 * MIB
    # At least weights, gradients and velocities of 58.9 million parameters.
    assert size("A3B+,A4B+") - one > 3 * 4 * 58.9e6
    # AdamW keeps one more number for each, also in a checkpoint.
    more = size("A3B+", dataclasses.replace(LARGE, optimizer="adamw")) - one
    assert 2 * 4 * 58.9e6 <= more < 1.1 * 2 * 4 * 58.9e6
    # Frozen layers have only weights, once for each source.
    assert size("A7B") < one
    again = size("A7B,A6B") - size("A7B")
    assert size("A7B,B6B") - size("A7B") > again
    assert size("A3B+", dataclasses.replace(LARGE, batch_size=256)) > one
    low = dataclasses.replace(LARGE, batch_size=256, precision="bfloat16")
    assert size("A3B+", low) < size("A3B+", dataclasses.replace(LARGE, batch_size=256))


def hundred_each(cohort):
    """100 bytes for a process and 10 for each network."""
    return 100 + 10 * len(cohort.runs)


def packed(available, processes=1, treatments=TWENTY_EIGHT, turns=2):
    return pack(
        runs_of(treatments),
        hundred_each,
        processes=processes,
        available=available,
        turns=turns,
    )


# 80% of the free bytes may be used. 28 networks need 380 bytes and one needs 110.
# With at most 27 there are two cohorts of 14 (240 bytes); at most 9, four of 7 (170).
@pytest.mark.parametrize(
    ("available", "size", "needed"),
    [(475, 28, 380), (474, 27, 240), (213, 9, 170), (138, 1, 110), (137, 1, 110)],
)
def test_as_many_as_fit_are_trained_together(available, size, needed):
    found = packed(available)
    assert (found.size, found.needed_bytes) == (size, needed)


def test_processes_side_by_side_share_the_memory():
    # Two cohorts of 7 networks need 340 bytes.
    found = packed(474, processes=2)
    assert (found.size, found.processes, found.needed_bytes) == (7, 2, 340)
    assert packed(424, processes=2).size == 6
    # One cohort for each process: two of 14.
    assert packed(600, processes=2, turns=1).size == 14
    treatments = "baseB," + TWENTY_EIGHT
    assert packed(600, processes=2, treatments=treatments, turns=1).size == 15
    # The whole study has two cohorts of 28.
    runs = make_runs([(SPLIT, all_treatments())], WHOLE, [0], with_bases=True)
    found = pack(runs, hundred_each, processes=2, available=949, turns=2)
    assert (found.size, found.wanted, found.needed_bytes) == (27, 28, 480)


def test_processes_on_three_gpus_have_a_memory_each():
    runs = runs_of(TWENTY_EIGHT)
    found = pack(runs, hundred_each, processes=3, available=213, turns=1, memories=3)
    # For three processes there are cohorts of 10; only 7 fit into each of the memories.
    assert (found.size, found.processes, found.needed_bytes) == (9, 1, 170)
    found = pack(runs, hundred_each, processes=6, available=474, turns=1, memories=3)
    assert (found.size, found.processes, found.needed_bytes) == (7, 2, 340)


def test_unknown_memory_limits_nothing():
    assert packed(None) is None
    assert pack([], hundred_each, processes=1, available=1, turns=2) is None


def test_the_user_reads_how_the_memory_limits_the_cohorts():
    assert str(packed(475)) == ""
    gigabytes = dict(processes=2, available=15 * 10**9, turns=2)

    def needed(cohort):
        return 10**9 * (1 + len(cohort.runs))

    assert str(pack(runs_of(TWENTY_EIGHT), needed, **gigabytes)) == (
        "Cohorts: at most 5 networks together; 7 need about 16.0 GB, found about 12.0"
        " GB that can be used, for 2 cohorts at a time."
    )
    little = dict(available=3 * 10**9, turns=2)
    small = pack(runs_of(TWENTY_EIGHT), needed, processes=1, **little)
    assert str(small) == (
        "Cohorts: each network alone; 28 need about 29.0 GB, found about 2.4 GB that"
        " can be used."
    )
    # An estimate may be wrong, so it never refuses to train.
    tiny = pack(runs_of("baseB"), needed, processes=1, available=10**9, turns=2)
    assert (tiny.size, str(tiny)) == (
        1,
        "Memory: a network needs about 2.0 GB, found about 0.8 GB that can be used: if"
        " training fails, give a smaller --batch_size.",
    )
    both = pack(runs_of("baseB,R1B"), needed, processes=2, available=10**9, turns=2)
    assert str(both) == (
        "Memory: 2 networks side by side need about 4.0 GB, found about 0.8 GB that"
        " can be used: if training fails, give fewer --processes or a smaller"
        " --batch_size."
    )
