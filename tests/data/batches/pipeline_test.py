"""Batches: every image once an epoch, true crops, any step at any time.

Every pixel of the made-up images tells its image, its row and its column.
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
    placed,
    training_batches,
    validation_batches,
    without_autotuning,
)
from yosinski_tf.models.layers import CropScaling

COUNT, SIZE = 23, 12


@pytest.fixture(scope="module")
def part():
    """23 of 46 images, in no order; the label is the index modulo 5."""
    images = np.empty((2 * COUNT, SIZE, SIZE, 3), np.uint8)
    images[..., 0] = np.arange(2 * COUNT)[:, None, None]
    images[..., 1] = np.arange(SIZE)[None, :, None] + 100
    images[..., 2] = np.arange(SIZE)[None, None, :] + 100
    indices = np.random.default_rng(0).permutation(2 * COUNT)[:COUNT]
    return HalfImages(images, indices, (indices % 5).astype(np.int32))


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a batch's image turns out to be."""

    index: int
    label: int
    top: int
    left: int
    mirrored: bool


def decode(batches, crop):
    """Every image of the batches as what it is; asserts that crops are true."""
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


def train(part, first=0, last=10, **changes):
    options = {"batch_size": 8, "crop_size": 9, "mirror": True, "seed": 3, **changes}
    batches = training_batches(part, first_step=first, last_step=last, **options)
    return decode(batches, options["crop_size"])


def flat(batches):
    return list(itertools.chain.from_iterable(batches))


def test_number_and_size_of_batches(part):
    assert [len(batch) for batch in train(part, 0, 7)] == [8] * 7
    assert [len(batch) for batch in train(part, 5, 7)] == [8] * 2
    assert train(part, 5, 5) == []


def test_every_image_once_an_epoch(part):
    # 23 batches of 8 are 8 epochs of 23; epochs end within batches.
    order = [seen.index for seen in flat(train(part, 0, 23))]
    for epoch in range(8):
        one = order[epoch * COUNT : (epoch + 1) * COUNT]
        assert sorted(one) == sorted(part.indices.tolist())


def test_epochs_differ_in_order_crops_and_mirroring(part):
    seen = flat(train(part, 0, 23))
    epochs = [seen[epoch * COUNT : (epoch + 1) * COUNT] for epoch in range(8)]
    for one, other in itertools.combinations(epochs, 2):
        assert [s.index for s in one] != [s.index for s in other]
        for what in ("top", "mirrored"):
            by_index = [{s.index: getattr(s, what) for s in e} for e in (one, other)]
            assert by_index[0] != by_index[1]


def test_labels_belong_to_their_images(part):
    for seen in flat(train(part, 0, 23)):
        assert seen.label == seen.index % 5


def test_the_same_seed_repeats_and_another_differs(part):
    assert train(part, 0, 6) == train(part, 0, 6)
    one, other = flat(train(part, 0, 6)), flat(train(part, 0, 6, seed=4))
    assert [s.index for s in one] != [s.index for s in other]
    assert [s.top for s in one] != [s.top for s in other]


@pytest.mark.parametrize("step", [1, 2, 3, 9, 19])
def test_starting_at_a_step_continues_as_if_never_stopped(part, step):
    assert train(part, step, 20) == train(part, 0, 20)[step:]


def test_a_part_on_the_host_gives_the_same_batches(part):
    assert train(on_host(part), 0, 6) == train(part, 0, 6)


def test_crops_cover_all_places_evenly_and_half_are_mirrored(part):
    seen = flat(train(part, 0, 400))
    places = np.zeros((4, 4))
    for s in seen:
        places[s.top, s.left] += 1
    # 3200 draws of 16 places: 200 expected, 13.7 the standard deviation.
    assert places.min() > 130 and places.max() < 270
    # Chi-squared with 15 degrees of freedom is above 45 once in 10,000.
    assert ((places - 200) ** 2 / 200).sum() < 45
    mirrored = np.array([s.mirrored for s in seen])
    assert abs(mirrored.mean() - 0.5) < 0.035
    # Neither goes with the place in the crop nor with the image.
    top = np.array([s.top for s in seen])
    for row in range(4):
        assert abs(mirrored[top == row].mean() - 0.5) < 0.08
    index = np.array([s.index for s in seen])
    for image in part.indices:
        assert 0.2 < mirrored[index == image].mean() < 0.8


def test_without_mirroring_crops_are_random_and_none_is_mirrored(part):
    seen = flat(train(part, 0, 40, mirror=False))
    assert not any(s.mirrored for s in seen)
    assert {(s.top, s.left) for s in seen} == set(itertools.product(range(4), range(4)))


def test_mirroring_without_cropping(part):
    seen = flat(train(part, 0, 40, crop_size=SIZE))
    assert {(s.top, s.left) for s in seen} == {(0, 0)}
    assert 100 < sum(s.mirrored for s in seen) < 220


def test_without_either_images_are_whole(part):
    seen = flat(train(part, 0, 6, crop_size=SIZE, mirror=False))
    assert {(s.top, s.left, s.mirrored) for s in seen} == {(0, 0, False)}


def test_validation_sees_each_image_once_in_order_at_its_centre(part):
    batches = decode(validation_batches(part, batch_size=8, crop_size=9), 9)
    assert [len(batch) for batch in batches] == [8, 8, 7]
    assert [s.index for s in flat(batches)] == part.indices.tolist()
    assert [s.label for s in flat(batches)] == part.labels.tolist()
    assert {(s.top, s.left, s.mirrored) for s in flat(batches)} == {(1, 1, False)}


@pytest.mark.parametrize(("crop", "margin"), [(12, 0), (10, 1), (8, 2), (11, 0)])
def test_the_central_crop(part, crop, margin):
    seen = flat(decode(validation_batches(part, batch_size=23, crop_size=crop), crop))
    assert {(s.top, s.left) for s in seen} == {(margin, margin)}


def test_validation_repeats(part):
    batches = validation_batches(on_host(part), batch_size=10, crop_size=10)
    assert decode(batches, 10) == decode(batches, 10)


def test_mean_pixel_is_exact_and_of_the_part_alone(part):
    # Rows and columns 100..111 have the mean 105.5.
    mean = mean_pixel(part)
    assert mean == (part.indices.sum() / COUNT, 105.5, 105.5)


def test_mean_pixel_of_many_images():
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (5000, 8, 8, 3), np.uint8)
    indices = np.arange(0, 5000, 2)
    part = HalfImages(images, indices, np.zeros(2500, np.int32))
    wanted = images[::2].astype(np.int64).sum((0, 1, 2)) / (2500 * 64)
    assert mean_pixel(part) == tuple(wanted.tolist())


OPTIONS = {"batch_size": 8, "mirror": True, "seed": 3, "first_step": 0, "last_step": 20}


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("crop", [9, SIZE])
def test_places_are_where_crops_were_taken(part, crop, mirror):
    options = {**OPTIONS, "crop_size": crop, "mirror": mirror}
    plain = training_batches(part, **options)
    placed = list(training_batches(part, **options, places=True))
    told = [place.numpy() for (_, places), _ in placed for place in places]
    assert all(place.dtype == np.int32 for place in told)
    seen = flat(decode([(pixels, labels) for (pixels, _), labels in placed], crop))
    assert [(s.top, s.left, int(s.mirrored)) for s in seen] == [
        tuple(place.tolist()) for place in told
    ]
    # Asking for them changes nothing.
    assert flat(decode(plain, crop)) == seen


def test_the_central_crops_place(part):
    batches = list(validation_batches(part, batch_size=8, crop_size=9, places=True))
    assert [len(places) for (_, places), _ in batches] == [8, 8, 7]
    for (_, places), _ in batches:
        assert places.numpy().dtype == np.int32
        assert (places.numpy() == [1, 1, 0]).all()


@pytest.mark.parametrize("which", ["training", "validation"])
def test_the_mean_image_is_subtracted_where_the_crop_was_taken(part, which):
    """Where a pixel stands is all that the images have in common."""
    mean = mean_image(part)
    if which == "training":
        batches = training_batches(part, **OPTIONS, crop_size=9, places=True)
    else:
        batches = validation_batches(part, batch_size=8, crop_size=9, places=True)
    scaling, left = CropScaling(mean, 1.0), set()
    for (pixels, places), _ in batches:
        rest = np.asarray(scaling(pixels, places))
        index = pixels[..., 0].numpy()
        np.testing.assert_allclose(rest[..., 0] + mean[0, 0, 0], index, atol=1e-5)
        assert not rest[..., 1:].any()
        left |= {tuple(place) for place in places.numpy().tolist()}
    # 4 x 4 places, mirrored and not; some would be missed by chance.
    assert len(left) > 25 if which == "training" else left == {(1, 1, 0)}


def test_mean_image_is_exact_and_of_the_part_alone(part):
    mean = mean_image(part)
    assert mean.dtype == np.float32 and mean.shape == (SIZE, SIZE, 3)
    assert (mean[..., 0] == np.float32(part.indices.sum() / COUNT)).all()
    assert (mean[..., 1] == 100 + np.arange(SIZE)[:, None]).all()
    assert (mean[..., 2] == 100 + np.arange(SIZE)[None, :]).all()


def test_mean_image_of_many_images():
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (5000, 8, 8, 3), np.uint8)
    part = HalfImages(images, np.arange(0, 5000, 2), np.zeros(2500, np.int32))
    wanted = images[::2].mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(mean_image(part), wanted, rtol=1e-6)


@pytest.mark.parametrize("left", [without_autotuning, placed])
def test_a_pipeline_left_as_written_gives_the_same_batches(part, left):
    batches = validation_batches(part, batch_size=8, crop_size=SIZE)
    # Whose iterators were seen to take as long to go away as they had lived.
    assert left(batches).options().autotune.enabled is False
    assert decode(left(batches), SIZE) == decode(batches, SIZE)
