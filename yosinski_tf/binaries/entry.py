"""The installed commands; Ctrl-C while one is loaded prints no stack trace."""

import functools
import importlib
import signal
import sys


def _start(name: str) -> None:
    try:
        importlib.import_module(f"yosinski_tf.binaries.{name}").run()
    except KeyboardInterrupt:
        print("stopped while starting", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


base = functools.partial(_start, "base")
transfer = functools.partial(_start, "transfer")
random = functools.partial(_start, "random")
study = functools.partial(_start, "study")
report = functools.partial(_start, "report")
export = functools.partial(_start, "export")
explain = functools.partial(_start, "explain")
prepare = functools.partial(_start, "prepare")
benchmark = functools.partial(_start, "benchmark")
