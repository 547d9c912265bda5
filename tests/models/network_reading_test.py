"""Which models are read, how they are cut, and what their stages are called."""

import json

import keras
import pytest
from keras import layers, ops
from stage_networks import (
    bare_ops,
    mobilenet,
    nested,
    resnet,
    shared,
    vgg,
    vit,
)

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.models.network_reading import describe, network_weights
from yosinski_tf.system.errors import UserError


def stages(model, how="size"):
    return describe(model, name="test", stages=how).stage_names


def ends(model, how="size"):
    return [cut[0] for cut in describe(model, name="test", stages=how).cuts]


def test_the_stages_of_a_chain_by_size_are_its_blocks_and_dense_layers():
    assert stages(vgg()) == ("block1", "block2", "block3", "fc1", "fc2", "predictions")
    assert ends(vgg()) == ["block1_pool", "block2_pool", "flatten", "dropout", "fc2"]


def test_a_block_of_a_chain_is_one_convolution_with_its_pooling():
    assert ends(vgg(), "block") == [
        "block1_conv1",
        "block1_pool",
        "block2_conv1",
        "block2_pool",
        "block3_conv1",
        "flatten",
        "dropout",
        "fc2",
    ]


def test_residual_blocks_are_not_cut_inside():
    assert stages(resnet(), "block") == (
        "stem",
        "block1",
        "block2",
        "block3",
        "block4",
        "logits",
    )
    assert stages(resnet()) == ("block1", "block3", "block4", "logits")


def test_the_stages_of_mobilenet_by_size():
    model = mobilenet()
    assert stages(model) == (
        "expanded_conv_project",
        "block_2",
        "block_5",
        "block_12",
        "Conv_1",
        "predictions",
    )
    assert ends(model) == [
        "expanded_conv_project_BN",
        "block_2_add",
        "block_5_add",
        "block_12_add",
        "global_average_pooling2d",
    ]
    assert len(stages(model, "block")) == 33
    # It has more cuts and blocks than fit into a message.
    with pytest.raises(UserError) as raised:
        stages(model, "block_3_ad")
    assert str(raised.value) == (
        "--stages needs layers of network test through whose output everything passes,"
        " found 'block_3_ad', which it does not have (did you mean block_3_pad"
        " or block_13_pad?): give some of expanded_conv_project_BN, block_2_add,"
        " block_5_add, block_12_add, global_average_pooling2d, or names that"
        " --stages=block prints"
    )
    # As the plan calls them; the first and the last are layers too.
    named = "expanded_conv_project,block_2,block_12,Conv_1"
    assert ends(model, named) == [
        "expanded_conv_project",
        "block_2_add",
        "block_12_add",
        "Conv_1",
    ]
    # `--stages=block` shows it.
    assert ends(model, "block_4, block_2_add") == ["block_2_add", "block_4_add"]


def test_a_network_of_one_size_has_a_stage_per_block_but_eight_at_most():
    assert stages(vit(1)) == (
        "patches",
        "position",
        "block1_add1",
        "block1_add2",
        "head",
    )
    assert stages(vit(4)) == (
        "position",
        "block1",
        "block2",
        "block3",
        "block4",
        "head",
    )
    assert len(stages(vit(4), "block")) == 11


def test_the_padding_belongs_to_the_convolution_that_it_pads():
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, padding="same", name="one")(image)
    x = layers.ZeroPadding2D(name="pad1")(x)
    x = layers.Conv2D(4, 3, 2, name="two")(x)
    x = layers.ZeroPadding2D(name="pad2")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.Conv2D(4, 3, 2, name="three")(x)
    model = keras.Model(image, layers.Dense(2)(layers.Flatten(name="flat")(x)))
    assert ends(model, "block") == ["one", "pool", "flat"]


def test_a_layer_called_again_is_not_parted():
    assert ends(shared(), "block") == ["relu", "relu", "flatten"]
    cuts = describe(shared(), name="test", stages="block").cuts
    # The second call of ReLU lies between the last two calls of `again`.
    assert [cut[1] for cut in cuts] == [0, 2, 0]
    message = (
        "found between, but again is called on both sides: end the stage elsewhere"
    )
    with pytest.raises(UserError, match=message):
        stages(shared(), "between")


def test_named_layers_end_the_stages():
    model = resnet()
    network = describe(model, name="test", stages="block3_add, block1_add")
    assert network.stage_names == ("block1_add", "block3_add", "logits")
    assert [cut[0] for cut in network.cuts] == ["block1_add", "block3_add"]
    last = network.stages(16, 5)[-1]
    assert "block4_conv1/kernel" in last.weights
    assert last.weights["logits/kernel"] == (24, 5)


def two_names():
    """A chain whose stages have other names by size than by block."""
    x = image = keras.Input((16, 16, 3))
    x = layers.Conv2D(2, 3, 2, "same", name="a_b_c")(x)
    x = layers.Conv2D(2, 3, 2, "same", name="a_d")(x)
    x = layers.Conv2D(2, 3, 1, "same", name="a_b_d")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(2)(x))


@pytest.mark.parametrize(
    "make, names, message",
    [
        (
            resnet,
            "block1_conv1",
            "--stages needs layers through whose output everything passes, found"
            " block1_conv1, around which a connection runs to block1_add: give"
            " block1_add or a layer behind it",
        ),
        (
            vgg,
            "fc1,fc9",
            "--stages needs layers of network test through whose output everything"
            " passes, found 'fc9', which it does not have (did you mean fc2 or fc1?):"
            " give some of block1_conv1, block1_pool, block2_conv1, block2_pool,"
            " block3_conv1, flatten, dropout, fc2, or names that --stages=block prints",
        ),
        (
            resnet,
            "Block1,block3",
            "found 'Block1', which it does not have (did you mean block1 or block4?):",
        ),
        (resnet, "sizes", "found 'sizes', which it does not have (did you mean size?)"),
        (
            vgg,
            "block1,fc1,predictions",
            "--stages needs layers before the classifier, which is a stage in any case,"
            " found 'predictions': leave this name out",
        ),
        (
            two_names,
            "d",
            "--stages needs names of one cut each, found 'd', which names pool and a_d:"
            " give one of these",
        ),
        (
            vgg,
            "block1_conv2,block1_pool",
            "--stages needs a layer with weights in every stage, found none in the one"
            " that ends at block1_pool: leave this name out",
        ),
    ],
)
def test_a_name_that_is_no_cut_is_refused(make, names, message):
    with pytest.raises(UserError) as raised:
        describe(make(), name="test", stages=names)
    assert message in str(raised.value)


class Subclassed(keras.Model):
    """A model without a graph."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, images):
        return self.dense(images)


class OwnCall(keras.Model):
    """A functional model whose graph is not what it computes."""

    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs, training, mask)


class Unregistered(layers.Layer):
    """A layer that Keras cannot find again."""

    def __init__(self, factor):
        super().__init__()

    def call(self, inputs):
        return inputs


def chain(*middle, shape=(8, 8, 3), classifier=None):
    x = image = keras.Input(shape)
    for layer in [layers.Conv2D(2, 3), *middle, layers.Conv2D(2, 3)]:
        x = layer(x)
    if classifier is None:
        x = layers.Dense(2)(layers.Flatten()(x))
    return keras.Model(image, x if classifier is None else classifier(x))


def two_inputs():
    one, two = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    return keras.Model([one, two], layers.Dense(2)(layers.Flatten()(one + two)))


def two_outputs():
    image = keras.Input((8, 8, 3))
    x = layers.Flatten()(image)
    return keras.Model(image, [layers.Dense(2)(x), layers.Dense(2)(x)])


def tied():
    """Every layer reads the two before it."""
    image = keras.Input((8, 8, 3))
    before, x = image, layers.Conv2D(3, 3, padding="same")(image)
    for _ in range(24):
        before, x = x, layers.Conv2D(3, 3, padding="same")(x) + before
    return keras.Model(image, layers.Dense(2)(layers.Flatten()(x + before)))


def own_call():
    image = keras.Input((8, 8, 3))
    return OwnCall(image, layers.Dense(2)(layers.Flatten()(image)))


REFUSED = {
    "subclassed": (Subclassed, "needs a graph of layers, found Subclassed"),
    "own call": (own_call, "needs a graph of layers, found OwnCall"),
    "no model": (lambda: layers.Dense(2), "needs a Keras model, found Dense"),
    "no shape": (
        lambda: keras.Sequential([layers.Flatten(), layers.Dense(2)]),
        "needs the shape of its input, found a Sequential without one",
    ),
    "two inputs": (two_inputs, "needs one input, found 2"),
    "two outputs": (two_outputs, "needs one output, found 2"),
    "not square": (
        lambda: chain(shape=(8, 9, 3)),
        "needs square colour images, [None, side, side, 3], found an input of"
        " [None, 8, 9, 3]",
    ),
    "grey": (lambda: chain(shape=(8, 8, 1)), "found an input of [None, 8, 8, 1]"),
    "any size": (
        lambda: chain(
            shape=(None, None, 3),
            classifier=keras.Sequential(
                [layers.GlobalAveragePooling2D(), layers.Dense(2)]
            ),
        ),
        "needs the side of its images, found an input of any size",
    ),
    "Lambda": (
        lambda: chain(layers.Lambda(lambda x: x, name="mine")),
        "needs layers that can be stored, found a Lambda layer, mine",
    ),
    "unregistered": (
        lambda: chain(Unregistered(2)),
        "needs layers that Keras can make from their configuration, found Unregistered",
    ),
    "features": (
        lambda: chain(classifier=layers.GlobalAveragePooling2D()),
        "ends without a classifier, found conv2d_1, a Conv2D as the last layer with"
        " weights: add GlobalAveragePooling2D and Dense",
    ),
    "map of scores": (
        lambda: chain(classifier=layers.Dense(2)),
        "ends without a classifier, found dense, a Dense as the last",
    ),
    "no weights": (
        lambda: keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten()]),
        "ends without a classifier, found no layer with weights",
    ),
    "one block": (
        lambda: keras.Sequential(
            [keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(4), layers.Dense(2)]
        ),
        "found none between 1 of its 1 layers with weights",
    ),
    "tied": (tied, "found none between 25 of its 25 layers with weights"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_models_are_refused(name):
    make, message = REFUSED[name]
    with pytest.raises(UserError) as raised:
        describe(make(), name="test")
    assert str(raised.value).startswith("network test ")
    assert message in str(raised.value)


def test_a_model_for_images_of_any_size_takes_the_size_that_is_given():
    def any_size(shape):
        image = keras.Input(shape)
        x = layers.Conv2D(2, 3, 2, name="one")(image)
        x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, 2, name="two")(x))
        return keras.Model(image, layers.Dense(2)(x))

    model = any_size((None, None, 3))
    network = describe(model, name="test", input_size=15)
    assert network.input_size == 15
    assert network.bodies[0].output_shape == (7, 7, 2)
    assert network.digest == describe(any_size((15, 15, 3)), name="test").digest
    assert len(network_weights(model, network)) == 4
    with pytest.raises(
        UserError, match="needs images of 15 x 15, found 8 x 8: give --im"
    ):
        describe(any_size((15, 15, 3)), name="test", input_size=8)


@pytest.mark.parametrize("make", [resnet, nested, shared, bare_ops, vit])
def test_two_builds_in_one_process_are_described_alike(make):
    one, two = (describe(make(), name=name) for name in ("one", "two"))
    assert one.digest == two.digest
    assert one.bodies == two.bodies


def test_a_description_survives_json():
    network = describe(nested(), name="test", pixels="own", modules=["one"])
    values = json.loads(json.dumps(network.to_json()))
    assert KerasNetwork.from_json(values) == network


def test_nested_layers_keep_their_names_unless_there_are_two():
    names = {layer["name"] for layer in describe(nested(), name="t").graph["layers"]}
    # The classifier outside has the name of a layer inside, which takes the prefix.
    network = describe(nested(), name="t")
    assert network.classifier == "block1_conv1_1"
    assert {"block1_conv1", "block2_shortcut", "random_flip", "rescaling"} <= names
    assert not any("base" in name or "sequential" in name for name in names)


def test_frozen_layers_are_described_as_others():
    model = resnet()
    model.trainable = False
    assert describe(model, name="a").digest == describe(resnet(), name="a").digest


def test_the_classifier_may_be_a_convolution_on_one_place():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="one")(image)
    x = layers.Conv2D(6, 3, name="two")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    x = layers.Conv2D(5, 1, name="scores")(layers.Dropout(0.1, name="drop")(x))
    x = layers.Softmax()(layers.Flatten()(x))
    network = describe(keras.Model(image, x), name="test")
    assert network.stage_names == ("one", "two", "scores")
    assert network.features == ("drop", 0, 0)
    assert network.classifier_inputs == 6
    assert network.stages(8, 3)[-1].weights == {
        "scores/kernel": (6, 3),
        "scores/bias": (3,),
    }


def test_counts_of_convolutions():
    image = keras.Input((8, 8, 4 - 1))
    x = layers.Conv2D(4, 3, padding="same", name="plain")(image)
    x = layers.Conv2D(8, 3, 2, "same", groups=2, name="grouped")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.SeparableConv2D(4, 3, padding="same", name="separable")(x)
    x = layers.Conv2DTranspose(2, 2, 2, name="transposed")(x)
    x = layers.Flatten()(x)
    model = keras.Model(image, layers.Dense(10, name="scores")(x))
    network = describe(model, name="test", stages="block")
    assert [stage.multiply_accumulates for stage in network.stages(8, 10)] == [
        64 * 27 * 4,
        16 * 9 * 2 * 8,
        16 * 9 * 8,
        16 * (9 * 8 + 8 * 4),
        16 * 4 * 4 * 2,
        128 * 10,
    ]
    assert [stage.activations for stage in network.bodies] == [
        64 * 4,
        16 * 8,
        16 * 8,
        16 * 4,
        # The same values, flattened.
        2 * 64 * 2,
        0,
    ]
    assert [stage.largest for stage in network.bodies] == [256, 128, 128, 64, 128, 0]
    assert network.bodies[0].weights == {
        "plain/kernel": (3, 3, 3, 4),
        "plain/bias": (4,),
    }


def test_counts_of_attention():
    # 16 tokens of 8, 2 heads of 4.
    stage = describe(vit(1), name="test", stages="block").bodies[2]
    assert stage.name == "block1_add1"
    assert stage.multiply_accumulates == 4 * 16 * 8 * 8 + 2 * 2 * 16 * 16 * 4
    # Inside: queries, keys, values, what is attended to; scores and their softmax.
    # Outside: the attention, the sum and a normalisation behind it.
    assert stage.activations == 4 * 16 * 8 + 2 * 2 * 16 * 16 + 3 * 16 * 8
    assert stage.weights["block1_mha/query/kernel"] == (8, 2, 4)
    position = describe(vit(1), name="test", stages="block").bodies[1]
    assert position.weights == {"position/variable_0": (16, 8)}


def test_counts_of_einsum_dense():
    image = keras.Input((4, 4, 3))
    x = layers.Reshape((16, 3))(image)
    x = layers.EinsumDense("abc,cde->abde", (None, 2, 5), name="first")(x)
    x = layers.EinsumDense("abde,dec->abc", (None, 7), name="second")(x)
    x = layers.GlobalAveragePooling1D()(x)
    network = describe(keras.Model(image, layers.Dense(2)(x)), name="t", stages="block")
    assert [stage.multiply_accumulates for stage in network.bodies] == [
        16 * 3 * 2 * 5,
        16 * 2 * 5 * 7,
        0,
    ]


@keras.saving.register_keras_serializable()
class Mixing(layers.Layer):
    """Multiplies with two matrices whose variables are not called kernels."""

    def build(self, shape):
        self.first = self.add_weight(shape=(shape[-1], 6), name="first")
        self.second = self.add_weight(shape=(6, shape[-1]), name="second")
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")

    def call(self, values):
        return ops.matmul(ops.matmul(values, self.first), self.second) * self.scale


def test_counts_of_other_layers():
    image = keras.Input((8, 8, 3))
    convolution = layers.Conv2D(4, 3, 2, "same")
    x = layers.SpectralNormalization(convolution, name="normalized")(image)
    x = layers.PReLU(name="slopes")(Mixing(name="mixing")(x))
    x = layers.Reshape((16, 4))(x)
    x = layers.LSTM(5, return_sequences=True, name="recurrent")(x)
    x = layers.GlobalAveragePooling1D()(x)
    network = describe(keras.Model(image, layers.Dense(2)(x)), name="t", stages="block")
    assert [stage.multiply_accumulates for stage in network.bodies] == [
        16 * 27 * 4,
        # The slopes behind it are multiplied number by number.
        16 * (4 * 6 + 6 * 4),
        16 * (4 * 20 + 5 * 20),
        0,
    ]


def test_what_is_random_in_training():
    def random(model):
        return [stage.random for stage in describe(model, name="test").bodies]

    assert random(vgg()) == [False, False, False, True, False, False]
    assert random(nested())[0] is True
    assert not any(random(vit(1)))
    assert random(vit(1, dropout=0.1)) == [False, False, True, False, False]

    image = keras.Input((8, 8, 3))
    x = layers.Dropout(0.0)(layers.Conv2D(4, 3, 2)(image))
    x = ops.mean(layers.Conv2D(4, 2)(x), axis=(1, 2))
    assert random(keras.Model(image, layers.Dense(2)(x))) == [False, False, False]


def test_the_weights_of_another_model_are_refused():
    network = describe(vit(2), name="test")
    with pytest.raises(UserError, match="with block2_norm1/gamma of .8., found none"):
        network_weights(vit(1), network)
