"""The embedded images as a TensorFlow Datasets data set; not in the paper.

After `import yosinski_tf.data.embedded.tfds_builder`,
`tfds.load("yosinski_embedded", split="train")` draws the images once, writes them as
a prepared data set, and reads them. Nothing is downloaded.
"""

from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from yosinski_tf.data.embedded import embedded_images

_DESCRIPTION = """\
40 classes of drawn images of 32 x 32 pixels, 20 natural and 20 man-made: each a
shape of its family filled with a texture of its family, on a textured ground,
turned, shifted, shaded, crossed by bars and noisy. Classes 0 to 19 are natural.
"""
# Training and validation images per class of each config.
_COUNTS = {
    "full": (embedded_images.TRAIN_PER_CLASS, embedded_images.VALIDATION_PER_CLASS),
    "tiny": (4, 2),
}


class YosinskiEmbedded(tfds.core.GeneratorBasedBuilder):
    """Builder of `yosinski_embedded`, config `full` (the default) or `tiny`.

    An example has an `image`, uint8 [32, 32, 3], and a `label`, int64 in 0..39. The
    splits are `train` and `validation`, the first images of each class.
    """

    # Set here because TFDS 4.9.10 finds it with a package that it does not
    # install (tensorflow/datasets issue 11212).
    code_path = epath.Path(__file__)

    VERSION = tfds.core.Version(embedded_images.VERSION)
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(
            name=name,
            description=f"{train} training, {validation} validation images per class",
        )
        for name, (train, validation) in _COUNTS.items()
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        size = embedded_images.IMAGE_SIZE
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(
                        shape=(size, size, 3), encoding_format="png"
                    ),
                    "label": tfds.features.ClassLabel(
                        names=embedded_images.CLASS_NAMES
                    ),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> Any:
        del dl_manager  # Nothing is downloaded.
        images = embedded_images.generate(0, *_COUNTS[self.builder_config.name])
        return {
            part: self._generate_examples(images, part)
            for part in ("train", "validation")
        }

    def _generate_examples(
        self, images: embedded_images.EmbeddedImages, part: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        labels = getattr(images, f"{part}_labels").tolist()
        for key, image in enumerate(getattr(images, f"{part}_images")):
            yield key, {"image": image, "label": labels[key]}
