"""A whole target half from end to end: as cohorts, alone, and by plain Keras.

Times include process starts, compilation, reading and validation. Each measurement is
kept as soon as it is done, so that the same command continues a stopped one.
"""

import concurrent.futures
import dataclasses
import json
import pathlib
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from yosinski_tf.benchmarks import measuring, workload
from yosinski_tf.benchmarks.measuring import in_new_process, tell, turns
from yosinski_tf.benchmarks.table import Tables
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.cohorts import make_cohorts, multiply_accumulates
from yosinski_tf.experiment.recipes import Recipe, parse_rate_drops
from yosinski_tf.experiment.runs import Run
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import (
    Treatment,
    all_treatments,
    parse_treatment,
)
from yosinski_tf.scheduling.progress import duration
from yosinski_tf.study.folder import IMAGES_FOLDER
from yosinski_tf.study.records import WEIGHTS_NAME, read_records
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically
from yosinski_tf.training.job import Job

COHORTS, ALONE, PLAIN = "cohorts", "alone", "plain Keras, alone"
# At the first precision only.
ALONE_UNCACHED = "alone, --feature_cache=off"
Measurement = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Request:
    """What to measure: the flags of `yosinski-benchmark study`.

    Plain Keras has the same processes and `threads` of each; its numbers are float32.
    """

    work: pathlib.Path
    rounds: int
    steps: int
    precisions: tuple[str, ...]
    processes: int
    threads: int
    cohort_size: int
    treatments: tuple[str, ...]

    @property
    def recipe(self) -> Recipe:
        """The default recipe with these steps."""
        return Recipe(
            steps=self.steps,
            validate_every=max(1, self.steps // 10),
            rate_drops=parse_rate_drops(("60%", "85%"), self.steps),
        )

    @property
    def variants(self) -> list[str]:
        """The program's variants at each precision, and plain Keras."""
        ours = [f"{kind}, {p}" for p in self.precisions for kind in (COHORTS, ALONE)]
        return [*ours, f"{ALONE_UNCACHED}, {self.precisions[0]}", PLAIN]

    @property
    def kept(self) -> pathlib.Path:
        """The file of finished measurements, which any number of rounds may share."""
        _, _, *settings = dataclasses.astuple(self)
        return measuring.kept_at(self.work, "study", settings).with_suffix(".json")


def networks_of_half() -> tuple[str, ...]:
    """The 36 networks of half B."""
    return tuple(str(treatment) for treatment in all_treatments(("B",)))


def run(request: Request) -> Tables:
    """Makes the measurements that were not made by an earlier start.

    Raises:
      UserError: If a training fails.
    """
    request.work.mkdir(parents=True, exist_ok=True)
    measured: dict[str, list[Measurement]] = {v: [] for v in request.variants}
    if request.kept.exists():
        measured = json.loads(request.kept.read_text())
    for precision in request.precisions:
        tell(f"base network A, {precision}, which is not measured")
        train_study(request, _base(request, precision), precision, ["baseA"])
    todo = [
        (number, variant)
        for number in range(request.rounds)
        for variant in turns(request.variants, number)
        if len(measured[variant]) <= number
    ]
    for place, (number, variant) in enumerate(todo):
        left = [name for _, name in todo[place:]]
        seconds = [m["seconds"] for name in left for m in measured[name][-1:]]
        time_left = duration(sum(seconds)) if len(seconds) == len(left) else "unknown"
        tell(
            f"round {number + 1} of {request.rounds}: {variant}; measurements left:"
            f" {len(left)}, time left: {time_left}"
        )
        measured[variant].append(_measure(request, variant))
        write_atomically(request.kept, json.dumps(measured).encode())
    return half_tables(request, measured)


def half_tables(
    request: Request, measured: Mapping[str, Sequence[Measurement]]
) -> Tables:
    """Tables of the measurements of each variant, one a round: `seconds` from end to
    end, `processor_seconds` of all processes, `each_seconds` of every training.
    """
    images = len(request.treatments) * request.steps * request.recipe.batch_size
    rates, minutes, each = {}, {}, {}
    for variant, found in measured.items():
        rates[variant], minutes[variant], each[variant] = [], [], []
        for one in found[: request.rounds]:
            wall, cores = one["seconds"], one["processor_seconds"]
            rates[variant].append(measuring.rates(images, wall, cores))
            times = {"minutes": wall / 60, "minutes of the cores": cores / 60}
            minutes[variant].append(times)
            each[variant] += [{"seconds": s} for s in one["each_seconds"]]
    pairs = [(f"{COHORTS}, {p}", f"{ALONE}, {p}") for p in request.precisions]
    pairs.append((request.variants[0], request.variants[-2]))
    pairs += [(f"{COHORTS}, {p}", PLAIN) for p in request.precisions]
    return {
        f"The {len(request.treatments)} networks of a half": measuring.rows(minutes),
        "Times as fast, within a round": measuring.ratios(rates, pairs),
        "Each training, once its process runs": measuring.rows(each),
        "Multiply-accumulates of all steps": [_saved(request)],
    }


def _measure(request: Request, variant: str) -> Measurement:
    folder = request.work / "measured_study"
    shutil.rmtree(folder, ignore_errors=True)
    kind, _, precision = variant.rpartition(", ")
    plain = variant == PLAIN
    shutil.copytree(_base(request, "float32" if plain else precision), folder)
    processor = measuring.processor_time(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    if plain:
        each = train_plainly(request, folder)
    else:
        size = request.cohort_size if kind == COHORTS else 1
        cache = "off" if kind == ALONE_UNCACHED else "auto"
        more = [f"--cohort_size={size}", f"--feature_cache={cache}"]
        each = train_study(request, folder, precision, request.treatments, more)
    seconds = time.monotonic() - started
    processor = measuring.processor_time(resource.RUSAGE_CHILDREN) - processor
    shutil.rmtree(folder)
    tell(f"  {variant}: {duration(seconds)}, {duration(processor)} of the cores")
    return {"seconds": seconds, "processor_seconds": processor, "each_seconds": each}


def _base(request: Request, precision: str) -> pathlib.Path:
    """The study folder that holds the images and the base network of half A."""
    name = f"base_{precision}_{request.steps}_steps_{request.threads}_threads"
    return request.work / name


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
    recipe, log = request.recipe, request.work / "study.log"
    command = [
        *(sys.executable, "-m", "yosinski_tf.binaries.study"),
        f"--runs={folder}",
        f"--split={workload.SPLIT}",
        f"--treatments={','.join(treatments)}",
        f"--steps={recipe.steps}",
        f"--validate_every={recipe.validate_every}",
        f"--rate_drops={','.join(map(str, recipe.rate_drops))}",
        f"--precision={precision}",
        f"--processes={request.processes}",
        f"--threads={request.threads}",
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

    As many at a time as ours, with the same threads, in float32. Base A is that of
    the study in `folder`; base B is trained before its copies, as by `yosinski-study`.

    Returns:
      Seconds of every network, without the start of its process.
    """
    base_a = folder / "random-0_baseA_seed0" / WEIGHTS_NAME
    weights = {"A": base_a, "B": folder / "baseB.npz"}
    sources = {t: parse_treatment(t).copied_from_base for t in request.treatments}
    common = folder / IMAGES_FOLDER, get_network("mini"), request.recipe

    def train(name: str) -> float:
        job = workload.make_job(*common, request.threads, (name,), request.processes)
        out = weights["B"] if name == "baseB" else None
        seconds = in_new_process(_plain, job, weights.get(sources[name]), out)
        tell(f"  {name} by plain Keras: {duration(seconds)}")
        return seconds

    with concurrent.futures.ThreadPoolExecutor(request.processes) as pool:
        try:
            base_b = pool.submit(train, "baseB")
            others = [t for t in request.treatments if t != "baseB"]
            trained = [pool.submit(train, t) for t in others if sources[t] != "B"]
            each = [base_b.result()]
            trained += [pool.submit(train, t) for t in others if sources[t] == "B"]
            return each + [future.result() for future in trained]
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
    cohorts = make_cohorts(runs, request.cohort_size)

    def work(parts: Iterable[Sequence[Treatment]]) -> int:
        rest = get_network("mini"), request.recipe.crop_size, len(split.half_b)
        return sum(multiply_accumulates(part, *rest) for part in parts)

    together = [cohort.treatments for cohort in cohorts]
    return {
        "cohorts of": ", ".join(str(len(part)) for part in together),
        "times fewer than alone": work([each] for each in sum(together, ()))
        / work(together),
    }
