"""A convolution whose gradients TensorFlow computes wrongly on some processors."""

import keras
import pytest

from yosinski_tf.machine import hardware
from yosinski_tf.models.onednn import check_gradients
from yosinski_tf.models.resnet_mini import resnet_mini
from yosinski_tf.system.errors import UserError

NARROW = resnet_mini((16, 16, 3), 2, blocks=1, width=4).layers


@pytest.fixture
def old_processor(monkeypatch):
    monkeypatch.setattr(hardware, "processor_flags", lambda: frozenset({"avx2"}))
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)


def test_a_narrow_shortcut_is_refused_where_its_gradient_is_wrong(old_processor):
    with pytest.raises(UserError) as caught:
        check_gradients(NARROW)
    assert str(caught.value).startswith(
        "layer block2_shortcut, a 1 x 1 convolution with a stride, needs at least 8"
        " input channels on a processor without AVX-512, found 4,"
    )


@pytest.mark.parametrize("width", [8, 12])
def test_wide_enough_ones_are_trained(old_processor, width):
    check_gradients(resnet_mini((16, 16, 3), 2, blocks=1, width=width).layers)


def test_frozen_layers_have_no_gradient(old_processor):
    layer = keras.layers.Conv2D(8, 1, 2, trainable=False)
    layer.build((None, 4, 4, 3))
    check_gradients([layer])
    layer.trainable = True
    with pytest.raises(UserError, match="found 3"):
        check_gradients([layer])


def test_other_processors_and_settings_compute_it_right(old_processor, monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    check_gradients(NARROW)
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    monkeypatch.setattr(hardware, "processor_flags", lambda: frozenset({"avx512f"}))
    check_gradients(NARROW)
