"""`TF_CONFIG`: who is who, and what is refused."""

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
        (None, "wants the environment variable TF_CONFIG, got none: set it on every"),
        ("", "wants the environment variable TF_CONFIG, got none"),
        ("{", "got text that is not JSON"),
        ("[" * 10**5, "got text that is not JSON"),
        ("[]", "got no cluster and task"),
        ('{"cluster": {"worker": ["a:1"]}}', "got no cluster and task"),
        (config({"worker": ["a:1"], "ps": ["b:1"]}), "got tasks of the type 'ps'"),
        (config({"worker": "a:1"}), "got workers that are no list of host:port"),
        (config({"worker": ["a"]}), "got workers that are no list of host:port"),
        (config({"worker": ["a:99999"]}), "got workers that are no list of host:port"),
        (config({"worker": [1]}), "got workers that are no list of host:port"),
        (config({"chief": ["a:1", "b:1"]}, "chief"), "got 2 chiefs"),
        (config({"worker": WORKERS}, index=2), "got the task 'worker' 2, which is not"),
        (config({"worker": WORKERS}, index="0"), "got the task 'worker' '0', which"),
        (config({"worker": WORKERS}, index=True), "got the task 'worker' True, which"),
        (config({"worker": WORKERS}, ["x"]), "got the task .'x'. 0, which is not"),
        (config({}), "got the task 'worker' 0, which is not"),
        (config({"worker": ["a:1", "a:1"]}), "got an address twice"),
    ],
)
def test_other_values_are_refused(text, words):
    with pytest.raises(UserError, match=words):
        parse_cluster(text)


def test_a_cluster_is_told_on_as_it_was_read():
    told = Distribution(
        "multi_worker", None, *parse_cluster(config({"worker": WORKERS}))
    )
    assert parse_cluster(told.tf_config) == (told.workers, told.rank)
    assert not told.follows
    assert Distribution("multi_worker", None, told.workers, 1).follows
