"""The features of all stages: which numbers, and how many of them at once."""

import keras
import numpy as np
import pytest

from yosinski_tf.data.batches import pipeline
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.explain import observer
from yosinski_tf.explain.half_images import HalfImages
from yosinski_tf.explain.observer import Observer
from yosinski_tf.models import surgery

NETWORK = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 8))
OPTIONS = {"input_size": 16, "num_classes": 3}
MEAN = [120.0, 110.0, 100.0]


def images(count):
    pixels = np.random.default_rng(count).integers(0, 256, (count, 16, 16, 3), np.uint8)
    half = pipeline.HalfImages(pixels, np.arange(count), np.arange(count) % 3)
    return HalfImages(half, crop_size=16)


@pytest.fixture(scope="module")
def weights():
    made = surgery.initial_weights(NETWORK, 16, 3, "any")
    return {name: 20 * values for name, values in made.items()}


def test_stages_in_turns_have_the_values_of_all_at_once(weights, monkeypatch):
    watcher = Observer(NETWORK, **OPTIONS)
    both = images(30), images(7)
    whole = list(watcher.features(weights, MEAN, *both))
    passes = []
    monkeypatch.setattr(
        HalfImages,
        "batches",
        lambda self, batches=HalfImages.batches: passes.append(1) or batches(self),
    )
    # Stages of 64, 16, 16, 16, 4, 8 and 8 numbers; 37 images of 64 take 9,472 bytes.
    monkeypatch.setattr(observer, "_FEATURE_BYTES", 10_000)
    turns = list(watcher.features(weights, MEAN, *both))
    # First, second to sixth, last: three passes of both groups.
    assert len(passes) == 6
    assert len(whole) == len(turns) == 7
    for one, other in zip(whole, turns, strict=True):
        assert [len(group) for group in other] == [30, 7]
        for alone, together in zip(one, other, strict=True):
            assert alone.dtype == np.float32 and alone.std() > 0
            assert alone == pytest.approx(together, abs=1e-5)


def test_the_classifier_is_not_needed_for_features(weights):
    watcher, few = Observer(NETWORK, **OPTIONS), images(12)
    known = [each.copy() for (each,) in watcher.features(weights, MEAN, few)]
    below = {k: v for k, v in weights.items() if not k.startswith("fc8/")}
    for (found,), expected in zip(
        watcher.features(below, MEAN, few), known, strict=True
    ):
        assert np.array_equal(found, expected)
    # The classifier by hand, on the features of the stage below it.
    logits = known[-1] @ weights["fc8/kernel"] + weights["fc8/bias"]
    expected = np.mean(logits.argmax(1) == np.arange(12) % 3)
    assert watcher.top1(weights, MEAN, few) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("shape", "dimensions"),
    [((32, 32, 4), 4096), ((33, 33, 4), 17 * 17 * 4), ((9, 9, 256), 9 * 256)]
    + [((27, 27, 96), 36 * 96), ((64, 128), 32 * 128), ((9000,), 3000), ((5,), 5)],
)
def test_no_stage_has_more_than_4096_numbers(shape, dimensions):
    assert observer._flat(keras.Input(shape)).shape == (None, dimensions)


def test_large_outputs_are_means_over_neighbouring_places():
    value = np.arange(2 * 70 * 70, dtype=np.float32).reshape(2, 70, 70, 1)
    found = keras.ops.convert_to_numpy(observer._flat(keras.ops.array(value)))
    assert found.shape == (2, 35 * 35)
    assert found[0, :2].tolist() == [(0 + 1 + 70 + 71) / 4, (2 + 3 + 72 + 73) / 4]


def test_the_papers_network_stays_within_4096():
    watcher = Observer(get_network("caffenet"), input_size=227, num_classes=10)
    assert watcher.dimensions == (3456, 4096, 3456, 3456, 2304, 4096, 4096)
    assert watcher.values == (69984, 43264, 64896, 64896, 9216, 4096, 4096)
    # 7,000 images: 115 MB at most of one stage, three passes.
    assert list(watcher._turns(7000)) == [(0, 1), (2, 3, 4), (5, 6)]
