"""Explains the layers of a study by the command of that name."""

import pathlib
import subprocess
import sys

from yosinski_tf.system import signals


def explain(runs: pathlib.Path, measure: str) -> int:
    """Runs `yosinski-explain` on a study, so that this process loads no TensorFlow.

    Args:
      runs: The study folder.
      measure: What the figures of its report show.

    Returns:
      The exit code of the command.

    Raises:
      KeyboardInterrupt: On Ctrl-C and the like, after the command has ended.
    """
    command = [sys.executable, "-m", "yosinski_tf.binaries.explain"]
    process = None
    try:
        with signals.left_to_parent():
            process = subprocess.Popen(
                [*command, f"--runs={runs}", f"--measure={measure}"]
            )
        return process.wait()
    except KeyboardInterrupt:
        if process is not None:
            process.terminate()
            # While it starts up, it says nothing.
            if process.wait() < 0:
                print("Stopped; the same command goes on from here.", flush=True)
        raise
