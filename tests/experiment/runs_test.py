"""Studies: runs, what depends on what, and how they are packed."""

import pytest

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.cohorts import (
    apart,
    make_cohorts,
    multiply_accumulates,
    ready,
    without,
)
from yosinski_tf.experiment.runs import Run, make_runs
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import (
    all_treatments,
    parse_treatment,
    parse_treatments,
)
from yosinski_tf.system.errors import UserError

NAMES = [f"class{index}" for index in range(8)]
FIRST, SECOND = make_split("random:0", NAMES), make_split("random:1", NAMES)
WHOLE = make_split("whole", NAMES)


def runs_of(*treatments, splits=(FIRST,), seeds=(0,), with_bases=True):
    parsed = parse_treatments(treatments)
    return runs_on(splits, parsed, seeds, with_bases=with_bases)


def runs_on(splits, treatments, seeds, with_bases=True):
    parts = [(split, treatments) for split in splits]
    return make_runs(parts, WHOLE, seeds, with_bases=with_bases)


def ids(runs):
    return [run.run_id for run in runs]


def packed(cohorts):
    return {cohort.cohort_id: ids(cohort.runs) for cohort in cohorts}


def test_run_ids():
    assert ids(runs_of("baseB", "A3B+", "R3W", seeds=[7], with_bases=False)) == [
        "random-0_baseB_seed7",
        "whole_R3W_seed7",
        "random-0_A3B+_seed7",
    ]


@pytest.mark.parametrize(
    ("treatment", "base"),
    [
        ("A3B", "random-0_baseA_seed5"),
        ("A3B+", "random-0_baseA_seed5"),
        ("B3B", "random-0_baseB_seed5"),
        ("B2A", "random-0_baseB_seed5"),
        ("A2A+", "random-0_baseA_seed5"),
    ],
)
def test_copies_depend_on_the_base_of_their_source(treatment, base):
    run = Run(FIRST, parse_treatment(treatment), 5)
    assert run.base.run_id == base
    assert run.base.treatment.kind == "base"


@pytest.mark.parametrize("treatment", ["baseA", "baseB", "baseW", "R3B", "R3W"])
def test_what_starts_at_random_depends_on_nothing(treatment):
    assert Run(FIRST, parse_treatment(treatment), 5).base is None


def test_bases_are_added_once_and_come_first():
    assert ids(runs_of("A3B", "A4B", "B3B", "R1B")) == [
        "random-0_baseA_seed0",
        "random-0_baseB_seed0",
        "random-0_R1B_seed0",
        "random-0_A3B_seed0",
        "random-0_A4B_seed0",
        "random-0_B3B_seed0",
    ]


def test_bases_are_left_out_unless_wanted():
    assert ids(runs_of("A3B", with_bases=False)) == ["random-0_A3B_seed0"]


def test_a_base_named_and_needed_is_one_run():
    assert ids(runs_of("A3B", "baseA")) == [
        "random-0_baseA_seed0",
        "random-0_A3B_seed0",
    ]


def test_every_run_comes_after_its_base_in_the_whole_study():
    runs = runs_on([FIRST, SECOND], all_treatments(), [0, 1])
    assert len(runs) == len(set(ids(runs))) == 72 * 2 * 2
    place = {run: index for index, run in enumerate(runs)}
    for run in runs:
        assert run.base is None or place[run.base] < place[run]


def test_the_whole_set_is_run_once_for_all_splits():
    runs = runs_of("baseW", "R3W", "baseB", splits=[FIRST, SECOND], seeds=[0, 1])
    assert sorted(ids(runs)) == [
        "random-0_baseB_seed0",
        "random-0_baseB_seed1",
        "random-1_baseB_seed0",
        "random-1_baseB_seed1",
        "whole_R3W_seed0",
        "whole_R3W_seed1",
        "whole_baseW_seed0",
        "whole_baseW_seed1",
    ]
    assert {run.split for run in runs if run.treatment.target == "W"} == {WHOLE}


def test_every_split_has_its_own_treatments():
    parts = [
        (FIRST, parse_treatments(["baseA", "baseW"])),
        (make_split("first:3", NAMES), parse_treatments(["baseW", "R2W"])),
        (WHOLE, parse_treatments(["R1W"])),
        (SECOND, parse_treatments(["A3B"])),
    ]
    assert ids(make_runs(parts, WHOLE, [0], with_bases=True)) == [
        "random-0_baseA_seed0",
        "whole_baseW_seed0",
        "first-3_baseW_seed0",
        "first-3_R2W_seed0",
        "whole_R1W_seed0",
        "random-1_baseA_seed0",
        "random-1_A3B_seed0",
    ]


@pytest.mark.parametrize("spec", ["whole", "first:2"])
@pytest.mark.parametrize("treatment", ["baseB", "A3B", "R1A"])
def test_a_half_of_a_split_without_halves_is_refused(spec, treatment):
    with pytest.raises(UserError, match=f"split {spec} has no half {treatment[-1]}"):
        runs_of(treatment, splits=[make_split(spec, NAMES)])


def test_preserving_runs_need_the_same_base_and_share_its_cohort():
    cohorts = make_cohorts(runs_of("A3B", "A3B~1", "A3B~2", "B3B~1"))
    assert packed(cohorts)["random-0_B_seed0_copies"] == [
        "random-0_A3B_seed0",
        "random-0_A3B~1_seed0",
        "random-0_A3B~2_seed0",
        "random-0_B3B~1_seed0",
    ]
    assert ids(cohorts[-1].bases) == ["random-0_baseA_seed0", "random-0_baseB_seed0"]


def test_seeds_and_splits_named_twice_are_refused():
    with pytest.raises(UserError, match="seed 3 is named twice"):
        runs_of("baseB", seeds=[3, 4, 3])
    with pytest.raises(UserError, match="split random-0 is named twice"):
        runs_of("baseB", splits=[FIRST, SECOND, FIRST])


def test_cohorts_share_split_half_seed_and_stage():
    cohorts = make_cohorts(
        runs_of("A3B", "B3B+", "R1B", "B3A", "baseW", splits=[FIRST, SECOND])
    )
    assert packed(cohorts) == {
        "random-0_A_seed0_first": ["random-0_baseA_seed0"],
        "random-0_B_seed0_first": ["random-0_baseB_seed0", "random-0_R1B_seed0"],
        "random-1_A_seed0_first": ["random-1_baseA_seed0"],
        "random-1_B_seed0_first": ["random-1_baseB_seed0", "random-1_R1B_seed0"],
        "whole_W_seed0_first": ["whole_baseW_seed0"],
        "random-0_B_seed0_copies": ["random-0_A3B_seed0", "random-0_B3B+_seed0"],
        "random-0_A_seed0_copies": ["random-0_B3A_seed0"],
        "random-1_B_seed0_copies": ["random-1_A3B_seed0", "random-1_B3B+_seed0"],
        "random-1_A_seed0_copies": ["random-1_B3A_seed0"],
    }
    copying = [bool(cohort.bases) for cohort in cohorts]
    assert copying == [False] * 5 + [True] * 4


def test_what_a_cohort_shares_and_needs():
    cohort = make_cohorts(runs_of("A3B", "A4B+", "B3B", seeds=[9]))[-1]
    assert (cohort.split, cohort.target, cohort.seed) == (FIRST, "B", 9)
    assert ids(cohort.bases) == ["random-0_baseA_seed9", "random-0_baseB_seed9"]


def test_different_seeds_never_share_a_cohort():
    assert set(packed(make_cohorts(runs_of("baseB", seeds=[0, 1])))) == {
        "random-0_B_seed0_first",
        "random-0_B_seed1_first",
    }


def test_cohort_size_cuts_a_cohort_into_parts():
    runs = runs_of("R1B", "R2B", "R3B", "R4B", "R5B")
    assert packed(make_cohorts(runs, cohort_size=2)) == {
        "random-0_B_seed0_first_0": ["random-0_R1B_seed0", "random-0_R2B_seed0"],
        "random-0_B_seed0_first_1": ["random-0_R3B_seed0", "random-0_R4B_seed0"],
        "random-0_B_seed0_first_2": ["random-0_R5B_seed0"],
    }


def test_a_cohort_size_that_is_not_reached_changes_nothing():
    runs = runs_of("R1B", "R2B")
    assert make_cohorts(runs, cohort_size=2) == make_cohorts(runs)


@pytest.mark.parametrize("size", [None, 1, 2, 5])
def test_no_run_is_lost_or_doubled_by_packing(size):
    runs = runs_on([FIRST, SECOND], all_treatments(), [0, 1])
    cohorts = make_cohorts(runs, size)
    assert sorted(sum(packed(cohorts).values(), [])) == sorted(ids(runs))
    assert len(packed(cohorts)) == len(cohorts)
    assert size is None or max(len(cohort.runs) for cohort in cohorts) <= size


def test_without_drops_runs_and_empty_cohorts_but_keeps_ids():
    cohorts = make_cohorts(runs_of("A3B", "B3B", "R1B"))
    left = without(
        cohorts,
        {"random-0_baseA_seed0", "random-0_R1B_seed0", "random-0_A3B_seed0"},
    )
    assert packed(left) == {
        "random-0_B_seed0_first": ["random-0_baseB_seed0"],
        "random-0_B_seed0_copies": ["random-0_B3B_seed0"],
    }
    assert without(cohorts, ids(runs_of("A3B", "B3B", "R1B"))) == ()


def test_cohorts_are_cut_into_what_checkpoints_hold():
    first, copies = make_cohorts(runs_of("R1B", "R2B", "R3B", "baseB", "B3B"))
    one, two, three, base = ids(runs_of("R1B", "R2B", "R3B", "baseB"))

    def cut(*held):
        return packed(apart([first, copies], held))

    whole = packed([first, copies])
    assert cut() == cut([]) == cut(["other"]) == whole
    assert cut([one, two, three, base, "other"]) == whole
    # One was added since; the order of the runs says who keeps the name.
    name = first.cohort_id
    rest = {copies.cohort_id: ids(copies.runs)}
    assert cut([two, three, base]) == {
        name: [one],
        f"{name}_R2B": [two, three, base],
        **rest,
    }
    # What comes first counts.
    assert cut([one, base], [base, two, three], [one]) == {
        name: [one, base],
        f"{name}_R2B": [two, three],
        **rest,
    }
    parts = apart([first], [[one, base], [two]])
    assert [part.cohort_id for part in parts] == [name, f"{name}_R2B", f"{name}_R3B"]
    assert apart(parts, [[one, base], [two]]) == parts


def test_ready_are_those_whose_bases_are_not_waited_for():
    cohorts = make_cohorts(runs_of("A3B", "B3A", "A3A"))

    def names(waiting):
        return [cohort.cohort_id for cohort in ready(cohorts, waiting)]

    first = ["random-0_A_seed0_first", "random-0_B_seed0_first"]
    to_b, to_a = "random-0_B_seed0_copies", "random-0_A_seed0_copies"
    both = {"random-0_baseA_seed0", "random-0_baseB_seed0"}
    assert names(both) == first
    # A3A is in one cohort with B3A and needs baseA.
    assert names({"random-0_baseA_seed0"}) == first
    assert names({"random-0_baseB_seed0"}) == [*first, to_b]
    assert names(set()) == [*first, to_b, to_a]


def test_work_of_one_step_by_hand():
    network = get_network("mini", widths=(4, 6, 8, 10, 12, 14, 16))
    # conv1..fc8: 76800, 13824, 6912, 11520, 17280, 672, 224, 80 (five classes).
    total = 127_312

    def work(*treatments):
        return multiply_accumulates(
            runs_of(*treatments, with_bases=False), network, 32, 5
        )

    assert work("baseB") == 3 * total - 76_800
    assert work("A3B+") == 3 * total - 76_800
    trained = 3 * (11_520 + 17_280 + 672 + 224 + 80) - 11_520
    assert work("A3B") == 76_800 + 13_824 + 6_912 + trained
    # Frozen layers of one source are computed once, those of another anew.
    assert work("A3B", "A7B") == work("A3B") + 11_520 + 17_280 + 672 + 224 + 2 * 80
    assert work("A3B~2") == work("A3B")
    assert work("A3B", "B3B") == 2 * work("A3B")
