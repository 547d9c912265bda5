"""Copying layers, initial values, digests."""

import dataclasses
import io
import pathlib
import zipfile

import numpy as np
import pytest

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.treatments import (
    all_treatments,
    parse_treatment,
    parse_treatments,
)
from yosinski_tf.models import surgery
from yosinski_tf.system.errors import UserError

NETWORK = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 8))
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")


def fresh(identity, num_classes=5):
    """Random weights, biases too."""
    weights = surgery.initial_weights(NETWORK, 32, num_classes, identity)
    random = np.random.default_rng(len(identity))
    for name in weights:
        if name.endswith("bias"):
            weights[name] = random.random(weights[name].shape, np.float32)
    return weights


def same(one, other):
    return one.dtype == other.dtype == np.float32 and one.tobytes() == other.tobytes()


def test_the_first_filters_are_those_of_the_first_layer_that_sees_colours():
    weights = {
        "scale/gamma": np.ones(3),
        "stem/kernel": np.ones((5, 5, 3, 8)),
        "stem/bias": np.ones(8),
        "later/kernel": np.ones((1, 1, 3, 2)),
    }
    name, kernel = surgery.first_filters(weights)
    assert name == "stem"
    assert kernel.shape == (5, 5, 3, 8)
    # A vision transformer may cut patches without a convolution.
    assert surgery.first_filters({"patches/kernel": np.ones((48, 8))}) is None


PRESERVING = parse_treatments(["A1B~1", "A3B~1", "A3B~2", "B5B~2", "B1B~6"])


@pytest.mark.parametrize("treatment", [*all_treatments(["B"]), *PRESERVING], ids=str)
def test_exactly_the_first_n_layers_and_preserved_ones_are_copied(treatment):
    own, source = fresh("own"), fresh("source!")
    started = surgery.starting_weights(treatment, NETWORK, own, source)
    copied, kept = (
        [
            layer
            for layer in LAYERS
            if all(
                same(started[f"{layer}/{part}"], origin[f"{layer}/{part}"])
                for part in ("kernel", "bias")
            )
        ]
        for origin in (source, own)
    )
    count = treatment.n + treatment.preserved
    assert copied == list(LAYERS[:count])
    assert kept == list(LAYERS[count:])
    assert list(started) == list(own)


def test_a_base_keeps_its_own_weights_and_needs_no_source():
    own = fresh("own")
    started = surgery.starting_weights(parse_treatment("baseB"), NETWORK, own, None)
    assert started == own


def test_layers_are_copied_by_name_in_any_order():
    own, source = fresh("own"), fresh("source!")
    backwards = dict(reversed(source.items()))
    copied = surgery.transplant(own, backwards, ["conv4"])
    assert same(copied["conv4/kernel"], source["conv4/kernel"])
    # conv3 has the same shape and is not copied.
    assert same(copied["conv3/kernel"], own["conv3/kernel"])


def test_copying_changes_neither_network():
    own, source = fresh("own"), fresh("source!")
    before = surgery.digest(own, LAYERS), surgery.digest(source, LAYERS)
    copied = surgery.transplant(own, source, LAYERS)
    copied["conv1/kernel"][:] = 0
    assert (surgery.digest(own, LAYERS), surgery.digest(source, LAYERS)) == before


def test_layers_that_are_not_copied_may_differ_or_be_missing():
    source = fresh("source!", num_classes=7)
    copied = surgery.transplant(fresh("own"), source, LAYERS[:7])
    assert same(copied["fc7/kernel"], source["fc7/kernel"])
    del source["fc8/kernel"], source["fc8/bias"]
    assert surgery.transplant(fresh("own"), source, LAYERS[:7]).keys() == copied.keys()


def test_another_shape_is_refused():
    source = fresh("source!", num_classes=7)
    words = r"fc8/bias .* found \(5,\) in the receiving one and \(7,\) in"
    with pytest.raises(UserError, match=words):
        surgery.transplant(fresh("own"), source, ["fc8"])


@pytest.mark.parametrize("part", ["kernel", "bias"])
@pytest.mark.parametrize("side", ["source", "receiving"])
def test_a_missing_layer_is_refused(side, part):
    networks = {"receiving": fresh("own"), "source": fresh("source!")}
    del networks[side][f"conv2/{part}"]
    with pytest.raises(UserError, match=f"conv2/{part} .* None in the {side}"):
        surgery.transplant(networks["receiving"], networks["source"], LAYERS[:3])


def test_initial_weights_have_the_networks_shapes_spread_and_zero_biases():
    network = get_network("mini", widths=(64, 64, 64, 64, 64, 128, 128))
    network = dataclasses.replace(network, weight_gain=2.0)
    weights = surgery.initial_weights(network, 32, 5, "any")
    assert list(weights) == [f"{n}/{p}" for n in LAYERS for p in ("kernel", "bias")]
    assert weights["conv2/kernel"].shape == (3, 3, 64, 64)
    assert all(values.dtype == np.float32 for values in weights.values())
    assert not any(weights[f"{name}/bias"].any() for name in LAYERS)
    # sqrt(gain / inputs), gain 2: 9 * 64 inputs; 2 * 2 * 64 inputs.
    assert weights["conv2/kernel"].std() == pytest.approx(0.0589, rel=0.02)
    assert weights["fc6/kernel"].std() == pytest.approx(0.0884, rel=0.02)
    assert abs(weights["conv2/kernel"].mean()) < 0.001


def test_initial_weights_repeat_and_differ_between_runs_and_layers():
    one, again, other = (
        surgery.initial_weights(NETWORK, 32, 5, name) for name in ("a", "a", "b")
    )
    assert surgery.digest(one, LAYERS) == surgery.digest(again, LAYERS)
    for layer in LAYERS:
        assert not np.any(one[f"{layer}/kernel"] == other[f"{layer}/kernel"])
    # Both have the same shape.
    assert not np.any(one["conv3/kernel"] == one["conv4/kernel"])


def test_initial_weights_of_a_layer_do_not_depend_on_the_other_layers():
    wider = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 16), dropout=0.1)
    one, other = (surgery.initial_weights(n, 32, 5, "run") for n in (NETWORK, wider))
    assert surgery.digest(one, LAYERS[:6]) == surgery.digest(other, LAYERS[:6])


def test_seeds_depend_on_every_part_and_their_order():
    seeds = [
        surgery.derive_seed(*parts)
        for parts in (("a", "b"), ("b", "a"), ("ab",), ("a", "b", ""), ("a", 1), ("a",))
    ]
    assert len(set(seeds)) == 6
    assert all(0 <= seed < 2**31 for seed in seeds)
    # SHA-256 of a, NUL, b begins with 59b271ae: stored runs depend on it.
    assert seeds[0] == 0x59B271AE >> 1


def test_digest_changes_with_any_weight_of_a_named_layer_and_with_no_other():
    weights = fresh("own")
    before = {layer: surgery.digest(weights, [layer]) for layer in LAYERS}
    all_before = surgery.digest(weights, LAYERS)
    for name in weights:
        changed = {key: values.copy() for key, values in weights.items()}
        flat = changed[name].reshape(-1)
        flat[-1] = np.nextafter(flat[-1], np.float32(9))
        moved = {x for x in LAYERS if surgery.digest(changed, [x]) != before[x]}
        assert moved == {name.split("/")[0]}
        assert surgery.digest(changed, LAYERS) != all_before


def test_digest_depends_on_names_and_shapes_of_layers():
    weights = fresh("own")
    swapped = {**weights}
    swapped["conv3/kernel"] = weights["conv4/kernel"]
    swapped["conv4/kernel"] = weights["conv3/kernel"]
    assert surgery.digest(swapped, LAYERS) != surgery.digest(weights, LAYERS)
    reshaped = {**weights, "fc7/kernel": weights["fc7/kernel"].reshape(4, 16)}
    assert surgery.digest(reshaped, ["fc7"]) != surgery.digest(weights, ["fc7"])


def test_digest_does_not_depend_on_order_or_memory_layout():
    weights = fresh("own")
    other = {
        name: np.asfortranarray(values).astype(">f4")
        for name, values in reversed(weights.items())
    }
    assert surgery.digest(other, LAYERS[2::-1]) == surgery.digest(weights, LAYERS[:3])


def test_stored_weights_are_read_back(tmp_path):
    weights = fresh("own")
    np.savez(tmp_path / "weights.npz", **weights)
    read = surgery.read_weights(tmp_path / "weights.npz")
    assert surgery.digest(read, LAYERS) == surgery.digest(weights, LAYERS)
    assert read.keys() == weights.keys()


def saved(write, *arrays, **named):
    buffer = io.BytesIO()
    write(buffer, *arrays, **named)
    return buffer.getvalue()


def zipped(name, data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, data)
    return buffer.getvalue()


GOOD = saved(np.savez, **fresh("own"))
OBJECTS = np.array([pathlib], dtype=object)[:0]
BROKEN = {
    "missing": None,
    "empty": b"",
    "garbage": b"garbage",
    "zip start": b"PK\x03\x04garbage",
    "no end": GOOD[:-50],
    "cut": GOOD[:100],
    "bit flip": GOOD[:300] + bytes([GOOD[300] ^ 255]) + GOOD[301:],
    "one array": saved(np.save, np.zeros(3)),
    "pickle": saved(np.savez, **{"conv1/kernel": OBJECTS}),
    "no array in a zip": zipped("conv1/kernel.npy", b"no array"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_broken_or_missing_weights_are_refused(tmp_path, data):
    path = tmp_path / "weights.npz"
    if data is not None:
        path.write_bytes(data)
    why = "it is damaged" if data is not None else "No such file or directory"
    words = f"cannot read weights from .*weights.npz .{why}.: delete the run's folder"
    with pytest.raises(UserError, match=words):
        surgery.read_weights(path)


def test_initial_weights_of_caffenet_are_the_released_ones():
    network = get_network("caffenet")
    weights = surgery.initial_weights(network, 227, 500, "any")
    deviations = (0.01, 0.01, 0.01, 0.01, 0.01, 0.005, 0.005, 0.01)
    biases = (0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0)
    for layer, deviation, bias in zip(LAYERS, deviations, biases, strict=True):
        assert round(float(weights[f"{layer}/kernel"].std()), 4) == deviation
        assert set(weights[f"{layer}/bias"].tolist()) == {bias}
    assert weights["conv2/kernel"].shape == (5, 5, 48, 256)
    assert weights["fc6/kernel"].shape == (9216, 4096)
