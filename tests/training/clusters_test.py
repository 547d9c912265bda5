"""`TF_CONFIG`: the addresses it gives, and what is refused."""

import json

import pytest

from yosinski_tf.system.errors import UserError
from yosinski_tf.training.clusters import Distribution, parse_cluster

WORKERS = ["host0:2222", "host1:2222"]


def config(cluster, kind="worker", index=0):
    task = {"type": kind, "index": index}
    return json.dumps({"cluster": cluster, "task": task})


@pytest.mark.parametrize(
    ("cluster", "kind", "index", "addresses", "rank"),
    [
        ({"worker": WORKERS}, "worker", 0, ("host0:2222", "host1:2222"), 0),
        ({"worker": WORKERS}, "worker", 1, ("host0:2222", "host1:2222"), 1),
        ({"worker": ["a:1"]}, "worker", 0, ("a:1",), 0),
        ({"worker": WORKERS, "chief": ["c:1"]}, "chief", 0, ("c:1", *WORKERS), 0),
        ({"worker": WORKERS, "chief": ["c:1"]}, "worker", 1, ("c:1", *WORKERS), 2),
    ],
)
def test_the_chief_comes_first(cluster, kind, index, addresses, rank):
    assert parse_cluster(config(cluster, kind, index)) == (addresses, rank)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "none: set it on every worker"),
        ("", "none: set it on every worker"),
        ("{", "text that is not JSON"),
        ("[" * 10**5, "text that is not JSON"),
        ("[]", "no cluster and task"),
        ('{"cluster": {"worker": ["a:1"]}}', "no cluster and task"),
        (config({"worker": ["a:1"], "ps": ["b:1"]}), "tasks of the type 'ps'"),
        (config({"worker": "a:1"}), "workers that are no list of host:port"),
        (config({"worker": ["a"]}), "workers that are no list of host:port"),
        (config({"worker": ["a:99999"]}), "workers that are no list of host:port"),
        (config({"worker": [1]}), "workers that are no list of host:port"),
        (config({"chief": ["a:1", "b:1"]}, "chief"), "2 chiefs"),
        (config({"worker": WORKERS}, index=2), "the task 'worker' 2, which is not"),
        (config({"worker": WORKERS}, index="0"), "the task 'worker' '0', which"),
        (config({"worker": WORKERS}, index=True), "the task 'worker' True, which"),
        (config({"worker": WORKERS}, ["x"]), "the task .'x'. 0, which is not"),
        (config({}), "the task 'worker' 0, which is not"),
        (config({"worker": ["a:1", "a:1"]}), "an address twice"),
    ],
)
def test_other_values_are_refused(text, words):
    with pytest.raises(UserError, match=f"TF_CONFIG.* found {words}"):
        parse_cluster(text)


def test_a_cluster_is_written_as_it_was_read():
    read = parse_cluster(config({"worker": WORKERS}))
    chief = Distribution("multi_worker", None, *read)
    assert parse_cluster(chief.tf_config) == read
    assert not chief.follows
    assert Distribution("multi_worker", None, chief.workers, 1).follows
