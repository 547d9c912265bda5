"""The named plans against the published networks, one by one."""

import collections

import pytest

from yosinski_tf.experiment import ilsvrc, paper_plans
from yosinski_tf.experiment.runs import make_runs
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import Treatment, parse_treatment
from yosinski_tf.results import published

# Named by the authors' notebook, without a log among the released files.
WITHOUT_A_LOG = {
    *{("random:0", f"B{n}A+") for n in range(1, 8)},
    *{("random:1", f"B{n}A+") for n in range(1, 8)},
    *{("random:1", f"A{n}B+") for n in (1, 5, 6, 7)},
    *{("random:1", f"A{n}A+") for n in (1, 2, 4, 7)},
}


def networks(name):
    return [
        (part.split, str(treatment))
        for part in paper_plans.named_plan(name)
        for treatment in part.treatments
    ]


def name_of(network):
    treatment = Treatment(
        source=network.source_half,
        n=network.n,
        target=network.target_half,
        fine_tuned=network.family.endswith("+"),
    )
    assert treatment.family == network.family
    return network.split, str(treatment)


def test_released_is_every_published_network_and_those_without_a_log():
    planned = networks("released")
    logged = {name_of(network) for network in published.networks()}
    assert len(planned) == len(set(planned)) == 158
    assert len(logged) == 136
    assert set(planned) - logged == WITHOUT_A_LOG
    assert logged <= set(planned)
    assert len(WITHOUT_A_LOG) == 22


def test_released_and_reduced_are_170_networks():
    kinds = collections.Counter()
    for split, name in networks("released") + networks("reduced"):
        treatment = parse_treatment(name)
        if treatment.kind != "base":
            kinds["random" if treatment.kind == "random" else "transfer"] += 1
        elif split.startswith("first:"):
            kinds["reduced"] += 1
        else:
            kinds["whole" if treatment.target == "W" else "half"] += 1
    assert kinds == {
        "half": 10, "transfer": 140, "whole": 1, "reduced": 12, "random": 7
    }  # fmt: skip


def test_fine_tuned_networks_are_as_many_as_the_notebook_read():
    families = collections.Counter(
        parse_treatment(name).family for _, name in networks("released")
    )
    assert families == {
        "base": 11, "BnB": 28, "BnB+": 14, "AnB": 70, "AnB+": 28, "RnB": 7
    }  # fmt: skip


def test_reduced_is_the_published_counts_of_images():
    logged = {name_of(network) for network in published.reduced_networks()}
    assert logged == set(networks("reduced"))


def test_complete_has_both_directions_on_every_split():
    planned = networks("complete")
    assert len(planned) == len(set(planned)) == 298
    assert set(networks("released")) < set(planned)
    for split in ("random:0", "random:1", "random:2", "random:3", "natural_manmade"):
        own = {name for where, name in planned if where == split}
        assert len(own) == 2 + 8 * 7
        swap = str.maketrans("AB", "BA")
        mirrored = {
            name if name.startswith("base") else name.translate(swap) for name in own
        }
        assert mirrored == own


@pytest.mark.parametrize("name", paper_plans.PLANS)
def test_plans_need_no_network_that_they_lack(name):
    wnids = tuple(ilsvrc.class_families())
    whole = make_split("whole", wnids)
    parts = [
        (make_split(p.split, wnids), p.treatments) for p in paper_plans.named_plan(name)
    ]
    alone = make_runs(parts, whole, [0], with_bases=False)
    assert set(make_runs(parts, whole, [0], with_bases=True)) == set(alone)
    assert len({run.run_id for run in alone}) == len(networks(name))
