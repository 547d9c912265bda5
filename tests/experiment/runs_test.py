"""Runs, the bases that they need, and cohorts."""

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
from yosinski_tf.experiment.treatments import all_treatments, parse_treatments
from yosinski_tf.system.errors import UserError

NAMES = [f"class{index}" for index in range(8)]
FIRST, SECOND = make_split("random:0", NAMES), make_split("random:1", NAMES)
WHOLE = make_split("whole", NAMES)


def runs_of(treatments, splits=(FIRST,), seeds=(0,), with_bases=True):
    parsed = parse_treatments(treatments.split())
    return runs_on(splits, parsed, seeds, with_bases=with_bases)


def runs_on(splits, treatments, seeds, with_bases=True):
    parts = [(split, treatments) for split in splits]
    return make_runs(parts, WHOLE, seeds, with_bases=with_bases)


def every_run():
    return runs_on([FIRST, SECOND], all_treatments(), [0, 1])


def short(name):
    """An id without the first split and the first seed."""
    return name.replace("random-0_", "").replace("_seed0", "")


def ids(runs):
    return " ".join(short(run.run_id) for run in runs)


def packed(cohorts):
    return {short(cohort.cohort_id): ids(cohort.runs) for cohort in cohorts}


def test_run_ids():
    runs = runs_of("baseB A3B+ R3W", seeds=[7], with_bases=False)
    assert [run.run_id for run in runs] == [
        "random-0_baseB_seed7",
        "whole_R3W_seed7",
        "random-0_A3B+_seed7",
    ]


@pytest.mark.parametrize(
    ("treatments", "base"),
    [
        ("A3B A3B+ A2A+ A3B~1", "random-0_baseA_seed5"),
        ("B3B B2A", "random-0_baseB_seed5"),
        ("baseA baseB baseW R3B R3W", None),
        ("P3A P3B+ P3W P3W+ P3W~1", None),
    ],
)
def test_copies_need_the_base_of_their_source(treatments, base):
    for treatment in parse_treatments(treatments.split()):
        run = Run(FIRST, treatment, 5).base
        assert (run.run_id if run else None) == base
        assert run is None or run.treatment.kind == "base"


@pytest.mark.parametrize(
    ("treatments", "with_bases", "found"),
    [
        ("A3B A4B B3B R1B", True, "baseA baseB R1B A3B A4B B3B"),
        ("A3B", False, "A3B"),
        ("A3B baseA", True, "baseA A3B"),
        ("A3B P3B P3W+", True, "baseA P3B whole_P3W+ A3B"),
    ],
)
def test_bases_are_added_once_and_come_first(treatments, with_bases, found):
    assert ids(runs_of(treatments, with_bases=with_bases)) == found


def test_every_run_comes_after_its_base_in_the_whole_study():
    runs = every_run()
    assert len(runs) == len({run.run_id for run in runs}) == 72 * 2 * 2
    place = {run: index for index, run in enumerate(runs)}
    for run in runs:
        assert run.base is None or place[run.base] < place[run]


def test_the_whole_set_is_run_once_for_all_splits():
    runs = runs_of("baseW R3W P3W baseB", splits=[FIRST, SECOND], seeds=[0, 1])
    assert sorted(ids(runs).split()) == [
        "baseB",
        "baseB_seed1",
        "random-1_baseB",
        "random-1_baseB_seed1",
        "whole_P3W",
        "whole_P3W_seed1",
        "whole_R3W",
        "whole_R3W_seed1",
        "whole_baseW",
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
    assert ids(make_runs(parts, WHOLE, [0], with_bases=True)) == (
        "baseA whole_baseW first-3_baseW first-3_R2W whole_R1W random-1_baseA"
        " random-1_A3B"
    )


@pytest.mark.parametrize("spec", ["whole", "first:2"])
@pytest.mark.parametrize("treatment", ["baseB", "A3B", "R1A", "P1B"])
def test_a_half_of_a_split_without_halves_is_refused(spec, treatment):
    with pytest.raises(UserError, match=f"split {spec} has no half {treatment[-1]}"):
        runs_of(treatment, splits=[make_split(spec, NAMES)])


def test_preserving_runs_need_the_same_base_and_share_its_cohort():
    cohorts = make_cohorts(runs_of("A3B A3B~1 A3B~2 B3B~1"))
    assert packed(cohorts)["B_copies"] == "A3B A3B~1 A3B~2 B3B~1"
    assert ids(cohorts[-1].bases) == "baseA baseB"


def test_copies_of_a_given_network_wait_for_nothing():
    cohorts = make_cohorts(runs_of("A3B P3B P4B+ R1B baseB P3W"))
    assert packed(cohorts) == {
        "A_first": "baseA",
        "B_first": "P3B P4B+ R1B baseB",
        "whole_W_first": "whole_P3W",
        "B_copies": "A3B",
    }
    waiting = [cohort.cohort_id for cohort in cohorts if cohort.bases]
    assert waiting == ["random-0_B_seed0_copies"]


def test_cohorts_share_split_half_seed_and_stage():
    cohorts = make_cohorts(runs_of("A3B B3B+ R1B B3A baseW", splits=[FIRST, SECOND]))
    assert packed(cohorts) == {
        "A_first": "baseA",
        "B_first": "baseB R1B",
        "random-1_A_first": "random-1_baseA",
        "random-1_B_first": "random-1_baseB random-1_R1B",
        "whole_W_first": "whole_baseW",
        "B_copies": "A3B B3B+",
        "A_copies": "B3A",
        "random-1_B_copies": "random-1_A3B random-1_B3B+",
        "random-1_A_copies": "random-1_B3A",
    }
    # Split after split; in each, what others copy from comes first.
    assert [cohort.cohort_id for cohort in cohorts] == [
        "random-0_A_seed0_first",
        "random-0_B_seed0_first",
        "random-0_B_seed0_copies",
        "random-0_A_seed0_copies",
        "whole_W_seed0_first",
        "random-1_A_seed0_first",
        "random-1_B_seed0_first",
        "random-1_B_seed0_copies",
        "random-1_A_seed0_copies",
    ]


def test_what_a_cohort_shares_and_needs():
    cohort = make_cohorts(runs_of("A3B A4B+ B3B", seeds=[9]))[-1]
    assert (cohort.split, cohort.target, cohort.seed) == (FIRST, "B", 9)
    assert ids(cohort.bases) == "baseA_seed9 baseB_seed9"


def test_different_seeds_never_share_a_cohort():
    cohorts = make_cohorts(runs_of("baseB", seeds=[0, 1]))
    assert packed(cohorts) == {"B_first": "baseB", "B_seed1_first": "baseB_seed1"}


def test_cohort_size_cuts_a_cohort_into_parts():
    assert packed(make_cohorts(runs_of("R1B R2B R3B R4B R5B"), cohort_size=2)) == {
        "B_first_0": "R1B R2B",
        "B_first_1": "R3B R4B",
        "B_first_2": "R5B",
    }
    runs = runs_of("R1B R2B")
    assert make_cohorts(runs, cohort_size=2) == make_cohorts(runs)


@pytest.mark.parametrize("size", [None, 1, 2, 5])
def test_no_run_is_lost_or_doubled_by_packing(size):
    runs = every_run()
    cohorts = make_cohorts(runs, size)
    held = [run.run_id for cohort in cohorts for run in cohort.runs]
    assert sorted(held) == sorted(run.run_id for run in runs)
    assert len({cohort.cohort_id for cohort in cohorts}) == len(cohorts)
    assert size is None or max(len(cohort.runs) for cohort in cohorts) <= size


def test_without_drops_runs_and_empty_cohorts_but_keeps_ids():
    runs = runs_of("A3B B3B R1B")
    cohorts = make_cohorts(runs)
    done = {run.run_id for run in runs if short(run.run_id) in ("baseA", "R1B", "A3B")}
    assert packed(without(cohorts, done)) == {"B_first": "baseB", "B_copies": "B3B"}
    assert without(cohorts, {run.run_id for run in runs}) == ()


def test_cohorts_are_cut_into_the_runs_of_each_checkpoint():
    first, copies = make_cohorts(runs_of("R1B R2B R3B baseB B3B"))
    one, two, three, base = (
        run.run_id for run in runs_of("R1B R2B R3B baseB", with_bases=False)
    )

    def cut(*held):
        return packed(apart([first, copies], held))

    whole = {"B_first": "R1B R2B R3B baseB", "B_copies": "B3B"}
    assert cut() == cut([]) == cut(["other"]) == whole
    assert cut([one, two, three, base, "other"]) == whole
    # One run was added since; the first run's part keeps the cohort's id.
    rest = {"B_copies": "B3B"}
    assert cut([two, three, base]) == {
        "B_first": "R1B",
        "B_first_R2B": "R2B R3B baseB",
        **rest,
    }
    # The first checkpoint that holds a run counts.
    assert cut([one, base], [base, two, three], [one]) == {
        "B_first": "R1B baseB",
        "B_first_R2B": "R2B R3B",
        **rest,
    }
    parts = apart([first], [[one, base], [two]])
    assert list(packed(parts)) == ["B_first", "B_first_R2B", "B_first_R3B"]
    assert apart(parts, [[one, base], [two]]) == parts


@pytest.mark.parametrize(
    ("waiting", "found"),
    [
        # A3A is in one cohort with B3A and needs baseA.
        (["baseA", "baseB"], "A_first B_first"),
        (["baseA"], "A_first B_first"),
        (["baseB"], "A_first B_first B_copies"),
        ([], "A_first B_first B_copies A_copies"),
    ],
)
def test_cohorts_are_ready_when_their_bases_are(waiting, found):
    cohorts = make_cohorts(runs_of("A3B B3A A3A"))
    left = ready(cohorts, {f"random-0_{name}_seed0" for name in waiting})
    assert " ".join(packed(left)) == found


def test_work_of_one_step_by_hand():
    network = get_network("mini", widths=(4, 6, 8, 10, 12, 14, 16))
    # conv1..fc8: 76800, 13824, 6912, 11520, 17280, 672, 224, 80 (five classes).
    total = 127_312

    def work(treatments):
        return multiply_accumulates(
            parse_treatments(treatments.split()), network, 32, 5
        )

    assert work("baseB") == 3 * total - 76_800
    assert work("A3B+") == 3 * total - 76_800
    trained = 3 * (11_520 + 17_280 + 672 + 224 + 80) - 11_520
    assert work("A3B") == 76_800 + 13_824 + 6_912 + trained
    # The frozen layers of each source are computed once.
    assert work("A3B A7B") == work("A3B") + 11_520 + 17_280 + 672 + 224 + 2 * 80
    assert work("A3B~2") == work("A3B")
    assert work("A3B B3B") == 2 * work("A3B")
