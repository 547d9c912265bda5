"""The picture of a first layer's filters with their fits."""

import numpy as np
from PIL import Image

from yosinski_tf.explain.gabor import KINDS, BlobFit, FilterFit, GaborFit
from yosinski_tf.figures.filter_fits import filter_fits


def _fit(kind, channels=3):
    color = (1.0,) + (0.0,) * (channels - 1)
    place = (2.0, 2.0), 0.5
    return FilterFit(
        GaborFit(*place, 4.0, 0.3, (1.0, 2.0), color, 1.0, 0.9),
        BlobFit(*place, (1.0, 2.0), color, 1.0, 0.4),
        kind,
    )


def _drawn(kinds, path, channels=3):
    kernels = np.zeros((5, 5, channels, len(kinds)), np.float32)
    kernels[:, :, 0] = 1.0
    fits = [_fit(kind, channels) for kind in kinds]
    assert (
        filter_fits(kernels, fits, path / "filters.png", "net") == path / "filters.png"
    )
    return np.asarray(Image.open(path / "filters.png").convert("RGB")).astype(int)


def _share(image, color):
    return (np.abs(image - color).max(-1) < 8).mean()


def test_filters_stand_beside_their_fits(tmp_path):
    image = _drawn([*KINDS, *KINDS], tmp_path)
    assert image.shape[1] == 897
    # The filters are red all over, their fits are red in part, zero is grey.
    red = _share(image, (255, 128, 128))
    tile = (897 / 17) ** 2 / (image.shape[0] * image.shape[1])
    assert 0.8 * 8 * tile < red < 1.5 * 8 * tile
    assert _share(image, (128, 128, 128)) > tile


def test_only_the_kinds_that_there_are_take_room(tmp_path):
    one = _drawn(["blob"], tmp_path)
    all_four = _drawn(list(KINDS), tmp_path)
    assert one.shape[0] * 2.5 < all_four.shape[0]


def test_one_channel_is_grey(tmp_path):
    image = _drawn(["gabor"] * 7, tmp_path, channels=1)
    assert (image.max(-1) - image.min(-1)).max() == 0


def test_of_many_filters_some_are_drawn(tmp_path):
    few = _drawn(["gabor"] * 61, tmp_path)
    many = _drawn(["gabor"] * 122, tmp_path)
    assert few.shape == many.shape
