"""Criticality: a trained network with one stage taken back to untrained weights.

Of a stage, all trained variables are taken back (kernel, bias, gamma, beta). The
statistics of batch normalisation are none of the stage's parameters in the paper's
sense: they follow from the weights and the images, and with weights of a stage put back
those of all later stages are out of date too. The variants here hold the trained ones.
Let `models.calibration.calibrated` take them again over training images before the
accuracy is measured, of the trained network too, which is then the reference: after
weights are changed by hand, old statistics alone can cost all accuracy (Izmailov et
al. 2018, arXiv 1803.05407; Jordan et al. 2023, arXiv 2211.08403).
"""

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from yosinski_tf.explain.trained_variables import is_trained
from yosinski_tf.models import surgery

MEANING = (
    "Criticality says how much accuracy a trained network loses when one layer is put"
    " back to its initial values (re-initialisation), and when that layer is drawn"
    " anew (re-randomisation), with all others as trained (Zhang, Bengio and Singer"
    " 2022, arXiv 1902.01996)."
    " A layer that can go back to its own start is robust, one that costs the accuracy"
    " is critical; other layers have adapted to its initial values, so drawing anew"
    " mostly costs more."
)


def with_stage_taken_back(
    weights: Mapping[str, np.ndarray],
    untrained: Mapping[str, np.ndarray],
    layers: Collection[str],
) -> surgery.Weights:
    """The weights of a trained network, with some layers as they were untrained.

    Args:
      weights: Of the trained network, by `layer/variable`.
      untrained: Its initial weights, or others of the same shapes drawn anew; see
        `finished_run.initial_weights` and `redrawn_weights`.
      layers: The layers of the stage.

    Returns:
      A new mapping. Only the arrays of the stage are copies; statistics of batch
      normalisation are those of the trained network.

    Raises:
      UserError: If a variable is missing on either side or differs in shape.
    """
    back = surgery.transplant(weights, untrained, layers)
    return {
        name: values if is_trained(name) else weights[name]
        for name, values in back.items()
    }


def variants(
    weights: Mapping[str, np.ndarray],
    untrained: Mapping[str, np.ndarray],
    stages: Mapping[str, Collection[str]],
) -> Iterator[tuple[str, surgery.Weights]]:
    """Each stage's name, and the network with this stage alone taken back.

    Args:
      weights: See `with_stage_taken_back`.
      untrained: See there.
      stages: Names of the layers of each stage, by its name.

    Raises:
      UserError: See there.
    """
    for stage, layers in stages.items():
        yield stage, with_stage_taken_back(weights, untrained, layers)
