"""A target half trained from end to end, by the commands and by plain Keras."""

import concurrent.futures
import multiprocessing
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from yosinski_tf.data.sources import study_copy
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.recipes import Recipe, parse_rate_drops
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import parse_treatment
from yosinski_tf.machine.threads import choose_threads
from yosinski_tf.study.folder import IMAGES_FOLDER
from yosinski_tf.study.records import RECORD_NAME, read_records
from yosinski_tf.system.errors import UserError

_SPLIT = "random:0"
_DROPS = ("60%", "85%")
_BASE_A = "random-0_baseA_seed0"
Tell = Callable[[int], None]


class Request(Protocol):
    """What of `study_benchmark.Request` is used here."""

    work: pathlib.Path
    steps: int
    processes: int
    threads: int
    treatments: tuple[str, ...]

    @property
    def validate_every(self) -> int: ...


def base_folder(request: Request, precision: str) -> pathlib.Path:
    """The study folder that holds the base network of half A, and the images."""
    name = f"base_{precision}_{request.steps}_steps_{request.threads}_threads"
    return request.work / name


def train_base(request: Request, precision: str) -> None:
    """Trains it, unless it is there.

    Raises:
      UserError: If it fails.
    """
    folder = base_folder(request, precision)
    more = ["--treatments=baseA", "--processes=1"]
    _command(request, "base", folder, precision, more, lambda done: None)


def train_half(
    request: Request,
    folder: pathlib.Path,
    precision: str,
    cohort_size: int,
    keeping: bool,
    tell: Tell,
) -> list[float]:
    """Trains the half with `yosinski-study`, in a study that has base A.

    Args:
      request: What to train.
      folder: The study.
      precision: Number format.
      cohort_size: Networks trained together at most.
      keeping: Whether outputs of frozen layers may be computed once, and kept.
      tell: Told about every second how many networks are done.

    Returns:
      Seconds of every cohort by itself, from the model to the record.

    Raises:
      UserError: If it fails.
    """
    more = [
        f"--treatments={','.join(request.treatments)}",
        f"--processes={request.processes}",
        f"--cohort_size={cohort_size}",
        f"--feature_cache={'auto' if keeping else 'off'}",
    ]
    _command(request, "study", folder, precision, more, tell)
    cohorts = {
        record.cohort["id"]: record.cohort["total_seconds"]
        for record in read_records(folder)
        if record.treatment in request.treatments
    }
    return list(cohorts.values())


def _command(
    request: Request,
    binary: str,
    folder: pathlib.Path,
    precision: str,
    more: list[str],
    tell: Tell,
) -> None:
    arguments = [
        f"--runs={folder}",
        f"--split={_SPLIT}",
        f"--steps={request.steps}",
        f"--validate_every={request.validate_every}",
        f"--rate_drops={','.join(_DROPS)}",
        f"--precision={precision}",
        f"--threads={request.threads}",
        *more,
    ]
    log = request.work / f"{binary}.log"
    with open(log, "w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", f"yosinski_tf.binaries.{binary}", *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            looked = time.monotonic()
            while process.poll() is None:
                time.sleep(0.05)
                if time.monotonic() - looked > 1:
                    looked = time.monotonic()
                    found = len(list(folder.glob(f"*/{RECORD_NAME}")))
                    tell(max(0, found - 1))
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        raise UserError(
            f"yosinski-{binary} failed with code {process.returncode}: see {log}"
        )


def train_plainly(request: Request, folder: pathlib.Path, tell: Tell) -> list[float]:
    """Trains every network of the half with plain Keras, each in its own process.

    As many at a time as ours, with the same threads; float32; base A is copied from
    the program's own, base B is trained first, as it is by ours.

    Returns:
      Seconds of every process.

    Raises:
      UserError: If one fails.
    """
    folder.mkdir()
    base = base_folder(request, "float32")
    base_b = folder / "baseB.npz"
    sources = {"A": base / _BASE_A / "weights.npz", "B": base_b}
    images = study_copy.load(base / IMAGES_FOLDER)
    classes = make_split(_SPLIT, images.class_names).classes("B")
    recipe = Recipe(
        steps=request.steps,
        validate_every=request.validate_every,
        rate_drops=parse_rate_drops(_DROPS, request.steps),
    )
    network, done = get_network("mini"), 0
    threads = choose_threads(
        network, recipe, len(classes), request.processes, request.threads
    )

    def train(treatment: str) -> float:
        nonlocal done
        source = parse_treatment(treatment).copied_from_base
        if source == "B":
            first.result()
        started = time.monotonic()
        task = {
            "images": base / IMAGES_FOLDER,
            "classes": classes,
            "network": network,
            "recipe": recipe,
            "treatment": treatment,
            "source": sources.get(source),
            "out": base_b if treatment == "baseB" else None,
            "threads": threads,
        }
        process = multiprocessing.get_context("spawn").Process(
            target=_train_plainly, args=(task,), daemon=True
        )
        process.start()
        process.join()
        if process.exitcode:
            raise UserError(
                f"training {treatment} with plain Keras failed with code"
                f" {process.exitcode}: see the lines above"
            )
        done += 1
        return time.monotonic() - started

    with concurrent.futures.ThreadPoolExecutor(request.processes) as pool:
        first = pool.submit(train, "baseB")
        others = [t for t in request.treatments if t != "baseB"]
        waiting = {first, *(pool.submit(train, t) for t in others)}
        each = []
        try:
            while waiting:
                ended, waiting = concurrent.futures.wait(
                    waiting, 1, concurrent.futures.FIRST_COMPLETED
                )
                each += [future.result() for future in ended]
                tell(done)
        finally:
            for future in waiting:
                future.cancel()
    return each


def _train_plainly(task: dict[str, Any]) -> None:
    """Body of a process."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from yosinski_tf.benchmarks import keras_baseline

    keras_baseline.train_alone(keras_baseline.Task(**task))
