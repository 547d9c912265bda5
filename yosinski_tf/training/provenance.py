"""What a result was computed with: versions and device."""

from typing import Any

import keras

from yosinski_tf.machine import hardware
from yosinski_tf.system.versions import installed

_PACKAGES = ("yosinski_tf", "tensorflow", "keras", "numpy", "pillow", "jax")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    return installed(_PACKAGES)


def accelerators() -> list[Any]:
    """The accelerators that Keras' backend sees, as its own objects; none on a CPU."""
    if keras.backend.backend() == "jax":
        import jax

        return [device for device in jax.devices() if device.platform != "cpu"]
    import tensorflow as tf

    # Unlike a list of logical devices, this does not set the devices up for good.
    return tf.config.list_physical_devices("GPU")


def describe_device() -> str:
    """The accelerators in use, or else the processor and its cores, for people."""
    if found := accelerators():
        return f"{len(found)} x {_name(found[0])}"
    return f"CPU, {hardware.processor_name()}, {hardware.cores()} cores"


def _name(accelerator: Any) -> str:
    if keras.backend.backend() == "jax":
        return accelerator.device_kind
    import tensorflow as tf

    details = tf.config.experimental.get_device_details(accelerator)
    return details.get("device_name", accelerator.name)
