"""A whole target half measured: as cohorts, alone, and alone with plain Keras.

Wall time from end to end, with process starts, compilation, reading and
validation; what is done is kept, so that a measurement that was stopped goes on.
"""

import dataclasses
import json
import pathlib
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any

from yosinski_tf.benchmarks import half_runs
from yosinski_tf.benchmarks.measuring import Sample, ratios, summary
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.cohorts import make_cohorts, multiply_accumulates
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.runs import Run, make_runs
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import parse_treatments
from yosinski_tf.scheduling.progress import duration
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically

COHORTS, ALONE, PLAIN = "cohorts", "alone", "plain Keras, alone"
# Each step computes the frozen layers, too; at the first precision only.
KEEPING_NOTHING = "alone keeping nothing"
_STATE = "study_measured.json"
_CLASSES = 40
Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Request:
    """What to measure.

    Attributes:
      work: Folder for studies, deleted one by one, and for what is measured.
      rounds: Measurements of each variant.
      steps: Steps of every network; validations are ten.
      precisions: Each of ours is measured at each.
      processes: Trainings side by side, of every variant.
      threads: Threads of each of them.
      cohort_size: Networks trained together at most.
      treatments: Names of what is trained on half B.
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
    def validate_every(self) -> int:
        """Steps between validations."""
        return max(1, self.steps // 10)

    def settings(self) -> dict[str, Any]:
        """All of it but the folder and the rounds, as plain values."""
        values = dataclasses.asdict(self)
        values = {k: v for k, v in values.items() if k not in ("work", "rounds")}
        return json.loads(json.dumps(values))


def target_half() -> tuple[str, ...]:
    """The 36 networks of half B, in an order in which few have to wait."""
    depths = range(1, 8)
    families = ("R{}B", "A{}B", "A{}B+", "B{}B", "B{}B+")
    return ("baseB", *(family.format(n) for family in families for n in depths))


def run(request: Request, report: Report) -> dict[str, Any]:
    """All measurements, as plain JSON values.

    Raises:
      UserError: If the folder cannot be used or holds other measurements, or a
        training failed.
    """
    measured = _read(request)
    for precision in request.precisions:
        report(f"base network A, {precision}, which is not measured")
        half_runs.train_base(request, precision)
    todo = _order(request)
    for number, (round_, variant) in enumerate(todo, start=1):
        if any(m["round"] == round_ and m["variant"] == variant for m in measured):
            continue
        left = todo[number - 1 :]
        report(
            f"round {round_ + 1} of {request.rounds}: {variant}; {len(left)} of"
            f" {len(todo)} measurements left{_expected(left, measured)}"
        )
        measured.append({"round": round_} | _measure(request, variant, report))
        _write(request, measured)
    return results(request, measured)


def _order(request: Request) -> list[tuple[int, str]]:
    variants = [
        f"{kind}, {precision}"
        for precision in request.precisions
        for kind in (COHORTS, ALONE)
    ] + [f"{KEEPING_NOTHING}, {request.precisions[0]}", PLAIN]
    # Every other round the other way round: ABBA.
    return [
        (number, variant)
        for number in range(request.rounds)
        for variant in (variants if number % 2 == 0 else reversed(variants))
    ]


def _expected(
    left: Sequence[tuple[int, str]], measured: Sequence[dict[str, Any]]
) -> str:
    """How long they will take, as the same ones took; nothing of unknown ones."""
    seconds = {m["variant"]: m["seconds"] for m in measured}
    if not all(variant in seconds for _, variant in left):
        return ""
    return f", about {duration(sum(seconds[variant] for _, variant in left))}"


def _measure(request: Request, variant: str, report: Report) -> dict[str, Any]:
    folder = request.work / "measured_study"
    shutil.rmtree(folder, ignore_errors=True)
    total, said = len(request.treatments), time.monotonic()

    def tell(done: int) -> None:
        nonlocal said
        if time.monotonic() - said > 30:
            said = time.monotonic()
            so_far = duration(said - started)
            report(f"  {variant}: {done} of {total} networks after {so_far}")

    kind, _, precision = variant.rpartition(", ")
    if variant != PLAIN:
        shutil.copytree(half_runs.base_folder(request, precision), folder)
    cpu, started = _cpu_seconds(), time.monotonic()
    if variant == PLAIN:
        each = half_runs.train_plainly(request, folder, tell)
    else:
        size = request.cohort_size if kind == COHORTS else 1
        keeping = kind != KEEPING_NOTHING
        each = half_runs.train_half(request, folder, precision, size, keeping, tell)
    seconds, cpu = time.monotonic() - started, _cpu_seconds() - cpu
    shutil.rmtree(folder)
    report(f"  {variant}: {duration(seconds)}, {duration(cpu)} of the cores' time")
    return {
        "variant": variant,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "each_seconds": each,
    }


def _cpu_seconds() -> float:
    """Time of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def results(request: Request, measured: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What follows from the measurements.

    Args:
      request: What was measured.
      measured: By round and variant: `seconds` from end to end, `cpu_seconds` of
        all processes, `each_seconds` of every training by itself.
    """
    images = len(request.treatments) * request.steps * Recipe().batch_size
    samples: dict[str, list[Sample]] = {}
    each: dict[str, list[float]] = {}
    for m in sorted(measured, key=lambda m: m["round"]):
        sample = Sample(images, m["seconds"], m["cpu_seconds"])
        samples.setdefault(m["variant"], []).append(sample)
        each.setdefault(m["variant"], []).extend(m["each_seconds"])
    pairs = [(f"{COHORTS}, {p}", f"{ALONE}, {p}") for p in request.precisions]
    first = request.precisions[0]
    pairs.append((f"{COHORTS}, {first}", f"{KEEPING_NOTHING}, {first}"))
    pairs += [(f"{COHORTS}, {p}", PLAIN) for p in request.precisions]
    return {
        "networks": len(request.treatments),
        "arithmetic": _arithmetic(request),
        "seconds": {v: summary([s.seconds for s in t]) for v, t in samples.items()},
        "cpu_seconds": {
            v: summary([s.cpu_seconds for s in t]) for v, t in samples.items()
        },
        "training_seconds": {v: summary(values) for v, values in each.items()},
        "ratios": [ratios(samples, one, other) for one, other in pairs],
        "measured": list(measured),
    }


def _arithmetic(request: Request) -> dict[str, float]:
    """Multiply-accumulates of all steps, alone and together, of one image each."""
    names = [str(number) for number in range(_CLASSES)]
    split, whole = make_split("random:0", names), make_split("whole", names)
    treatments = parse_treatments(request.treatments)
    runs = make_runs([(split, treatments)], whole, [0], with_bases=False)
    classes = len(split.classes("B"))

    def work(runs: Sequence[Run]) -> int:
        return multiply_accumulates(
            runs, get_network("mini"), Recipe().crop_size, classes
        )

    cohorts = make_cohorts(runs, request.cohort_size)
    alone = sum(work([run]) for run in runs)
    together = sum(work(cohort.runs) for cohort in cohorts)
    return {
        "alone": alone,
        "cohorts": together,
        "cohort_sizes": [len(cohort.runs) for cohort in cohorts],
        "ratio": alone / together,
    }


def _read(request: Request) -> list[dict[str, Any]]:
    """What an earlier start has measured already."""
    path = request.work / _STATE
    try:
        request.work.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write(request, [])
        state = json.loads(path.read_text())
        same = state["settings"] == request.settings()
    except OSError as error:
        raise UserError(
            f"--work_dir cannot be written, {request.work} ({error.strerror}): give"
            " another"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read ({error}): delete it to measure anew"
        ) from None
    if not same:
        raise UserError(
            f"{path} holds measurements of {state['settings']}, wanted"
            f" {request.settings()}: delete it, or give another --work_dir"
        )
    return state["measured"]


def _write(request: Request, measured: Sequence[dict[str, Any]]) -> None:
    state = {"settings": request.settings(), "measured": list(measured)}
    write_atomically(request.work / _STATE, json.dumps(state).encode())
