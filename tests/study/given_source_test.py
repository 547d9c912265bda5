"""The copy of a given network in a study folder."""

import numpy as np
import pytest
from refusals import assert_refused

from yosinski_tf.study import given_source

WEIGHTS = {
    "conv/kernel": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
    "norm/moving_mean": np.array([0.5, -0.5], np.float32),
}
MEANS = [
    None,
    np.array([1, 2, 3], np.float32),
    np.arange(12, dtype=np.float32).reshape(2, 2, 3),
]


@pytest.mark.parametrize("mean", MEANS, ids=["no mean", "pixel", "image"])
def test_what_is_saved_is_read(tmp_path, mean):
    source = given_source.make_source("file:a b.keras", WEIGHTS, mean)
    given_source.save(tmp_path, source)
    found = given_source.read(tmp_path)
    assert (found.spec, found.sha256) == ("file:a b.keras", source.sha256)
    assert found.weights.keys() == WEIGHTS.keys()
    for name, values in WEIGHTS.items():
        assert found.weights[name].tobytes() == values.tobytes()
    if mean is None:
        assert found.mean is None
    else:
        assert found.mean.shape == mean.shape
        assert found.mean.tobytes() == mean.tobytes()


def test_the_description_is_read_without_the_weights(tmp_path):
    assert given_source.read_description(tmp_path) is None
    source = given_source.make_source("file:a b.keras", WEIGHTS)
    given_source.save(tmp_path, source)
    (tmp_path / "source" / "weights.npz").unlink()
    found = given_source.read_description(tmp_path)
    assert (found.spec, found.sha256) == ("file:a b.keras", source.sha256)
    (tmp_path / "source" / "source.json").write_text("[1]")
    assert given_source.read_description(tmp_path) is None


def test_the_digest_is_that_of_weights_and_mean():
    def digest(weights=WEIGHTS, mean=None, spec="file:a"):
        return given_source.make_source(spec, weights, mean).sha256

    moved = {**WEIGHTS, "norm/moving_mean": np.array([0.5, -0.4], np.float32)}
    assert len({digest(), digest(moved), *map(digest, [WEIGHTS] * 2, MEANS[1:])}) == 4
    assert digest(spec="file:b") == digest()


def change_weights(folder):
    moved = {**WEIGHTS, "norm/moving_mean": np.array([0.5, -0.4], np.float32)}
    np.savez(folder / "weights.npz", **moved)


def truncate(folder):
    path = folder / "weights.npz"
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize(
    "damage, why",
    [
        (change_weights, "do not have the digest"),
        (truncate, "cannot read weights"),
        (lambda folder: np.save(folder / "mean.npy", MEANS[1] + 1), "the digest"),
        (lambda folder: (folder / "mean.npy").write_bytes(b"x"), ""),
        (lambda folder: (folder / "mean.npy").unlink(), "do not have the digest"),
        (lambda folder: (folder / "source.json").unlink(), "No such file"),
        (lambda folder: (folder / "source.json").write_text("{}"), "spec"),
        (lambda folder: (folder / "source.json").write_text("[]"), ""),
    ],
)
def test_a_damaged_copy_is_refused(tmp_path, damage, why):
    given_source.save(tmp_path, given_source.make_source("file:a", WEIGHTS, MEANS[1]))
    damage(tmp_path / "source")
    words = f"cannot read the copy of the source in .*{why}.*: restore it, or choose"
    assert_refused(words, given_source.read, tmp_path)
