"""The networks that can be chosen by name.

`caffenet` is the network that the paper's authors released; `mini` is made for
small images.
"""

import dataclasses
from typing import Any

from yosinski_tf.experiment.networks import CaffeConv, CaffeDense, Conv, Dense, Network
from yosinski_tf.system.errors import UserError


def _mini(
    activation: str = "leaky_relu",
    lrn: bool = False,
    widths: tuple[int, ...] = (16, 48, 64, 64, 64, 384, 192),
    dropout: float = 0.2,
    num_outputs: int | None = None,
) -> Network:
    conv1, conv2, conv3, conv4, conv5, fc6, fc7 = widths
    return Network(
        name="mini",
        layers=(
            Conv("conv1", conv1, kernel=5, stride=2, pool=3, lrn=lrn),
            Conv("conv2", conv2, kernel=3, pool=3, lrn=lrn),
            Conv("conv3", conv3, kernel=3),
            Conv("conv4", conv4, kernel=3),
            Conv("conv5", conv5, kernel=3, pool=3),
            Dense("fc6", fc6, dropout=dropout),
            Dense("fc7", fc7, dropout=dropout),
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
) -> Network:
    conv1, conv2, conv3, conv4, conv5, fc6, fc7 = widths
    if any(width % 2 for width in widths[:5]):
        raise UserError(
            "--widths wants even numbers for conv1..conv5 of caffenet, whose"
            f" convolutions have two groups, got {list(widths[:5])}"
        )
    dense = {"deviation": 0.005, "bias": 1.0, "dropout": dropout}
    return Network(
        name="caffenet",
        layers=(
            CaffeConv("conv1", conv1, kernel=11, stride=4, pool=3, lrn=lrn),
            CaffeConv(
                "conv2",
                conv2,
                kernel=5,
                padding=2,
                groups=2,
                bias=1.0,
                pool=3,
                lrn=lrn,
            ),
            CaffeConv("conv3", conv3, kernel=3, padding=1),
            CaffeConv("conv4", conv4, kernel=3, padding=1, groups=2, bias=1.0),
            CaffeConv("conv5", conv5, kernel=3, padding=1, groups=2, bias=1.0, pool=3),
            CaffeDense("fc6", fc6, **dense),
            CaffeDense("fc7", fc7, **dense),
            CaffeDense("fc8", num_outputs),
        ),
        activation=activation,
        pixel_scale=1.0,
    )


@dataclasses.dataclass(frozen=True)
class UsualImages:
    """What images a network is given unless a recipe says otherwise.

    Attributes:
      image_size: Side that images are warped to, pixels.
      crop_size: Side of the crop that the network sees, pixels.
      mean: `pixel` or `image`: what is subtracted.
    """

    image_size: int
    crop_size: int
    mean: str


NETWORKS = {"caffenet": _caffenet, "mini": _mini}
_USUAL_IMAGES = {
    "caffenet": UsualImages(256, 227, "image"),
    "mini": UsualImages(32, 32, "pixel"),
}


def usual_images(name: str) -> UsualImages:
    """The images that the network of a name is made for.

    Raises:
      UserError: If there is no such network.
    """
    _check_name(name)
    return _USUAL_IMAGES[name]


def get_network(name: str, **settings: Any) -> Network:
    """The network of a name, with some of its settings replaced.

    Args:
      name: `caffenet`: the network that the paper's authors released, for 227 x
        227 images. `mini`: the paper's eight layers, made for 32 x 32 and
        64 x 64 images (not in the paper).
      **settings: `activation`, `lrn`, `widths` (of conv1..fc7), `dropout` and
        `num_outputs` (of fc8, None for one per class; the authors' networks
        had 1000 for 500 classes).

    Raises:
      UserError: If there is no such network or a setting is out of range.
    """
    _check_name(name)
    widths = settings.get("widths")
    if widths is not None and (len(widths) != 7 or min(widths) < 1):
        raise UserError(
            "--widths wants seven positive numbers, for conv1..conv5, fc6 and fc7,"
            f" got {list(widths)}"
        )
    dropout = settings.get("dropout", 0.0)
    if not 0 <= dropout < 1:
        raise UserError(f"--dropout wants at least 0 and under 1, got {dropout}")
    return NETWORKS[name](**settings)


def _check_name(name: str) -> None:
    if name not in NETWORKS:
        raise UserError(
            f"unknown network {name!r}: wanted one of {', '.join(sorted(NETWORKS))}"
        )
