"""One network's training step: ours, plain Keras's, and the machine's ceiling."""

import dataclasses
import time
from collections.abc import Mapping, Sequence

from yosinski_tf.benchmarks import measuring, workload
from yosinski_tf.benchmarks.measuring import Sample, in_new_process, tell
from yosinski_tf.benchmarks.table import Tables
from yosinski_tf.benchmarks.workload import Request
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.cohorts import multiply_accumulates
from yosinski_tf.machine import threads
from yosinski_tf.training.job import Job

OURS, PLAIN = "ours", "plain Keras"
# The precision of each variant.
VARIANTS = {OURS: "float32", f"{OURS}, bfloat16": "bfloat16", PLAIN: "float32"}
# A step of caffenet takes a hundred times as long as one of mini.
_CAFFENET_SHARE = 50
_MATRIX_SIZES, _MATRIX_SECONDS = (512, 1024, 2048), 0.4


def run(request: Request) -> Tables:
    """Measures the steps of `mini` and `caffenet`."""
    ceilings = [in_new_process(matrix_products, request.threads)]
    measured = []
    for job in _jobs(request):
        taken: dict[str, list[Sample]] = {variant: [] for variant in VARIANTS}
        for place in range(request.rounds):
            for variant in measuring.turns(VARIANTS, place):
                tell(f"{job.network.name}: round {place + 1}: {variant}")
                taken[variant].append(in_new_process(measure_steps, job, variant))
        measured.append((job, taken))
    ceilings.append(in_new_process(matrix_products, request.threads))
    ceiling = {p: max(each[p] for each in ceilings) for p in ceilings[0]}
    most = [{"precision": p, "GMAC/s": rate / 1e9} for p, rate in ceiling.items()]
    tables = {"The machine's ceiling: products of matrices": most}
    for job, taken in measured:
        tables |= step_tables(job, taken, ceiling)
    return tables


def _jobs(request: Request) -> list[Job]:
    images = workload.noise(request.work, 256, classes=4, per_class=64)
    sizes = {"image_size": 256, "crop_size": 227, "mirror": True, "mean": "image"}
    few = max(2, request.steps // _CAFFENET_SHARE)
    made = [
        (workload.noise(request.work), get_network("mini"), request.steps, {}),
        (images, get_network("caffenet", num_outputs=1000), few, sizes),
    ]
    jobs = []
    for folder, network, steps, options in made:
        recipe = workload.make_recipe(steps, **options)
        jobs.append(workload.make_job(folder, network, recipe, request.threads))
    return jobs


def measure_steps(job: Job, variant: str) -> Sample:
    """Trains by a variant; the second period between validations is counted.

    To be called in a new process, before TensorFlow has computed anything.
    """
    from yosinski_tf.benchmarks import keras_baseline

    recipe = dataclasses.replace(job.recipe, precision=VARIANTS[variant])
    job = dataclasses.replace(job, recipe=recipe)
    (rate,) = keras_baseline.train(job) if variant == PLAIN else workload.train(job)
    return {"images/s": rate}


def step_tables(
    job: Job, samples: Mapping[str, Sequence[Sample]], ceiling: Mapping[str, float]
) -> Tables:
    """Tables of one network's samples, one a round, and the ceiling by precision."""
    recipe, name = job.recipe, job.network.name
    classes = len(job.cohort.split.classes(job.cohort.target))
    size = recipe.crop_size
    work = multiply_accumulates(job.cohort.treatments, job.network, size, classes)
    found = {
        variant: [
            {
                **sample,
                "ms per step": 1e3 * recipe.batch_size / sample["images/s"],
                "% of the ceiling": 100
                * (sample["images/s"] * work / ceiling[VARIANTS[variant]]),
            }
            for sample in taken
        ]
        for variant, taken in samples.items()
    }
    pairs = [(variant, PLAIN) for variant in samples if variant != PLAIN]
    return {
        f"{name}, one network": measuring.rows(found),
        f"{name}: times as fast, within a round": measuring.ratios(samples, pairs),
    }


def matrix_products(number: int) -> dict[str, float]:
    """The most multiply-accumulates a second in products of matrices, by precision.

    Through TensorFlow, in graphs, as the networks' are: the best of several sizes
    and of several calls of each. To be called in a new process.
    """
    tell("the machine's ceiling: products of matrices")
    threads.set_threads(threads.Threads(number, number))
    return {
        precision: max(_product_rate(size, precision) for size in _MATRIX_SIZES)
        for precision in dict.fromkeys(VARIANTS.values())
    }


def _product_rate(size: int, precision: str) -> float:
    import tensorflow as tf

    one = tf.cast(tf.random.normal((size, size), seed=1), precision)
    multiply = tf.function(tf.linalg.matmul, jit_compile=False)
    multiply(one, one).numpy()
    best, until = 0.0, time.perf_counter() + _MATRIX_SECONDS
    while best == 0.0 or time.perf_counter() < until:
        started = time.perf_counter()
        multiply(one, one).numpy()
        best = max(best, size**3 / (time.perf_counter() - started))
    return best
