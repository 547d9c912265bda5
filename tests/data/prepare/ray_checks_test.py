"""What a cluster that makes a store leaves, and asks of its nodes; without Ray."""

import contextlib
import os
import types

import pytest

from yosinski_tf.data.prepare import ray_shards
from yosinski_tf.system import ray_cluster
from yosinski_tf.system.errors import UserError


def test_without_a_cluster_no_file_is_left(tmp_path, monkeypatch):
    @contextlib.contextmanager
    def connected(*unused, **options):
        raise UserError("needs a Ray cluster")
        yield

    monkeypatch.setattr(ray_cluster, "check", lambda address: None)
    monkeypatch.setattr(ray_cluster, "connected", connected)
    run = ray_shards.ray_runner("host:1", 1)
    with pytest.raises(UserError, match="needs a Ray cluster"):
        run([], print, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["yosinski_tf", "pillow", "array_record", "numpy"])
def test_a_node_must_have_what_writes_the_same_bytes(tmp_path, name):
    token = tmp_path / "token"
    token.write_text("abc")
    ours = ray_shards._versions()
    images = types.SimpleNamespace(file_names=(), stamps=())
    task = types.SimpleNamespace(images=images)
    ray_shards._check_node(task, ray_shards._Sight(token, "abc", ours))
    other = {**ours, name: "another"}
    with pytest.raises(UserError) as refused:
        ray_shards._check_node(task, ray_shards._Sight(token, "abc", other))
    assert str(refused.value) == (
        f"--engine=ray needs the same {name} on all nodes, found {ours[name]} on"
        f" {os.uname().nodename} and another on that of the command: install the same"
        " there"
    )
