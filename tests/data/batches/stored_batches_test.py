"""Batches from a store are those of the same images in memory, byte for byte."""

import numpy as np
import pytest
import stores
import tensorflow as tf
from PIL import Image

from yosinski_tf.data.batches import pipeline, stored_batches
from yosinski_tf.data.batches.order import EveryView
from yosinski_tf.data.sources import by_name
from yosinski_tf.data.sources.image_set import half_view
from yosinski_tf.system.errors import UserError

SIZE, COUNTS = 24, [13, 11, 12, 9]
OPTIONS = {"batch_size": 5, "seed": 3}


def draw_images(folder, size=SIZE):
    """Writes smooth random images, `COUNTS` for training in each class."""
    random = np.random.default_rng(0)
    for part, counts in (("train", COUNTS), ("val", [3] * len(COUNTS))):
        for index, count in enumerate(counts):
            home = folder / part / f"class{index}"
            home.mkdir(parents=True)
            for image in range(count):
                coarse = random.integers(0, 256, (5, 5, 3), np.uint8)
                smooth = Image.fromarray(coarse).resize((size, size))
                smooth.save(home / f"{image:02d}.png")
    return folder


def make_store(folder, out, **changes):
    options = {"image_size": SIZE, "shard_records": 7, **changes}
    return stores.make(f"folder:{folder}", out / "store", **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def raw(tmp_path_factory, folder):
    return make_store(folder, tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def memory(folder):
    return by_name.load(f"folder:{folder}", image_size=SIZE)


@pytest.fixture(scope="module")
def stored(raw):
    return by_name.load(f"store:{raw.folder}", image_size=SIZE)


def half(data, part="train", classes=(0, 2, 3), first=None):
    labels = np.asarray(getattr(data, f"{part}_labels"))
    images = getattr(data, f"{part}_images")
    return pipeline.HalfImages(images, *half_view(labels, classes, first))


def training_batches(half, *, crop_size, mirror, seed, **options):
    order = pipeline.order_of(half, crop_size=crop_size, mirror=mirror, seed=seed)
    return pipeline.training_batches(half, order, **options)


def training(half, first=0, last=20, crop=17, mirror=True, places=True, **changes):
    batches = training_batches(
        half,
        crop_size=crop,
        mirror=mirror,
        first_step=first,
        last_step=last,
        places=places,
        **{**OPTIONS, **changes},
    )
    return list(batches)


def assert_same(one, other):
    one, other = (tf.nest.flatten(batches) for batches in (one, other))
    assert len(one) == len(other) > 0
    for mine, theirs in zip(one, other, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


@pytest.mark.parametrize("places", [True, False])
@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("crop", [17, SIZE])
def test_training_batches_are_those_of_memory(memory, stored, crop, mirror, places):
    options = {"crop": crop, "mirror": mirror, "places": places}
    # 20 batches of 5 of 34 images: nearly three epochs, ends within batches.
    assert_same(training(half(stored), **options), training(half(memory), **options))


@pytest.mark.parametrize("batch", [1, 64, 100])
def test_batches_of_any_size(memory, stored, batch):
    options = {"batch_size": batch, "last": 3}
    assert_same(training(half(stored), **options), training(half(memory), **options))


@pytest.mark.parametrize("places", [True, False])
@pytest.mark.parametrize("crop", [17, SIZE])
def test_validation_batches_are_those_of_memory(memory, stored, crop, places):
    options = {"batch_size": 4, "crop_size": crop, "places": places}
    mine, theirs = (
        list(pipeline.validation_batches(half(data, "validation"), **options))
        for data in (stored, memory)
    )
    assert_same(mine, theirs)
    # Nine images, each once; the last batch is smaller.
    assert [len(labels) for _, labels in mine] == [4, 4, 1]


@pytest.mark.parametrize("step", [1, 7, 13, 19])
def test_starting_at_a_step_continues_as_if_never_stopped(stored, step):
    assert_same(training(half(stored), first=step), training(half(stored))[step:])


def test_the_number_of_batches_is_known(stored):
    options = {"batch_size": 4, "crop_size": 17}
    batches = pipeline.validation_batches(half(stored, "validation"), **options)
    assert len(batches) == 3
    batches = training_batches(
        half(stored), mirror=True, seed=3, first_step=7, last_step=20, **options
    )
    assert len(batches) == 13


class Counted:
    """Counts the records that are read."""

    def __init__(self, images, monkeypatch):
        # A list, because several threads append.
        self.calls, read = [], images.read

        def counting(indices):
            self.calls.append(len(indices))
            return read(indices)

        monkeypatch.setattr(images, "read", counting)

    @property
    def records(self):
        return sum(self.calls)


@pytest.mark.parametrize("step", [0, 10, 1_000_000])
def test_the_first_batch_takes_as_many_reads_at_any_step(stored, monkeypatch, step):
    counted = Counted(stored.train_images, monkeypatch)
    steps = {"first_step": step, "last_step": step + 1_000_000}
    batches = training_batches(
        half(stored), crop_size=17, mirror=True, **steps, **OPTIONS
    )
    next(iter(batches))
    # A few calls of 25 batches of 5 records are made ahead.
    assert counted.calls[0] == 125 and len(counted.calls) <= 6


def test_a_period_reads_its_own_images_only(stored, monkeypatch):
    counted = Counted(stored.train_images, monkeypatch)
    training(half(stored), first=3, last=16)
    assert counted.records == (16 - 3) * 5


def test_jpeg_is_close_to_memory(folder, memory, tmp_path):
    store = make_store(folder, tmp_path, encoding="jpeg")
    stored = by_name.load(f"store:{store.folder}", image_size=SIZE)
    for mine, theirs in zip(
        training(half(stored)), training(half(memory)), strict=True
    ):
        ((pixels, places), labels), ((others, spots), names) = mine, theirs
        assert (places.numpy() == spots.numpy()).all()
        assert (labels.numpy() == names.numpy()).all()
        difference = pixels.numpy().astype(int) - others.numpy()
        # Two images taken at random are over 60 apart.
        assert 0 < np.abs(difference).mean() < 10


def test_jpeg_is_cropped_as_the_whole_image_is(tmp_path):
    # So large that the decoder skips whole blocks of 16 rows.
    side = 56
    folder = draw_images(tmp_path / "images", side)
    store = make_store(folder, tmp_path, encoding="jpeg", image_size=side)
    stored = by_name.load(f"store:{store.folder}", image_size=side)
    options = {"batch_size": 34, "last": 1}
    ((whole, _), _) = training(half(stored), crop=side, mirror=False, **options)[0]
    ((crops, places), _) = training(half(stored), **options)[0]
    places = places.numpy()
    assert len({tuple(place) for place in places}) > 20 and places[:, 0].max() > 32
    for image, crop, (top, left, flip) in zip(
        whole.numpy(), crops.numpy(), places, strict=True
    ):
        expected = image[top : top + 17, left : left + 17]
        assert (crop == (expected[:, ::-1] if flip else expected)).all()


def test_one_column_more_than_the_crop_is_decoded_if_there_is_one():
    places = tf.constant([[3, 0, 1], [0, 28, 0], [29, 29, 0]])
    np.testing.assert_array_equal(
        stored_batches.decoded_windows(places, 227, 256),
        [[3, 0, 227, 228], [0, 0, 227, 256], [29, 0, 227, 256]],
    )
    np.testing.assert_array_equal(
        stored_batches.decoded_windows(tf.constant([[0, 0]]), 24, 24), [[0, 0, 24, 24]]
    )


@pytest.mark.parametrize(
    ("classes", "first"),
    [((0, 1, 2, 3), None), ((1, 3), None), ((0, 1, 2, 3), 5), ((0, 1, 2, 3), 12)],
)
def test_means_are_those_of_memory_and_read_nothing(
    memory, stored, monkeypatch, classes, first
):
    counted = Counted(stored.train_images, monkeypatch)
    mine, theirs = (half(d, classes=classes, first=first) for d in (stored, memory))
    assert pipeline.mean_pixel(mine) == pipeline.mean_pixel(theirs)
    np.testing.assert_array_equal(
        pipeline.mean_image(mine), pipeline.mean_image(theirs)
    )
    assert counted.records == 0


@pytest.mark.parametrize(
    ("part", "classes"), [("train", (0, 2)), ("validation", (0, 1, 2, 3))]
)
def test_other_means_are_computed_from_the_images(memory, stored, part, classes):
    mine, theirs = (half(d, part, classes, first=2) for d in (stored, memory))
    np.testing.assert_array_equal(
        pipeline.mean_image(mine), pipeline.mean_image(theirs)
    )


def test_a_file_of_another_length_is_reported(folder, tmp_path):
    store = make_store(folder, tmp_path)
    first, *_, last = store.shard_paths("train")
    first.write_bytes(last.read_bytes())
    images = by_name.load(f"store:{store.folder}", image_size=SIZE).train_images
    (needed, *_, found) = store.parts["train"].shard_lengths
    assert needed != found
    words = f"cannot be read .needs {needed} records, found {found}"
    with pytest.raises(UserError, match=words):
        images.read([0])


def test_a_truncated_store_is_reported_as_damaged(folder, tmp_path):
    store = make_store(folder, tmp_path)
    stored = by_name.load(f"store:{store.folder}", image_size=SIZE)
    shard = store.shard_paths("train")[0]
    shard.write_bytes(shard.read_bytes()[:-9000])
    with pytest.raises(UserError, match=f"{shard.name} cannot be read .*--verify"):
        stored.train_images.read([0])
    with pytest.raises(tf.errors.OpError) as failed:
        training(half(stored))
    reason = stored_batches.reading_error(failed.value)
    assert isinstance(reason, UserError)
    assert str(reason).startswith(f"store {store.folder} is damaged, {shard.name}")
    assert "\n" not in str(reason)


def test_every_view_is_that_of_memory(memory, stored):
    found = []
    for data in (memory, stored):
        part = half(data, first=2)
        order = pipeline.order_of(part, crop_size=23, mirror=True, seed=3)
        every = EveryView(order.count, order.free, order.mirror, order.seed)
        assert (order.count, order.views) == (6, 8)
        batches = pipeline.training_batches(
            part, every, batch_size=10, first_step=0, last_step=5
        )
        found.append(np.concatenate([images.numpy() for images, _ in batches]))
    assert len({image.tobytes() for image in found[0]}) == 48
    assert (found[0] == found[1]).all()
