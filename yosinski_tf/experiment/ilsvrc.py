"""Facts about the 1000 classes of ILSVRC2012.

`ilsvrc_classes.txt` lists the WordNet ids in the order of the class index,
0..999, each with its half of the authors' natural/man-made split: 449 natural
and 551 man-made classes (paper, section 3.2; lists as in the released code).
"""

import importlib.resources
from collections.abc import Sequence

NUM_TRAIN_IMAGES = 1_281_167
NUM_VALIDATION_IMAGES = 50_000


def class_families() -> dict[str, str]:
    """WordNet id to `natural` or `manmade`, in the order of the class index."""
    file = importlib.resources.files("yosinski_tf.experiment") / "ilsvrc_classes.txt"
    lines = file.read_text("ascii").splitlines()
    return dict(line.split() for line in lines)


def families(class_names: Sequence[str]) -> tuple[str, ...] | None:
    """`natural` or `manmade` for each class.

    Returns None unless every name is an ILSVRC WordNet id.
    """
    found = tuple(map(class_families().get, class_names))
    return None if None in found else found
