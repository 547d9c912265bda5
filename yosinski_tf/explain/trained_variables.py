"""Which variables of a layer are weights."""


def is_trained(name: str) -> bool:
    """Whether a variable, `layer/variable`, is a weight.

    The statistics of batch normalisation, `moving_...`, are not: they follow from the
    weights and the images.
    """
    return not name.rpartition("/")[2].startswith("moving_")
