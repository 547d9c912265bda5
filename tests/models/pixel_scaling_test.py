"""What central crops have subtracted."""

import numpy as np

from yosinski_tf.models.pixel_scaling import central_mean


def test_the_mean_of_central_crops_is_the_centre_of_the_mean_image():
    image = np.arange(25 * 3).reshape(5, 5, 3)
    assert central_mean(image, 2)[:, :, 0].tolist() == [[18, 21], [33, 36]]
    assert central_mean(image, 5).shape == (5, 5, 3)
    assert central_mean(np.array([1, 2, 3]), 2).tolist() == [1, 2, 3]
