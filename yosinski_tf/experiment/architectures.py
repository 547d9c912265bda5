"""The networks that can be chosen by name.

`caffenet` is the network that the paper's authors released. `mini` has the
same eight layers and is made for small images (not in the paper).
"""

import functools
from typing import Any

from yosinski_tf.experiment.networks import (
    CaffeConv,
    CaffeDense,
    Conv,
    Dense,
    EightLayers,
)
from yosinski_tf.system.errors import UserError


def _mini(
    activation: str = "leaky_relu",
    lrn: bool = False,
    widths: tuple[int, ...] = (16, 48, 64, 64, 64, 384, 192),
    dropout: float = 0.2,
    num_outputs: int | None = None,
) -> EightLayers:
    conv1, conv2, conv3, conv4, conv5, fc6, fc7 = widths
    return EightLayers(
        name="mini",
        layers=(
            Conv(name="conv1", filters=conv1, kernel=5, stride=2, pool=3, lrn=lrn),
            Conv(name="conv2", filters=conv2, kernel=3, pool=3, lrn=lrn),
            Conv(name="conv3", filters=conv3, kernel=3),
            Conv(name="conv4", filters=conv4, kernel=3),
            Conv(name="conv5", filters=conv5, kernel=3, pool=3),
            Dense("fc6", fc6, dropout),
            Dense("fc7", fc7, dropout),
            Dense("fc8", num_outputs),
        ),
        activation=activation,
    )


def _caffenet(
    activation: str = "relu",
    lrn: bool = True,
    widths: tuple[int, ...] = (96, 256, 384, 384, 256, 4096, 4096),
    dropout: float = 0.5,
    num_outputs: int | None = None,
) -> EightLayers:
    conv1, conv2, conv3, conv4, conv5, fc6, fc7 = widths
    if any(width % 2 for width in widths[:5]):
        raise UserError(
            "--widths needs even numbers for conv1..conv5 of caffenet, whose"
            f" convolutions have two groups, found {list(widths[:5])}"
        )
    conv, dense = CaffeConv, functools.partial(CaffeDense, deviation=0.005, bias=1.0)
    grouped = functools.partial(CaffeConv, groups=2, bias=1.0)
    return EightLayers(
        name="caffenet",
        layers=(
            conv(name="conv1", filters=conv1, kernel=11, stride=4, pool=3, lrn=lrn),
            grouped(name="conv2", filters=conv2, kernel=5, padding=2, pool=3, lrn=lrn),
            conv(name="conv3", filters=conv3, kernel=3, padding=1),
            grouped(name="conv4", filters=conv4, kernel=3, padding=1),
            grouped(name="conv5", filters=conv5, kernel=3, padding=1, pool=3),
            dense(name="fc6", units=fc6, dropout=dropout),
            dense(name="fc7", units=fc7, dropout=dropout),
            CaffeDense(name="fc8", units=num_outputs),
        ),
        activation=activation,
        pixel_scale=1.0,
    )


NETWORKS = {"caffenet": _caffenet, "mini": _mini}
_USUAL_IMAGES = {
    "caffenet": {"image_size": 256, "crop_size": 227, "mean": "image"},
    "mini": {"image_size": 32, "crop_size": 32, "mean": "pixel"},
}


def usual_images(name: str) -> dict[str, Any]:
    """The sides of images and crops, and the mean, of a recipe that names none.

    Raises:
      UserError: If no network has this name.
    """
    _check_name(name)
    return _USUAL_IMAGES[name]


def get_network(name: str, **settings: Any) -> EightLayers:
    """The network of a name, with some of its settings replaced.

    Args:
      name: `caffenet`, for 227 x 227 images, or `mini`, for 32 x 32 and 64 x 64.
      **settings: `activation`, `lrn`, `widths` (of conv1..fc7), `dropout` and
        `num_outputs` (of fc8, None for one per class; the authors' networks
        had 1000 for 500 classes).

    Raises:
      UserError: If no network has this name or a setting is out of range.
    """
    _check_name(name)
    widths = settings.get("widths")
    if widths is not None and (len(widths) != 7 or min(widths) < 1):
        raise UserError(
            "--widths needs seven positive numbers, for conv1..conv5, fc6 and fc7,"
            f" found {list(widths)}"
        )
    dropout = settings.get("dropout", 0.0)
    if not 0 <= dropout < 1:
        raise UserError(f"--dropout needs at least 0 and under 1, found {dropout}")
    return NETWORKS[name](**settings)


def _check_name(name: str) -> None:
    if name not in NETWORKS:
        raise UserError(
            f"--network needs one of {', '.join(sorted(NETWORKS))}, found {name!r}"
        )
