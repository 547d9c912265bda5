"""How many multiply-accumulates a second this machine reaches at all."""

import time

import tensorflow as tf

from yosinski_tf.machine.threads import Threads, set_threads

SIZES = (512, 1024, 2048)
_SECONDS = 0.4


def matrix_products(threads: int, precisions: tuple[str, ...]) -> dict[str, float]:
    """The most multiply-accumulates a second in products of square matrices.

    Through TensorFlow, as the networks' are, in graphs; the best of several sizes
    and of several calls of each. To be called in a process of its own.

    Args:
      threads: Threads that compute.
      precisions: Types of the matrices' numbers, by name.
    """
    set_threads(Threads(threads, threads))
    return {
        precision: max(_rate(size, tf.as_dtype(precision)) for size in SIZES)
        for precision in precisions
    }


def _rate(size: int, dtype: tf.DType) -> float:
    one = tf.cast(tf.random.normal((size, size), seed=1), dtype)
    multiply = tf.function(tf.linalg.matmul, jit_compile=False)
    multiply(one, one).numpy()
    best, until = 0.0, time.perf_counter() + _SECONDS
    while best == 0.0 or time.perf_counter() < until:
        started = time.perf_counter()
        multiply(one, one).numpy()
        best = max(best, size**3 / (time.perf_counter() - started))
    return best
