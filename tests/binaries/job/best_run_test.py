"""Which run `best` names, and that it is printed."""

import fabricate
import pytest
from refusals import assert_refused

from yosinski_tf.binaries.job import best_run

# A3B+ is the best copy of half A; on half B it is the second seed.
NETWORKS = [
    *fabricate.results({"baseB": 0.5, "A3B": 0.4, "A3B+": 0.6, "baseA": 0.5}),
    *fabricate.results({"baseB": 0.5, "A3B": 0.4, "A3B+": 0.7}, seed=1),
]


@pytest.mark.parametrize(
    "name, run",
    [
        ("best", "random:0-A3B+-s1"),
        ("best:B", "random:0-A3B+-s1"),
        ("best:A", "random:0-baseA-s0"),
    ],
)
def test_the_run_is_named_with_the_rule_that_chose_it(capsys, name, run):
    assert best_run.find("run", name, NETWORKS, "top1") == run
    assert capsys.readouterr().out == (
        f"Best         {run}: of what the report recommends, the most accurate seed on"
        " the first split\n"
    )


def test_a_half_without_a_network_is_refused():
    words = "--export=best:W needs a finished network of W, found none: train"
    assert_refused(words, best_run.find, "export", "best:W", NETWORKS, "top1")
