"""One network's training step: ours, plain Keras's, and the machine's ceiling."""

import dataclasses
import timeit
from functools import partial

from yosinski_tf.benchmarks import measuring, workload
from yosinski_tf.benchmarks.measuring import Request, Sample, in_new_process, tell
from yosinski_tf.benchmarks.table import Tables
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.cohorts import multiply_accumulates
from yosinski_tf.machine import threads
from yosinski_tf.machine.hardware import cores
from yosinski_tf.training.job import Job

OURS, PLAIN = "ours", "plain Keras"
# The precision of each variant.
VARIANTS = {OURS: "float32", f"{OURS}, bfloat16": "bfloat16", PLAIN: "float32"}
# A step of caffenet takes a hundred times as long as one of mini.
_CAFFENET_SHARE = 50
_MATRIX_SIZES, _MATRIX_CALLS = (512, 1024, 2048), 20


def run(request: Request) -> Tables:
    """Measures the steps of `mini` and `caffenet`."""
    # The best of before and after, since a shared machine's speed varies.
    ceilings = [in_new_process(matrix_products, cores())]
    measured = {}
    for job in _jobs(request):
        name = job.network.name
        measures = {v: partial(in_new_process, measure_steps, job, v) for v in VARIANTS}
        measured[name] = measuring.rounds(name, request.rounds, measures)
    ceilings.append(in_new_process(matrix_products, cores()))
    ceiling = {p: max(each[p] for each in ceilings) for p in ceilings[0]}
    most = [{"precision": p, "GMAC/s": rate / 1e9} for p, rate in ceiling.items()]
    tables = {"The machine's ceiling: products of matrices": most}
    pairs = [(variant, PLAIN) for variant in VARIANTS if variant != PLAIN]
    for name, samples in measured.items():
        for variant, taken in samples.items():
            for sample in taken:
                share = sample.pop("work per second") / ceiling[VARIANTS[variant]]
                sample["% of the ceiling"] = 100 * share
        ratios = measuring.ratios(samples, pairs)
        tables[f"{name}, one network"] = measuring.rows(samples)
        tables[f"{name}: times as fast, within a round"] = ratios
    return tables


def _jobs(request: Request) -> list[Job]:
    small = workload.noise(request.work)
    large = workload.noise(request.work, 256, classes=4, per_class=64)
    mini, caffenet = get_network("mini"), get_network("caffenet", num_outputs=1000)
    sizes = {"image_size": 256, "crop_size": 227, "mirror": True, "mean": "image"}
    recipe = workload.make_recipe(request.steps)
    few = workload.make_recipe(max(2, request.steps // _CAFFENET_SHARE), **sizes)
    return [
        workload.make_job(small, mini, recipe),
        workload.make_job(large, caffenet, few),
    ]


def measure_steps(job: Job, variant: str) -> Sample:
    """Trains by a variant; the second period between validations is counted.

    Its work is counted in multiply-accumulates. To be called in a new process, before
    TensorFlow has computed anything.
    """
    from yosinski_tf.benchmarks import keras_baseline

    recipe = dataclasses.replace(job.recipe, precision=VARIANTS[variant])
    job = dataclasses.replace(job, recipe=recipe)
    (rate,) = keras_baseline.train(job) if variant == PLAIN else workload.train(job)
    classes = len(job.cohort.split.classes(job.cohort.target))
    work = multiply_accumulates(
        job.cohort.treatments, job.network, recipe.crop_size, classes
    )
    return {
        "images/s": rate,
        "ms per step": 1e3 * recipe.batch_size / rate,
        "work per second": rate * work,
    }


def matrix_products(number: int) -> dict[str, float]:
    """The most multiply-accumulates a second in products of matrices, by precision.

    Through TensorFlow, in graphs, as the networks' are: the best of several sizes
    and of several calls of each, by a number of threads. To be called in a new process.
    """
    import tensorflow as tf

    tell("the machine's ceiling: products of matrices")
    threads.set_threads(threads.Threads(number, number))
    multiply = tf.function(tf.linalg.matmul, jit_compile=False)
    best = dict.fromkeys(VARIANTS.values(), 0.0)
    for precision in best:
        for size in _MATRIX_SIZES:
            one = tf.cast(tf.random.normal((size, size), seed=1), precision)
            call = timeit.Timer(lambda one=one: multiply(one, one).numpy())
            # The first call makes the graph.
            seconds = min(call.repeat(_MATRIX_CALLS, number=1))
            best[precision] = max(best[precision], size**3 / seconds)
    return best
