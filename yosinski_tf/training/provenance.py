"""What a result was computed with: versions and device."""

import platform

import keras

from yosinski_tf.machine import hardware
from yosinski_tf.system.versions import installed

_PACKAGES = ("yosinski_tf", "tensorflow", "keras", "numpy", "pillow", "jax")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    return installed(_PACKAGES)


def describe_device() -> str:
    """The accelerators that Keras sees, or else the processor and its cores."""
    # All devices: JAX raises if it is asked for a kind that it does not have.
    devices = keras.distribution.list_devices()
    accelerators = [name for name in devices if not name.startswith("cpu")]
    if accelerators:
        return f"{len(accelerators)} x {_accelerator_name()}"
    return f"CPU, {_processor_name()}, {hardware.cores()} cores"


def _accelerator_name() -> str:
    if keras.backend.backend() == "jax":
        import jax

        return jax.devices()[0].device_kind
    import tensorflow as tf

    device = tf.config.list_physical_devices("GPU")[0]
    details = tf.config.experimental.get_device_details(device)
    return details.get("device_name", device.name)


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
