"""A whole target half from end to end: as cohorts, alone, and by plain Keras.

Times include process starts, compilation, reading and validation.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from yosinski_tf.benchmarks import measuring, workload
from yosinski_tf.benchmarks.measuring import Sample, in_new_process, tell
from yosinski_tf.benchmarks.table import Tables
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.cohorts import make_cohorts, multiply_accumulates
from yosinski_tf.experiment.recipes import RATE_DROPS, Recipe, parse_rate_drops
from yosinski_tf.experiment.runs import Run
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import (
    Treatment,
    all_treatments,
    parse_treatment,
)
from yosinski_tf.machine.threads import default_processes
from yosinski_tf.study.folder import IMAGES_FOLDER
from yosinski_tf.study.records import WEIGHTS_NAME, read_records
from yosinski_tf.system.errors import UserError
from yosinski_tf.training.job import Job

# 18 is what yosinski-study chooses for two processes.
_COHORT_SIZE = 18
_TOGETHER = (f"--cohort_size={_COHORT_SIZE}", "--feature_cache=auto")
_ALONE = ("--cohort_size=1", "--feature_cache=auto")
_UNCACHED = ("--cohort_size=1", "--feature_cache=off")
PLAIN = "plain Keras, alone"
# The number format of each variant, and its options of yosinski-study.
VARIANTS = {
    "cohorts, float32": ("float32", _TOGETHER),
    "alone, float32": ("float32", _ALONE),
    "cohorts, bfloat16": ("bfloat16", _TOGETHER),
    "alone, bfloat16": ("bfloat16", _ALONE),
    "alone, --feature_cache=off, float32": ("float32", _UNCACHED),
    PLAIN: ("float32", None),
}
_PAIRS = (
    ("cohorts, float32", "alone, float32"),
    ("cohorts, bfloat16", "alone, bfloat16"),
    ("cohorts, float32", "alone, --feature_cache=off, float32"),
    ("cohorts, float32", PLAIN),
    ("cohorts, bfloat16", PLAIN),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request(measuring.Request):
    """The flags of `yosinski-benchmark study`."""

    treatments: tuple[str, ...]

    @property
    def recipe(self) -> Recipe:
        """The recipe that yosinski-study has for these steps."""
        drops = parse_rate_drops(RATE_DROPS, self.steps)
        return Recipe(steps=self.steps, rate_drops=drops)


def networks_of_half() -> tuple[str, ...]:
    """The 36 networks of half B."""
    return tuple(str(treatment) for treatment in all_treatments(("B",)))


def run(request: Request) -> Tables:
    """Trains the half by every variant, once a round.

    Raises:
      UserError: If a training fails.
    """
    request.work.mkdir(parents=True, exist_ok=True)
    for precision in ("float32", "bfloat16"):
        tell(f"base network A, {precision}, which is not measured")
        train_study(request, _base(request, precision), precision, ["baseA"])
    each: dict[str, list[Sample]] = {name: [] for name in VARIANTS}
    measures = {
        name: partial(_measure, request, *variant, each[name])
        for name, variant in VARIANTS.items()
    }
    minutes = measuring.rounds("study", request.rounds, measures)
    images = len(request.treatments) * request.steps * request.recipe.batch_size
    rates = {
        variant: [measuring.rates(images, *(60 * m for m in s.values())) for s in taken]
        for variant, taken in minutes.items()
    }
    return {
        f"The {len(request.treatments)} networks of a half": measuring.rows(minutes),
        "Times as fast, within a round": measuring.ratios(rates, _PAIRS),
        "Each training, once its process runs": measuring.rows(each),
        "Multiply-accumulates of all steps": [_saved(request)],
    }


def _measure(
    request: Request, precision: str, options: Sequence[str] | None, each: list[Sample]
) -> Sample:
    """Trains the half, by plain Keras without options; adds to `each` training."""
    with tempfile.TemporaryDirectory(dir=request.work) as name:
        folder = pathlib.Path(name) / "study"
        shutil.copytree(_base(request, precision), folder)
        before = os.times()
        if options is None:
            taken = train_plainly(request, folder)
        else:
            names = request.treatments
            taken = train_study(request, folder, precision, names, options)
        spent = (now - then for now, then in zip(os.times(), before, strict=True))
        _, _, user, system, seconds = spent  # The first two are this process's own.
    each += [{"seconds": training} for training in taken]
    return {"minutes": seconds / 60, "minutes of the cores": (user + system) / 60}


def _base(request: Request, precision: str) -> pathlib.Path:
    """The study folder that holds the images and the base network of half A."""
    return request.work / f"base_{precision}_{request.steps}_steps"


def train_study(
    request: Request,
    folder: pathlib.Path,
    precision: str,
    treatments: Sequence[str],
    more: Sequence[str] = (),
) -> list[float]:
    """Trains networks by `yosinski-study`.

    Returns:
      Seconds of every cohort, without the start of its process.

    Raises:
      UserError: If it fails.
    """
    log = request.work / "study.log"
    command = [
        *(sys.executable, "-m", "yosinski_tf.binaries.study"),
        f"--runs={folder}",
        f"--split={workload.SPLIT}",
        f"--treatments={','.join(treatments)}",
        f"--steps={request.steps}",
        f"--precision={precision}",
        # Even for base A alone: threads, which a folder keeps, follow from it.
        f"--processes={default_processes()}",
        *more,
    ]
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if code:
        raise UserError(f"yosinski-study failed with code {code}: see {log}")
    found = [r.cohort for r in read_records(folder) if r.treatment in treatments]
    return list({cohort["id"]: cohort["total_seconds"] for cohort in found}.values())


def train_plainly(request: Request, folder: pathlib.Path) -> list[float]:
    """Trains every network of the half by plain Keras, each in a new process.

    As many at a time, and with as many threads, as `yosinski-study` chooses; in
    float32. Base A is that of the study in `folder`; base B is trained before its
    copies, as by `yosinski-study`.

    Returns:
      Seconds of every network, without the start of its process.
    """
    base_a = folder / "random-0_baseA_seed0" / WEIGHTS_NAME
    weights = {"A": base_a, "B": folder / "baseB.npz"}
    sources = {t: parse_treatment(t).copied_from_base for t in request.treatments}
    common = folder / IMAGES_FOLDER, get_network("mini"), request.recipe

    def train(name: str) -> float:
        if sources[name] == "B":
            base_b.result()
        job = workload.make_job(*common, (name,), default_processes())
        out = weights["B"] if name == "baseB" else None
        return in_new_process(_plain, job, weights.get(sources[name]), out)

    copies_last = sorted(sources, key=lambda name: sources[name] == "B")
    copies_last.remove("baseB")
    with concurrent.futures.ThreadPoolExecutor(default_processes()) as pool:
        base_b = pool.submit(train, "baseB")
        trained = [base_b, *(pool.submit(train, name) for name in copies_last)]
        try:
            return [future.result() for future in trained]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _plain(job: Job, source: pathlib.Path | None, out: pathlib.Path | None) -> float:
    started = time.monotonic()
    from yosinski_tf.benchmarks import keras_baseline

    keras_baseline.train(job, source, out)
    return time.monotonic() - started


def _saved(request: Request) -> dict[str, Any]:
    """How many times less the cohorts compute, since they share frozen layers."""
    # Half of the embedded classes; any split of them has the same costs.
    split = make_split(workload.SPLIT, [str(number) for number in range(40)])
    runs = [Run(split, parse_treatment(name), 0) for name in request.treatments]
    cohorts = [cohort.treatments for cohort in make_cohorts(runs, _COHORT_SIZE)]

    def work(parts: Sequence[Sequence[Treatment]]) -> int:
        rest = get_network("mini"), request.recipe.crop_size, len(split.half_b)
        return sum(multiply_accumulates(part, *rest) for part in parts)

    return {
        "cohorts of": ", ".join(str(len(part)) for part in cohorts),
        "times fewer than alone": work([[run.treatment] for run in runs])
        / work(cohorts),
    }
