"""Where the checkout is, and the real images beside it that some tests need."""

import pathlib

import yosinski_tf

ROOT = pathlib.Path(yosinski_tf.__file__).parents[1]
TINY_IMAGENET = ROOT.parent / "shared/data/tiny_imagenet_100.tar"
PHOTOGRAPHS = ROOT.parent / "shared/data/imagenet_sample_100.tar"
