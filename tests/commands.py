"""How tests start the binaries, and what they start them on."""

import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Mapping

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
_NOTHING: Mapping[str, str] = {}


def start(
    binary: str, *arguments: str, environment: Mapping[str, str] = _NOTHING
) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", f"yosinski_tf.binaries.{binary}", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, **environment},
        # A test run in the background is deaf to Ctrl-C; what it starts is not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def run(
    binary: str, *arguments: str, environment: Mapping[str, str] = _NOTHING
) -> subprocess.CompletedProcess:
    process = start(binary, *arguments, environment=environment)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def draw_folder(folder: pathlib.Path, classes: int) -> pathlib.Path:
    random = np.random.default_rng(0)
    for part, count in (("train", 6), ("val", 3)):
        for name in range(classes):
            home = folder / part / f"class{name}"
            home.mkdir(parents=True)
            for image in range(count):
                pixels = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(home / f"{image}.png")
    return folder
