"""Pictures of first layers, as `data:` addresses that a page can hold."""

import base64
import io
import math
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from yosinski_tf.models.surgery import first_filters, read_weights
from yosinski_tf.study.records import WEIGHTS_NAME, Record
from yosinski_tf.system.errors import UserError


def filter_sheets(
    runs: pathlib.Path, records: Sequence[Record]
) -> list[dict[str, str]]:
    """The first layers of both bases of one split, of P, and of a random network.

    Returns:
      For each of them that has weights `image`, a PNG as a `data:` address, `alt`, the
      picture in words, `caption`, which network it is of, and `layer`.
    """
    wanted: dict[str, Record] = {}
    finished = [record for record in records if record.status == "finished"]
    for record in finished:
        if record.kind == "base":
            same = [r for r in wanted.values() if r.split != record.split]
            if not same:
                whole = record.target_half == "W"
                on = "all classes" if whole else f"half {record.target_half}"
                caption = f"base on {on} of {record.split}"
                wanted.setdefault(caption, record)
        elif record.kind == "random":
            wanted.setdefault("random values, never trained", record)
        elif record.kind == "given" and not record.fine_tuned:
            wanted.setdefault("the given network P", record)
    found = []
    for caption, record in sorted(wanted.items()):
        try:
            weights = read_weights(runs / record.run_id / WEIGHTS_NAME)
        except UserError:
            continue
        filters = first_filters(weights)
        if filters is None:
            continue
        layer, kernel = filters
        height, width, _, count = kernel.shape
        found.append(
            {
                "image": _address(sheet(kernel)),
                "alt": f"{count} filters of {height} x {width} pixels, {caption}",
                "caption": caption,
                "layer": layer,
            }
        )
    return found


def sheet(kernel: np.ndarray) -> np.ndarray:
    """The filters of a first layer side by side.

    Args:
      kernel: float32 [height, width, 3, filters].

    Returns:
      uint8 [rows, columns, 3]: each filter scaled so that 0 is grey and its largest
      weight black or white, with a line of one pixel between filters.
    """
    height, width, _, count = kernel.shape
    columns = math.ceil(math.sqrt(2 * count))
    rows = math.ceil(count / columns)
    largest = np.maximum(np.abs(kernel).max((0, 1, 2)), 1e-12)
    drawn = np.full((rows * columns, height + 1, width + 1, 3), 255, np.uint8)
    drawn[:count, 1:, 1:] = np.moveaxis(np.rint(127.5 + 127.5 * kernel / largest), 3, 0)
    tiles = drawn.reshape(rows, columns, *drawn.shape[1:]).swapaxes(1, 2)
    tiles = tiles.reshape(rows * (height + 1), columns * (width + 1), 3)
    return np.pad(tiles, ((0, 1), (0, 1), (0, 0)), constant_values=255)


def _address(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
