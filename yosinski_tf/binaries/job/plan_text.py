"""A plan as text: cohorts in their order, time and disk."""

from yosinski_tf.binaries.job.planning import Plan
from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.experiment.treatments import brief
from yosinski_tf.scheduling.progress import duration
from yosinski_tf.study import forecast
from yosinski_tf.study.forecast import gigabytes
from yosinski_tf.study.records import records_by_id
from yosinski_tf.study.settings import SETTINGS_NAME


def describe(plan: Plan, rate: float | None) -> str:
    """Says what will be trained in which order, how long it takes, what it fills.

    The time follows from `rate`, images per second times networks, or if that is
    None from the finished cohorts.
    """
    splits = dict.fromkeys(run.split.name for run in plan.wanted)
    lines = [
        f"{plan.summary()}.",
        f"Splits: {', '.join(splits)}.",
        f"Data: {plan.data.name}, {len(plan.data.class_names):,} classes,"
        f" {plan.data.num_images:,} images.{_not_read(plan)}",
        *plan.notes,
        "",
        *_stages(plan),
        "",
        *_cohorts(plan),
        "",
        _work(plan),
        _time(plan, rate),
        _disk(plan),
    ]
    return "\n".join(lines)


def _not_read(plan: Plan) -> str:
    """Says that images of files were counted only; empty if they were read earlier."""
    drawn = plan.settings.data.kind == "embedded"
    if drawn or plan.data.stored or (plan.runs / SETTINGS_NAME).exists():
        return ""
    return " A dry run does not read them, so some may be unreadable."


def _stages(plan: Plan) -> list[str]:
    """A table of the network's stages, for the classes of the first run."""
    network, recipe = plan.settings.network, plan.settings.recipe
    target = plan.wanted[0]
    classes = len(target.split.classes(target.treatment.target))
    ends = [cut[0] for cut in network.cuts] if isinstance(network, KerasNetwork) else []
    rows = [("n", "stage", "output", "parameters", "MACs", "layers")]
    for number, stage in enumerate(network.stages(recipe.crop_size, classes), start=1):
        first, *others = stage.layers
        layers = first
        if others:
            layers = f"{len(stage.layers)}: {first} .. {others[-1]}"
        if number <= len(ends) and ends[number - 1] != stage.layers[-1]:
            layers += f", cut at {ends[number - 1]}"
        rows.append(
            (
                str(number),
                stage.name,
                " x ".join(map(str, stage.output_shape)),
                f"{stage.parameters:,}",
                f"{stage.multiply_accumulates:,}",
                layers,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{network.name} in {len(rows) - 1} stages, n from 1 to {len(rows) - 2}:"]
    for row in rows:
        number, name, output, parameters, work, layers = (
            cell.rjust(width) if place in (0, 3, 4) else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        line = f"{number:>4}  {name}  {output}  {parameters}  {work}  {layers}"
        lines.append(line.rstrip())
    return lines


def _cohorts(plan: Plan) -> list[str]:
    """A line per cohort, in order, with the numbers of the cohorts it waits for."""
    if not plan.cohorts:
        return ["Nothing is left to train."]
    number = {
        run.run_id: place
        for place, cohort in enumerate(plan.cohorts, start=1)
        for run in cohort.runs
    }
    width = max(len(cohort.cohort_id) for cohort in plan.cohorts)
    lines = [f"{'':>4}  {'cohort':<{width}}  networks  (after cohorts) treatments"]
    for place, cohort in enumerate(plan.cohorts, start=1):
        needed = {number[base.run_id] for base in cohort.bases if base.run_id in number}
        after = f"({', '.join(map(str, sorted(needed)))}) " if needed else ""
        treatments = brief(cohort.treatments)
        lines.append(
            f"{place:>4}  {cohort.cohort_id:<{width}}  {len(cohort.runs):>8}"
            f"  {after}{treatments}"
        )
    return lines


def _work(plan: Plan) -> str:
    work = sum(plan.cost(cohort.runs) for cohort in plan.cohorts)
    return f"Work: {work:.2g} multiply-accumulates for training."


def _time(plan: Plan, rate: float | None) -> str:
    steps, batch = plan.settings.recipe.steps, plan.settings.recipe.batch_size
    if not plan.left:
        return "Time: none."
    work = f"{plan.left} networks x {steps:,} steps x {batch} images"
    if rate is not None:
        seconds = plan.left * steps * batch / rate
        return (
            f"Time: about {duration(seconds)} at the given {rate:,g} images/s times"
            f" networks ({work}), without validation."
        )
    records = records_by_id(plan.runs).values()
    measured = forecast.seconds_as_measured(
        plan.cohorts, plan.wanted, records, plan.cost, plan.at_a_time
    )
    if measured is None:
        return (
            f"Time: unknown for {work} until training has begun, which shows the time"
            " left; give --rate=IMAGES_PER_SECOND to estimate it now."
        )
    return f"Time: about {duration(measured)} at the rate measured so far ({work})."


def _disk(plan: Plan) -> str:
    recipe, stored = plan.settings.recipe, plan.data.stored
    size = recipe.image_size
    found = forecast.disk(
        plan.wanted,
        plan.cohorts,
        plan.settings.network,
        input_size=recipe.crop_size,
        image_bytes=0 if stored else plan.data.num_images * size * size * 3,
        processes=plan.at_a_time,
        moments=recipe.moments,
    )
    total = gigabytes(sum(found.values()))
    part = {name: gigabytes(count) for name, count in found.items()}
    return (
        f"Disk: about {total}: {part['weights']} weights, {part['checkpoints']}"
        f" checkpoints while training, {part['images']} images of {size} x {size}"
        f"{', which stay in their store' if stored else ''}."
    )
