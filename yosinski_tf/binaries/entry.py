"""Where the installed commands begin: Ctrl-C while they load is no stack trace."""

import contextlib
import signal
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print("stopped while starting", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


def base() -> None:
    """yosinski-base."""
    with _interruptible():
        from yosinski_tf.binaries import base

        base.run()


def transfer() -> None:
    """yosinski-transfer."""
    with _interruptible():
        from yosinski_tf.binaries import transfer

        transfer.run()


def random() -> None:
    """yosinski-random."""
    with _interruptible():
        from yosinski_tf.binaries.random import run

        run()


def study() -> None:
    """yosinski-study."""
    with _interruptible():
        from yosinski_tf.binaries import study

        study.run()


def report() -> None:
    """yosinski-report."""
    with _interruptible():
        from yosinski_tf.binaries import report

        report.run()


def export() -> None:
    """yosinski-export."""
    with _interruptible():
        from yosinski_tf.binaries import export

        export.run()


def prepare() -> None:
    """yosinski-prepare."""
    with _interruptible():
        from yosinski_tf.binaries import prepare

        prepare.run()


def benchmark() -> None:
    """yosinski-benchmark."""
    with _interruptible():
        from yosinski_tf.binaries import benchmark

        benchmark.run()
