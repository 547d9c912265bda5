"""What is said beside the tables, for rows made by hand."""

import math

from yosinski_tf.explain.cautions import cautions, left_out
from yosinski_tf.explain.rows import Row


def rows(measure, values, network="all", direction="AB", first=1):
    return [
        Row("random:0", direction, 0, n, f"layer{n}", network, measure, value)
        for n, value in enumerate(values, first)
    ]


PROBES = rows("linear_probe", [50.0, 40.0], "baseA")
PROBES += rows("values", [69984.0, 100.0]) + rows("dimensions", [3456.0, 100.0])


def test_probes_say_their_images_and_where_dimensions_are_more():
    made = PROBES + rows("train_images", [600.0, 600.0])
    made += rows("train_images", [500.0, 500.0], direction="BA")
    made += rows("fewest_of_a_class", [25.0, 25.0])
    assert cautions({"linear_probe": ""}, made) == [
        "Probes learn from 500 to 600 training images.",
        "Of outputs with more than 4,096 numbers neighbouring places are averaged:"
        " layer1 69,984 to 3,456.",
        "More dimensions than images: layer1. There a linear probe rests on its"
        " penalty, which is chosen by leaving out one image at a time; nearest"
        " neighbours need nothing special.",
    ]
    assert cautions({"logme": ""}, made) == [
        "More dimensions than images: layer1. There an H-score rests on the shrinkage,"
        " and LogME on the axes on which images lie."
    ]


def test_a_class_with_one_image_is_said():
    made = PROBES + rows("train_images", [5000.0] * 2)
    told = cautions({"linear_probe": ""}, made + rows("fewest_of_a_class", [1.0] * 2))
    assert told[0] == "Probes learn from 5,000 training images."
    assert told[-1].startswith("A class has a single training image: left out,")
    assert len(told) == 3


def test_one_seed_has_no_ceiling():
    made = rows("cka", [0.5, 0.4], "baseA baseB") + rows("compared_images", [1000.0])
    told = cautions({"cka": ""}, made)
    assert told[0].startswith(
        "CKA is of 1,000 validation images, in batches of at most"
    )
    assert told[1] == (
        "There is no second base B of another seed, whose CKA with base B would be"
        " the ceiling: --seeds=0,1 trains one."
    )
    assert len(cautions({"cka": ""}, made + rows("cka", [0.9], "baseB baseB'"))) == 1
    few = [*made, *rows("compared_images", [3.0])]
    assert "It needs at least 4 images." in cautions({"cka": ""}, few)


def test_layers_without_numbers_are_named():
    made = rows("logme", [0.5, math.nan], "baseA") + rows("logme", [math.nan], "R")
    assert cautions({"logme": ""}, made) == [
        "No value, since features are not finite, too large or the same for all images:"
        " layer1 of R, layer2 of baseA."
    ]
    assert cautions({"travel": ""}, made) == []


def test_diverged_networks_are_counted():
    assert left_out(PROBES) == []
    one = rows("diverged", [1.0], "A3B", first=3)
    assert left_out(one) == ["1 network that diverged is left out: A3B."]
    two = (
        one + rows("diverged", [1.0], "A3B", "BA", 3) + rows("diverged", [1.0], "baseB")
    )
    assert left_out(two) == ["3 networks that diverged are left out: A3B, baseB."]
