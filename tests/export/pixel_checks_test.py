"""Pixels of another range than they should have are refused."""

import numpy as np
import pytest
import tensorflow as tf

from yosinski_tf.export.pixel_checks import check_float, check_uint8

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (2, 8, 8, 3))


@pytest.mark.parametrize(
    "cut",
    [
        RANDOM.random((2, 8, 8, 3)),
        np.round(RANDOM.random((2, 8, 8, 3))),
        RANDOM.uniform(-1, 1, (2, 8, 8, 3)),
        np.clip(RANDOM.normal(size=(2, 8, 8, 3)), -2.1, 2.7),
        np.zeros((1, 4, 4, 3)),
    ],
)
def test_fractions_that_were_cut_are_refused(cut):
    images = cut.astype(int).astype(np.uint8)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="images needs uint8 .* give an array of"
    ):
        check_uint8(tf.constant(images))


@pytest.mark.parametrize(
    "images",
    [
        PIXELS,
        PIXELS // 40,
        np.where(PIXELS > 128, 255, 0),
        np.full((1, 4, 4, 3), 255),
        np.zeros((0, 4, 4, 3)),
        np.concatenate([np.zeros_like(PIXELS), PIXELS]),
    ],
)
def test_pictures_are_not_refused(images):
    check_uint8(tf.constant(images.astype(np.uint8)))
    check_float(tf.constant(images.astype(np.float32)))


def test_a_black_picture_of_floats_is_not_refused():
    check_float(tf.zeros([1, 4, 4, 3]))


@pytest.mark.parametrize("wrong", [256, -1, 1000, np.nan, np.inf])
def test_floats_out_of_range_are_refused(wrong):
    pixels = PIXELS.astype(np.float32)
    pixels[1, 2, 3, 0] = wrong
    with pytest.raises(tf.errors.InvalidArgumentError, match="from 0 to 255, most of"):
        check_float(tf.constant(pixels))


def test_fractions_are_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="multiply fractions by"):
        check_float(tf.constant(PIXELS.astype(np.float32) / 255))
