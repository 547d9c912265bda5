"""Starts Keras in a process, without packages that nothing here uses through it.

Keras imports scikit-learn and Matplotlib if they are installed, to wrap models and to
plot; TensorFlow imports JAX, to convert its functions. That is two fifths of the start
of a process, and 190 MB of its memory.
"""

import sys

from yosinski_tf.machine import keras_settings

_PASSED_ON = ("sklearn", "matplotlib", "jax")


def load() -> None:
    """Imports Keras and its backend; call it before a module that imports Keras.

    The packages that were left out may be imported afterwards.
    """
    backend = keras_settings.backend()
    left_out = [n for n in _PASSED_ON if n != backend and n not in sys.modules]
    # With None, an import fails like that of a package that is not installed.
    sys.modules.update(dict.fromkeys(left_out))
    try:
        import keras  # noqa: F401
    finally:
        for name in left_out:
            del sys.modules[name]
