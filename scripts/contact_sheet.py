#!/usr/bin/env python
"""Draws a contact sheet of the embedded images, a few of every class, with labels.

    python scripts/contact_sheet.py sheet.png

Natural classes are on the left, man-made ones on the right.
"""

import argparse
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from yosinski_tf.data.embedded import embedded_images

ZOOM = 2
CELL = embedded_images.IMAGE_SIZE * ZOOM + 4
LABEL_WIDTH = 170
PALETTE = 128  # Colours. More would make a larger file that looks the same.


def contact_sheet(images: embedded_images.EmbeddedImages, columns: int) -> Image.Image:
    """Draws the first training images of every class, one row per class."""
    rows = embedded_images.FAMILIES.count("natural")
    width = LABEL_WIDTH + columns * CELL
    sheet = Image.new("RGB", (2 * width, rows * CELL), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for label, name in enumerate(embedded_images.CLASS_NAMES):
        side, row = divmod(label, rows)
        left, top = side * width, row * CELL
        family, shape, texture = name.split("_")
        text = f"{label}  {family}\n{shape}, {texture}"
        draw.text((left + 8, top + CELL // 4), text, "black", font)
        (positions,) = np.nonzero(images.train_labels == label)
        for column, position in enumerate(positions[:columns]):
            picture = Image.fromarray(images.train_images[position])
            picture = picture.resize((CELL - 4, CELL - 4), Image.Resampling.NEAREST)
            sheet.paste(picture, (left + LABEL_WIDTH + column * CELL, top + 2))
    return sheet.quantize(PALETTE, dither=Image.Dither.NONE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path, help="PNG file to write")
    parser.add_argument("--columns", type=int, default=6, help="images per class")
    parser.add_argument("--seed", type=int, default=0, help="data seed")
    arguments = parser.parse_args()
    images = embedded_images.generate(arguments.seed, arguments.columns, 1)
    contact_sheet(images, arguments.columns).save(arguments.output, optimize=True)
    print(f"{arguments.output}: {arguments.output.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
