"""What a cluster that makes a store leaves, and asks of its nodes; without Ray."""

import contextlib

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
