"""Networks of Keras so small that a test can train some; they drop in training.

The data set is that of `tiny`.
"""

import dataclasses
import functools

import numpy as np
import stage_networks
import tiny

from yosinski_tf.models.network_reading import describe
from yosinski_tf.models.resnet_mini import resnet_mini
from yosinski_tf.study import given_source

# Images do not depend on their place in batches of this size, see `place_matters`.
RECIPE = dataclasses.replace(
    tiny.RECIPE, steps=6, batch_size=6, rate_drops=(4,), validate_every=4
)
# Variables that follow a batch and are not trained.
STATISTICS = ("moving_mean", "moving_variance")


@functools.cache
def resnet(dropout=0.2, stochastic_depth=0.2):
    """A residual network with batch normalisation.

    Its stages are stem_conv, block1, block2, block3 and fc.
    """
    model = resnet_mini(
        (16, 16, 3),
        10,
        blocks=1,
        width=8,
        dropout=dropout,
        stochastic_depth=stochastic_depth,
    )
    return describe(model, name="resnet_mini", stages="block")


@functools.cache
def vit():
    """A vision transformer of one block that drops attention, with a class of its own.

    Its stages are patches, position, block1_add1 with the attention, block1_add2 and
    head.
    """
    return describe(
        stage_networks.vit(depth=1, dropout=0.3),
        name="python:stage_networks:vit",
        stages="block",
        modules=["stage_networks"],
    )


def make_job(runs, images, network, treatments, recipe=RECIPE, **changes):
    """The job of `tiny`, for another network."""
    job = tiny.make_job(runs, images, treatments, recipe)
    return dataclasses.replace(job, network=network, **changes)


def drawn_weights(network, seed=0):
    """Random values of all variables below the last stage, statistics too."""
    random = np.random.default_rng(seed)
    weights = {}
    for stage in network.bodies[:-1]:
        for name, shape in stage.weights.items():
            low = 0.5 if name.endswith(("variance", "gamma")) else -0.5
            values = random.uniform(low, low + 1, shape)
            weights[name] = values.astype(np.float32)
    return weights


def give_source(runs, network, seed=0):
    """Puts a source P with drawn weights into a study folder; returns the weights."""
    weights = drawn_weights(network, seed)
    given_source.save(runs, given_source.make_source("file:p.keras", weights))
    return weights


def below(network, stages, weights):
    """Those of the weights that stand in so many first stages."""
    names = network.layers_below(stages)
    return {k: v for k, v in weights.items() if k.split("/")[0] in names}
