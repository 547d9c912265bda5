"""Training measured: one network's steps, growing cohorts, and reading for them.

Everything is compared within one run; every number has its spread.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from yosinski_tf.benchmarks import cohort_growth, input_benchmark
from yosinski_tf.benchmarks.measuring import Sample, rates, ratios, summary
from yosinski_tf.benchmarks.own_process import apart
from yosinski_tf.data.sources import by_name, study_copy
from yosinski_tf.data.sources.image_set import (
    ImageSet,
    half_view,
    make_image_set,
    stored_image_set,
)
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.cohorts import multiply_accumulates
from yosinski_tf.experiment.networks import Network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.runs import Run
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import parse_treatment
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically

PARTS = ("step", "growth", "input")
PRECISIONS = ("float32", "bfloat16")
_MEASURED = ("steps", "batch_size", "crop_size")
# Of the large network a step takes a hundred times as long.
_LARGE_SHARE = 50
_GROWTH_SHARE = 5
_STORED_SIZES = (1, 2, 4, 8)
_STORE_RECORDS = 1000
# CaffeNet's shapes, so narrow that reading is dearer than one network.
_NARROW = (4, 4, 4, 4, 4, 16, 16)
_VALIDATION_PER_CLASS = 10
Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Request:
    """What to measure.

    Attributes:
      work: Folder for images, kept from one run to the next.
      rounds: Measurements of each variant.
      steps: Steps of one measurement of one small network; fewer of what is larger.
      threads: Threads that compute, everywhere.
      parts: Which of `PARTS`.
    """

    work: pathlib.Path
    rounds: int
    steps: int
    threads: int
    parts: tuple[str, ...] = PARTS


def run(request: Request, report: Report) -> dict[str, Any]:
    """All measurements, as plain JSON values.

    Raises:
      UserError: If the folder cannot be written.
    """
    try:
        request.work.mkdir(parents=True, exist_ok=True)
        write_atomically(request.work / "made_by", b"yosinski-benchmark train\n")
    except OSError as error:
        raise UserError(
            f"--work_dir cannot be written, {request.work} ({error.strerror}): give"
            " another"
        ) from None
    found: dict[str, Any] = {}
    if "step" in request.parts:
        found |= _steps(request, report)
    if "growth" in request.parts:
        found["growth"] = _growth(request, report)
    if "input" in request.parts:
        found["input"] = _input(request, report)
    return found


def _steps(request: Request, report: Report) -> dict[str, Any]:
    report("the machine's ceiling: products of matrices")
    ceilings = [_ceiling(request)]
    embedded = _embedded(request, report)
    mini = _step(request, get_network("mini"), Recipe(), embedded, report)
    large = Recipe(
        steps=max(2, request.steps // _LARGE_SHARE),
        rate_drops=(),
        learning_rate=0.001,
        image_size=256,
        crop_size=227,
        mirror=True,
        mean="image",
    )
    network = get_network("caffenet", num_outputs=1000)
    synthetic = _synthetic(request, report)
    caffenet = _step(request, network, large, synthetic, report)
    report("the machine's ceiling again")
    ceilings.append(_ceiling(request))
    ceiling = {name: max(c[name] for c in ceilings) for name in PRECISIONS}
    found = {"mini": mini, "caffenet": caffenet}
    for values in found.values():
        values["ceiling_share"] = {
            name: _times(rate, 1 / ceiling[_precision(name)])
            for name, rate in values["multiply_accumulates_per_second"].items()
        }
    return {"ceiling": ceiling, "step": found}


def _ceiling(request: Request) -> dict[str, float]:
    from yosinski_tf.benchmarks import ceiling

    return apart(ceiling.matrix_products, request.threads, PRECISIONS)


def _precision(variant: str) -> str:
    return next((p for p in PRECISIONS if variant.endswith(p)), "float32")


def _step(
    request: Request,
    network: Network,
    recipe: Recipe,
    images: pathlib.Path,
    report: Report,
) -> dict[str, Any]:
    from yosinski_tf.benchmarks import step_variants

    split = make_split("random:0", study_copy.load(images).class_names)
    few = network.name == "caffenet"
    steps = recipe.steps if few else request.steps
    setting = step_variants.Setting(
        images,
        split,
        network,
        recipe,
        PRECISIONS,
        request.threads,
        steps,
    )
    names = step_variants.names(setting)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for number in range(request.rounds):
        # Every other round the other way round: ABBA.
        for name in reversed(names) if number % 2 else names:
            report(f"{network.name}: round {number + 1} of {request.rounds}: {name}")
            samples[name].append(apart(step_variants.sample, setting, name))
    run = Run(split, parse_treatment("baseB"), seed=0)
    work = multiply_accumulates(
        [run], network, recipe.crop_size, len(split.classes("B"))
    )
    return {
        "crop_size": recipe.crop_size,
        "batch_size": recipe.batch_size,
    } | step_results(samples, steps, work)


def step_results(
    samples: Mapping[str, Sequence[Sample]], steps: int, work: int
) -> dict[str, Any]:
    """What follows from samples of one network's steps.

    Args:
      samples: By variant; `ours` and `plain Keras` are among them.
      steps: Steps of each sample.
      work: Multiply-accumulates of a step on one image.
    """
    from yosinski_tf.benchmarks.step_variants import OURS, PLAIN

    return {
        "steps": steps,
        "multiply_accumulates_per_image": work,
        "rates": {name: rates(taken) for name, taken in samples.items()},
        "step_seconds": {
            name: summary([s.seconds / steps for s in taken])
            for name, taken in samples.items()
        },
        "multiply_accumulates_per_second": {
            name: summary([s.images * work / s.seconds for s in taken])
            for name, taken in samples.items()
        },
        "ratios": [ratios(samples, OURS, PLAIN)]
        + [ratios(samples, n, PLAIN) for n in samples if n not in (OURS, PLAIN)],
    }


def _growth(request: Request, report: Report) -> list[dict[str, Any]]:
    images = _embedded(request, report)
    setting = _growing(request, images, get_network("mini"), Recipe())
    return _grown(setting, cohort_growth.SIZES, report)


def _growing(
    request: Request, images: pathlib.Path, network: Network, recipe: Recipe
) -> cohort_growth.Setting:
    period = max(2, request.steps // _GROWTH_SHARE)
    recipe = dataclasses.replace(
        recipe,
        steps=period * (request.rounds + 1),
        validate_every=period,
        rate_drops=(),
        learning_rate=0.001,
    )
    split = make_split("random:0", study_copy.load(images).class_names)
    bases = request.work / f"bases_{images.name}"
    return cohort_growth.Setting(images, bases, split, network, recipe, request.threads)


def _grown(
    setting: cohort_growth.Setting, sizes: Sequence[int], report: Report
) -> list[dict[str, Any]]:
    report(f"base networks to copy from, in {setting.bases}")
    apart(cohort_growth.train_bases, setting)
    found = []
    for size in sizes:
        report(f"a cohort of {size} on {setting.images.name}")
        found.append(apart(cohort_growth.measure, setting, size))
    return found


def _input(request: Request, report: Report) -> dict[str, Any]:
    pictures = input_benchmark.Request(
        *(request.work / "stored", "", _STORE_RECORDS, 256, 227),
        *(Recipe().batch_size, request.rounds, request.steps),
    )
    store = input_benchmark.make_stores(pictures, report, ("jpeg",))["jpeg"]
    images = request.work / "jpeg_store"
    study_copy.save(images, stored_image_set(store))
    recipe = Recipe(image_size=256, crop_size=227, mirror=True)
    network = get_network("caffenet", widths=_NARROW, lrn=False)
    setting = _growing(request, images, network, recipe)
    report("the input alone")
    alone = apart(_input_alone, pictures, store.folder, request.threads)
    return {
        "image_size": 256,
        "crop_size": 227,
        "widths": list(_NARROW),
        "alone": rates(alone),
        "cohorts": _grown(setting, _STORED_SIZES, report),
    }


def _input_alone(
    request: input_benchmark.Request, folder: pathlib.Path, threads: int
) -> list[Sample]:
    from yosinski_tf.benchmarks import input_variants, measuring
    from yosinski_tf.machine.threads import Threads, set_threads

    set_threads(Threads(threads, threads))
    names = tuple(range(50))
    setting = input_variants.Setting(
        request.image_size, request.crop_size, request.batch_size, names
    )
    part = input_variants.part_of(input_variants.open_images(folder, setting), setting)
    ours = {"ours": lambda: input_variants.ours(part, setting, 0, request.steps)}
    return measuring.take_turns(ours, request.rounds)["ours"]


def _times(values: dict[str, Any], factor: float) -> dict[str, Any]:
    return {k: v if k == "n" else v * factor for k, v in values.items()}


def _embedded(request: Request, report: Report) -> pathlib.Path:
    """The embedded images, of which few are validated on."""
    folder = request.work / "embedded"
    if study_copy.load(folder) is None:
        report("drawing the embedded images")
        drawn = by_name.load("embedded", image_size=Recipe().image_size)
        labels = np.asarray(drawn.validation_labels)
        few, _ = half_view(labels, range(len(drawn.class_names)), _VALIDATION_PER_CLASS)
        study_copy.save(
            folder,
            make_image_set(
                drawn.name,
                drawn.class_names,
                drawn.families,
                (np.asarray(drawn.train_images), np.asarray(drawn.train_labels)),
                (np.asarray(drawn.validation_images)[few], labels[few]),
            ),
        )
    return folder


def _synthetic(request: Request, report: Report) -> pathlib.Path:
    """Noise of the size of ImageNet's images as they are warped."""
    folder = request.work / "synthetic"
    if study_copy.load(folder) is None:
        report("drawing noise")
        study_copy.save(folder, _noise(count=256, side=256, classes=4))
    return folder


def _noise(count: int, side: int, classes: int) -> ImageSet:
    random = np.random.default_rng(0)

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        pixels = random.integers(0, 256, (count, side, side, 3), np.uint8)
        return pixels, np.arange(count) % classes

    names = tuple(f"noise{index}" for index in range(classes))
    return make_image_set("noise", names, None, part(count), part(classes))
