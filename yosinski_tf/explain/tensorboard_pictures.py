"""Pictures in TensorBoard."""

import pathlib
from collections.abc import Mapping

import tensorflow as tf


def show_pictures(folder: pathlib.Path, pictures: Mapping[str, pathlib.Path]) -> None:
    """Shows PNG files as images of one run, in place of those shown earlier.

    Args:
      folder: Of the run, within the one for `--logdir`.
      pictures: The files, by the name of the image.
    """
    for earlier in folder.glob("events*"):
        earlier.unlink()
    with tf.summary.create_file_writer(str(folder)).as_default(step=0):
        for tag, path in pictures.items():
            image = tf.io.decode_png(path.read_bytes(), channels=3)
            tf.summary.image(tag, image[None])
