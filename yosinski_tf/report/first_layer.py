"""Pictures of first layers, as `data:` addresses that a page can hold."""

import base64
import dataclasses
import io
import math
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from yosinski_tf.models.surgery import read_weights
from yosinski_tf.study.records import WEIGHTS_NAME, Record
from yosinski_tf.system.errors import UserError


@dataclasses.dataclass(frozen=True)
class FilterSheet:
    """The filters of one network's first layer.

    Attributes:
      image: A PNG as a `data:` address.
      alt: The picture in words.
      caption: Which network it is of.
    """

    image: str
    alt: str
    caption: str


def layer_names(record: Record) -> list[str]:
    """Names of a network's layers with weights, as far as its record has them."""
    layers = record.network_settings.get("layers", [])
    return [str(each["name"]) for each in layers if "name" in each]


def filter_sheets(runs: pathlib.Path, records: Sequence[Record]) -> list[FilterSheet]:
    """The first layers of both bases of one split, and of a random network.

    Args:
      runs: The study folder.
      records: Its records.

    Returns:
      A sheet for each of them that has weights; runs without are left out.
    """
    wanted: dict[str, Record] = {}
    finished = [record for record in records if record.status == "finished"]
    for record in finished:
        if record.kind == "base":
            same = [r for r in wanted.values() if r.split != record.split]
            if not same:
                caption = f"base on half {record.target_half} of {record.split}"
                wanted.setdefault(caption, record)
        elif record.kind == "random":
            wanted.setdefault("random values, never trained", record)
    found = []
    for caption, record in sorted(wanted.items()):
        try:
            weights = read_weights(runs / record.run_id / WEIGHTS_NAME)
            kernel = weights[f"{layer_names(record)[0]}/kernel"]
        except (UserError, KeyError, IndexError):
            continue
        if kernel.ndim != 4 or kernel.shape[2] != 3:
            continue
        height, width, _, count = kernel.shape
        found.append(
            FilterSheet(
                image=_address(sheet(kernel)),
                alt=f"{count} filters of {height} x {width} pixels, {caption}",
                caption=caption,
            )
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
    shape = (rows * (height + 1) + 1, columns * (width + 1) + 1, 3)
    drawn = np.full(shape, 255, np.uint8)
    for index in range(count):
        row, column = divmod(index, columns)
        values = kernel[..., index]
        largest = max(float(np.abs(values).max()), 1e-12)
        top, left = row * (height + 1) + 1, column * (width + 1) + 1
        drawn[top : top + height, left : left + width] = np.rint(
            127.5 + 127.5 * values / largest
        )
    return drawn


def _address(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
