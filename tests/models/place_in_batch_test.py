"""Where the place in a batch does not matter, images may change places."""

import dataclasses

import numpy as np
import pytest
import tiny_keras
from tiny import NETWORK, RECIPE

from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.models.cohort import build_cohort
from yosinski_tf.models.cohort_graph import Extractor, Member
from yosinski_tf.models.feature_rule import KeptFeatures
from yosinski_tf.models.place_in_batch import place_matters
from yosinski_tf.models.surgery import initial_weights

SIZES = (1, 2, 3, 5, 6, 7, 8, 10, 13, 20, 32)
WIDE = get_network("mini", widths=(8, 8, 16, 16, 16, 48, 32), dropout=0.0)


def of_size(batch_size):
    return dataclasses.replace(RECIPE, batch_size=batch_size)


def make_extractor(network, kept):
    """The extractor of a real cohort, with first weights."""
    model = build_cohort(
        network,
        [Member("net", "trunk", 7, "net")],
        input_size=16,
        num_classes=5,
        mean=(120, 120, 120),
        kept={"trunk": KeptFeatures(kept, "tried")},
    )
    model.assign("net", initial_weights(network, 16, 5, "net"))
    return model.extractors[0]


@pytest.mark.parametrize("network, kept", [(NETWORK, (2, 6)), (WIDE, (3, 7))])
def test_where_the_place_does_not_matter_images_may_change_places(network, kept):
    extractor = make_extractor(network, kept)
    random = np.random.default_rng(0)
    for size in SIZES:
        if place_matters(network, of_size(size), kept):
            continue
        for _ in range(5):
            images = random.integers(0, 256, (size, 16, 16, 3), np.uint8)
            order = random.permutation(size)
            found, moved = (extractor.outputs([x]) for x in (images, images[order]))
            for one, other in zip(found, moved, strict=True):
                assert one[order].tobytes() == other.tobytes(), size


@pytest.mark.parametrize("point, place", [(0, 0), (1, 5), (1, 3)])
@pytest.mark.parametrize(
    "make, kept",
    [(lambda: NETWORK, (2, 6)), (tiny_keras.resnet, (1, 3))],
    ids=["mini", "resnet"],
)
def test_one_bit_of_one_value_is_seen(monkeypatch, make, kept, point, place):
    network = make()
    assert not place_matters(network, of_size(1), kept)
    outputs = Extractor.outputs

    def changed(self, inputs):
        found = [values.copy() for values in outputs(self, inputs)]
        values = found[point][place].reshape(-1)
        values[0] = np.nextafter(values[0], np.float32(np.inf))
        return found

    monkeypatch.setattr(Extractor, "outputs", changed)
    assert place_matters(network, of_size(6), kept)
