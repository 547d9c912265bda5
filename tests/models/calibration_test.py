"""Statistics of batch normalisation against means and variances by NumPy."""

import numpy as np
import pytest
from stage_networks import two_norms

from yosinski_tf.models.calibration import Calibrator
from yosinski_tf.models.network_reading import describe


def test_statistics_are_means_over_batches_each_seen_with_its_own():
    network = describe(two_norms(), name="test", stages="one_relu,two_relu")
    assert network.stage_names == ("one_relu", "two_relu", "head")
    random = np.random.default_rng(0)
    weights = {
        key: random.uniform(0.5, 2, shape).astype(np.float32)
        for key, shape in network.weight_shapes(2, 2).items()
    }
    # Of different spread and number: batches count alike.
    batches = [
        random.integers(0, most, (count, 2, 2, 3), np.uint8)
        for most, count in ((255, 8), (30, 2))
    ]
    found = Calibrator(network).calibrated(weights, batches, [100.0, 90.0, 80.0])
    seen = {}
    for batch in batches:
        x = (batch - np.array([100.0, 90.0, 80.0])) / 64
        for name in ("one", "two"):
            x = x @ weights[f"{name}/kernel"][0, 0]
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
            seen.setdefault(f"{name}_norm/moving_mean", []).append(mean)
            seen.setdefault(f"{name}_norm/moving_variance", []).append(variance)
            x = (x - mean) / np.sqrt(variance + 0.25)
            x = x * weights[f"{name}_norm/gamma"] + weights[f"{name}_norm/beta"]
            x = np.maximum(x, 0)
    assert len(seen) == 4
    for name, of_batches in seen.items():
        assert found[name] == pytest.approx(np.mean(of_batches, 0), rel=1e-4), name
    for name in weights.keys() - seen.keys():
        assert np.array_equal(found[name], weights[name]), name
