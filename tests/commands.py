"""How tests start the commands, and what they start them on."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from places import ROOT

TINY = [
    "--image_size=16",
    "--widths=4,4,4,4,4,8,8",
    "--steps=12",
    "--batch_size=4",
    "--validate_every=6",
    # Not auto, which differs between machines.
    "--precision=float32",
]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
}
Completed = subprocess.CompletedProcess
_NOTHING: Mapping[str, str] = {}


def start(
    binary: str,
    *arguments: str,
    environment: Mapping[str, str] = _NOTHING,
    output: pathlib.Path | None = None,
    **options: Any,
) -> subprocess.Popen:
    """Starts a command; what it prints goes to pipes, or all of it to a file.

    Args:
      binary: Its name without `yosinski-`.
      *arguments: Its arguments.
      environment: Variables to add to the environment.
      output: The file.
      **options: More options of `Popen`.
    """
    with contextlib.ExitStack() as files:
        out, err = subprocess.PIPE, subprocess.PIPE
        if output is not None:
            out, err = files.enter_context(open(output, "w")), subprocess.STDOUT
        return subprocess.Popen(
            [sys.executable, "-m", f"yosinski_tf.binaries.{binary}", *arguments],
            stdout=out,
            stderr=err,
            text=True,
            env={**ENVIRONMENT, **environment},
            preexec_fn=listen,
            **options,
        )


def listen() -> None:
    """Makes a new process end by Ctrl-C and SIGHUP, which its parent may ignore.

    Tests do so in the background, or under `nohup`.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def run(binary: str, *arguments: str, **options: Any) -> Completed:
    """Runs a command to its end, see `start`."""
    process = start(binary, *arguments, **options)
    out, err = process.communicate(timeout=900)
    return Completed(process.args, process.returncode, out, err)


def succeed(binary: str, *arguments: str, **options: Any) -> Completed:
    """Runs a command that must succeed."""
    done = run(binary, *arguments, **options)
    assert done.returncode == 0, done.stderr
    return done


def refuse(binary: str, *arguments: str, **options: Any) -> str:
    """Runs a command that must be refused; returns its one sentence."""
    done = run(binary, *arguments, **options)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def python(code: str, *arguments: Any, **options: Any) -> Completed:
    """Runs some code in a new process, see `subprocess.run`."""
    options = {"env": ENVIRONMENT, "capture_output": True, "text": True, **options}
    return subprocess.run([sys.executable, "-c", code, *arguments], **options)


def last_step(runs: pathlib.Path, cohorts: str = "*") -> int:
    """The step of the newest checkpoint of some cohorts; 0 without one."""
    found = runs.glob(f"cohorts/{cohorts}.*.checkpoint")
    return max((int(path.name.split(".")[-2]) for path in found), default=0)


def draw_folder(folder: pathlib.Path, classes: int) -> pathlib.Path:
    """Makes a folder of images: 6 of each class for training, 3 for validation."""
    random = np.random.default_rng(0)
    for part, count in (("train", 6), ("val", 3)):
        for name in range(classes):
            home = folder / part / f"class{name}"
            home.mkdir(parents=True)
            for image in range(count):
                pixels = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(home / f"{image}.png")
    return folder
