"""Batches: every image once an epoch, correct crops, starting at any step.

Every pixel of the test images encodes its image, its row and its column.
"""

import dataclasses
import itertools

import numpy as np
import pytest

from yosinski_tf.data.batches.pipeline import (
    HalfImages,
    mean_image,
    mean_pixel,
    on_host,
    order_of,
    prefetched,
    validation_batches,
    without_autotuning,
)
from yosinski_tf.data.batches.pipeline import training_batches as in_order
from yosinski_tf.models.layers import CropScaling

COUNT, SIZE = 23, 12


@pytest.fixture(scope="module")
def half():
    """23 of 46 images in random order; the label is the index modulo 5."""
    images = np.empty((2 * COUNT, SIZE, SIZE, 3), np.uint8)
    images[..., 0] = np.arange(2 * COUNT)[:, None, None]
    images[..., 1] = np.arange(SIZE)[None, :, None] + 100
    images[..., 2] = np.arange(SIZE)[None, None, :] + 100
    indices = np.random.default_rng(0).permutation(2 * COUNT)[:COUNT]
    return HalfImages(images, indices, (indices % 5).astype(np.int32))


@dataclasses.dataclass(frozen=True)
class Seen:
    """The image of a batch and its crop, as decoded from its pixels."""

    index: int
    label: int
    top: int
    left: int
    mirrored: bool


def decode(batches, crop):
    """Decodes every image of the batches; asserts that crops are correct."""
    found = []
    for pixels, labels in batches:
        pixels, labels = pixels.numpy(), labels.numpy()
        assert pixels.dtype == np.uint8 and labels.dtype == np.int32
        assert pixels.shape == (len(labels), crop, crop, 3)
        seen = []
        for image, label in zip(pixels, labels, strict=True):
            mirrored = bool(image[0, 0, 2] > image[0, -1, 2])
            plain = image[:, ::-1] if mirrored else image
            top, left = int(plain[0, 0, 1]) - 100, int(plain[0, 0, 2]) - 100
            index = int(plain[0, 0, 0])
            assert (plain[..., 0] == index).all()
            assert (plain[..., 1] == 100 + top + np.arange(crop)[:, None]).all()
            assert (plain[..., 2] == 100 + left + np.arange(crop)[None, :]).all()
            seen.append(Seen(index, int(label), top, left, mirrored))
        found.append(seen)
    return found


def training_batches(half, *, crop_size, mirror, seed, **options):
    order = order_of(half, crop_size=crop_size, mirror=mirror, seed=seed)
    return in_order(half, order, **options)


def train(half, first=0, last=10, **changes):
    options = {"batch_size": 8, "crop_size": 9, "mirror": True, "seed": 3, **changes}
    batches = training_batches(half, first_step=first, last_step=last, **options)
    return decode(batches, options["crop_size"])


def flat(batches):
    return list(itertools.chain.from_iterable(batches))


def test_number_and_size_of_batches(half):
    assert [len(batch) for batch in train(half, 0, 7)] == [8] * 7
    assert [len(batch) for batch in train(half, 5, 7)] == [8] * 2
    assert train(half, 5, 5) == []


def test_every_image_once_an_epoch_with_its_label(half):
    # 23 batches of 8 are 8 epochs of 23; epochs end within batches.
    seen = flat(train(half, 0, 23))
    for epoch in range(8):
        one = [each.index for each in seen[epoch * COUNT : (epoch + 1) * COUNT]]
        assert sorted(one) == sorted(half.indices.tolist())
    assert all(each.label == each.index % 5 for each in seen)


def test_epochs_differ_in_order_crops_and_mirroring(half):
    seen = flat(train(half, 0, 23))
    epochs = [seen[epoch * COUNT : (epoch + 1) * COUNT] for epoch in range(8)]
    for one, other in itertools.combinations(epochs, 2):
        assert [s.index for s in one] != [s.index for s in other]
        for what in ("top", "mirrored"):
            by_index = [{s.index: getattr(s, what) for s in e} for e in (one, other)]
            assert by_index[0] != by_index[1]


def test_a_seed_repeats_its_batches_and_another_seed_differs(half):
    assert train(half, 0, 6) == train(half, 0, 6)
    one, other = flat(train(half, 0, 6)), flat(train(half, 0, 6, seed=4))
    assert [s.index for s in one] != [s.index for s in other]
    assert [s.top for s in one] != [s.top for s in other]


@pytest.mark.parametrize("step", [1, 2, 3, 9, 19])
def test_starting_at_a_step_continues_as_if_never_stopped(half, step):
    assert train(half, step, 20) == train(half, 0, 20)[step:]


def test_a_half_on_the_host_gives_the_same_batches(half):
    assert train(on_host(half), 0, 6) == train(half, 0, 6)


def test_crops_cover_all_places_evenly_and_half_are_mirrored(half):
    seen = flat(train(half, 0, 400))
    places = np.zeros((4, 4))
    for s in seen:
        places[s.top, s.left] += 1
    # 3200 draws of 16 places: 200 expected, 13.7 the standard deviation.
    assert places.min() > 130 and places.max() < 270
    # Chi-squared with 15 degrees of freedom is above 45 once in 10,000.
    assert ((places - 200) ** 2 / 200).sum() < 45
    mirrored = np.array([s.mirrored for s in seen])
    assert abs(mirrored.mean() - 0.5) < 0.035
    # Mirroring depends neither on the place of the crop nor on the image.
    top = np.array([s.top for s in seen])
    for row in range(4):
        assert abs(mirrored[top == row].mean() - 0.5) < 0.08
    index = np.array([s.index for s in seen])
    for image in half.indices:
        assert 0.2 < mirrored[index == image].mean() < 0.8


def test_without_mirroring_crops_are_random_and_none_is_mirrored(half):
    seen = flat(train(half, 0, 40, mirror=False))
    assert not any(s.mirrored for s in seen)
    assert {(s.top, s.left) for s in seen} == set(itertools.product(range(4), range(4)))


def test_mirroring_without_cropping(half):
    seen = flat(train(half, 0, 40, crop_size=SIZE))
    assert {(s.top, s.left) for s in seen} == {(0, 0)}
    assert 100 < sum(s.mirrored for s in seen) < 220
    seen = flat(train(half, 0, 6, crop_size=SIZE, mirror=False))
    assert {(s.top, s.left, s.mirrored) for s in seen} == {(0, 0, False)}


def test_validation_sees_each_image_once_in_order_at_its_centre(half):
    batches = decode(validation_batches(half, batch_size=8, crop_size=9), 9)
    assert [len(batch) for batch in batches] == [8, 8, 7]
    assert [s.index for s in flat(batches)] == half.indices.tolist()
    assert [s.label for s in flat(batches)] == half.labels.tolist()
    assert {(s.top, s.left, s.mirrored) for s in flat(batches)} == {(1, 1, False)}


@pytest.mark.parametrize(("crop", "margin"), [(12, 0), (10, 1), (8, 2), (11, 0)])
def test_the_central_crop(half, crop, margin):
    seen = flat(decode(validation_batches(half, batch_size=23, crop_size=crop), crop))
    assert {(s.top, s.left) for s in seen} == {(margin, margin)}


def test_validation_repeats(half):
    batches = validation_batches(on_host(half), batch_size=10, crop_size=10)
    assert decode(batches, 10) == decode(batches, 10)


def test_means_of_many_images():
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (5000, 8, 8, 3), np.uint8)
    half = HalfImages(images, np.arange(0, 5000, 2), np.zeros(2500, np.int32))
    pixel = images[::2].astype(np.int64).sum((0, 1, 2)) / (2500 * 64)
    assert mean_pixel(half) == tuple(pixel.tolist())
    image = images[::2].mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(mean_image(half), image, rtol=1e-6)


OPTIONS = {"batch_size": 8, "mirror": True, "seed": 3, "first_step": 0, "last_step": 20}


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("crop", [9, SIZE])
def test_places_are_where_crops_were_taken(half, crop, mirror):
    options = {**OPTIONS, "crop_size": crop, "mirror": mirror}
    plain = training_batches(half, **options)
    batches = list(training_batches(half, **options, places=True))
    places = np.concatenate([place.numpy() for (_, place), _ in batches])
    assert places.dtype == np.int32
    seen = flat(decode([(pixels, labels) for (pixels, _), labels in batches], crop))
    assert [[s.top, s.left, int(s.mirrored)] for s in seen] == places.tolist()
    # The batches are the same without places.
    assert flat(decode(plain, crop)) == seen


def test_the_central_crops_place(half):
    batches = list(validation_batches(half, batch_size=8, crop_size=9, places=True))
    assert [len(places) for (_, places), _ in batches] == [8, 8, 7]
    for (_, places), _ in batches:
        assert places.numpy().dtype == np.int32
        assert (places.numpy() == [1, 1, 0]).all()


@pytest.mark.parametrize("which", ["training", "validation"])
def test_the_mean_image_is_subtracted_where_the_crop_was_taken(half, which):
    """Rows and columns are the same in all images, so nothing of them is left."""
    mean = mean_image(half)
    if which == "training":
        batches = training_batches(half, **OPTIONS, crop_size=9, places=True)
    else:
        batches = validation_batches(half, batch_size=8, crop_size=9, places=True)
    scaling, left = CropScaling(mean, 1.0), set()
    for (pixels, places), _ in batches:
        rest = np.asarray(scaling(pixels, places))
        index = pixels[..., 0].numpy()
        np.testing.assert_allclose(rest[..., 0] + mean[0, 0, 0], index, atol=1e-5)
        assert not rest[..., 1:].any()
        left |= {tuple(place) for place in places.numpy().tolist()}
    # 4 x 4 places, mirrored and not; chance may miss a few.
    assert len(left) > 25 if which == "training" else left == {(1, 1, 0)}


def test_means_are_exactly_those_of_the_half(half):
    # Rows and columns 100..111 have the mean 105.5.
    assert mean_pixel(half) == (half.indices.sum() / COUNT, 105.5, 105.5)
    mean = mean_image(half)
    assert mean.dtype == np.float32 and mean.shape == (SIZE, SIZE, 3)
    assert (mean[..., 0] == np.float32(half.indices.sum() / COUNT)).all()
    assert (mean[..., 1] == 100 + np.arange(SIZE)[:, None]).all()
    assert (mean[..., 2] == 100 + np.arange(SIZE)[None, :]).all()


@pytest.mark.parametrize("function", [without_autotuning, prefetched])
def test_batches_are_the_same_without_autotuning(half, function):
    batches = validation_batches(half, batch_size=8, crop_size=SIZE)
    assert function(batches).options().autotune.enabled is False
    assert decode(function(batches), SIZE) == decode(batches, SIZE)
