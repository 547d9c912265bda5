"""The recommendation of a study, as a report gives it: words, limits, networks."""

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from yosinski_tf.experiment.cohorts import multiply_accumulates
from yosinski_tf.experiment.stages import Network
from yosinski_tf.experiment.treatments import parse_treatment
from yosinski_tf.report.limits import limits, validation
from yosinski_tf.results import network_result, recommendation, wording
from yosinski_tf.study import commands
from yosinski_tf.study.network_file import network_of
from yosinski_tf.study.records import Record
from yosinski_tf.system import errors


@dataclasses.dataclass(frozen=True)
class Use:
    """A network to use.

    Attributes:
      classes: The classes that it tells apart, for people.
      run_id: The id of its run.
      command: What exports it as a SavedModel, for a shell.
    """

    classes: str
    run_id: str
    command: str


@dataclasses.dataclass(frozen=True)
class Answer:
    """Which layers to keep.

    Attributes:
      text: The recommendation in sentences.
      limits: What it cannot tell, one to three sentences each.
      uses: The networks that it recommends, one for each set of classes.
      values: All of this as JSON values.
    """

    text: str
    limits: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def study_answer(
    runs: pathlib.Path,
    records: Sequence[Record],
    networks: Sequence[network_result.NetworkResult],
    measure: str,
) -> Answer:
    """The recommendation of the networks of a study, by one of `MEASURES`."""
    work = _work(runs, records)
    found = recommendation.study_recommendation(networks, measure, work)
    reduced = recommendation.reduced_recommendations(networks, measure, work)
    parts = {f"With {count} images of each class: ": e for count, e in reduced.items()}
    if found.best is not None or not reduced:
        parts = {"": found, **parts}
    stages = network_result.stages_of(networks)
    limited = [
        start + text
        for start, each in parts.items()
        for text in _limits(each, records, networks)
    ]
    used = found if found.best is not None else [*parts.values()][-1]
    uses = _uses(runs, used, networks, measure)
    values = _values(found, records, networks)
    if reduced:
        values["images_per_class"] = {
            count: _values(each, records, networks) for count, each in reduced.items()
        }
    return Answer(
        text=" ".join(s + wording.sentence(e, stages) for s, e in parts.items()),
        limits=tuple(limited),
        uses=uses,
        values=values
        | {"limits": limited, "networks": [dataclasses.asdict(each) for each in uses]},
    )


def _bases(
    found: recommendation.Recommendation, records: Sequence[Record]
) -> list[Record]:
    return [
        record
        for record in records
        if record.kind == "base"
        and record.status == "finished"
        and (record.split, record.target_half, record.seed) in found.pairs
    ]


def _limits(
    found: recommendation.Recommendation,
    records: Sequence[Record],
    networks: Sequence[network_result.NetworkResult],
) -> list[str]:
    if found.best is None:
        return []
    has_selffer = bool(network_result.of_family(networks, "BnB+"))
    return limits(found, _bases(found, records), has_selffer=has_selffer)


def _values(
    found: recommendation.Recommendation,
    records: Sequence[Record],
    networks: Sequence[network_result.NetworkResult],
) -> dict[str, Any]:
    values = dataclasses.asdict(found)
    if found.best is None:
        return values
    judged = [n for n in networks if n.unit in found.pairs]
    for name in ("best", "frozen"):
        if values[name]:
            family = values[name]["family"]
            values[name]["family"] = network_result.shown_name(family, judged)
    values["verdict"] = wording.verdict(found.gain).value
    measured = validation(found, _bases(found, records))
    return values | {"validation": measured and dataclasses.asdict(measured)}


def _uses(
    runs: pathlib.Path,
    found: recommendation.Recommendation,
    networks: Sequence[network_result.NetworkResult],
    measure: str,
) -> tuple[Use, ...]:
    uses = []
    for half in sorted({half for _, half, _ in found.pairs}):
        chosen = recommendation.recommended_network(networks, half, measure)
        classes = "all classes" if half == "W" else f"the classes of half {half}"
        command = commands.export(runs, chosen.run_id)
        uses.append(Use(classes, chosen.run_id, command))
    return tuple(uses)


def _work(
    runs: pathlib.Path, records: Sequence[Record]
) -> dict[recommendation.Choice, int]:
    """Multiply-accumulates of a step on one image, alone, by what is copied.

    Nothing for records of a version that described networks in another way.
    """
    work = {}
    networks: dict[str, Network] = {}  # By description; reading one takes a while.
    with contextlib.suppress(errors.UserError, KeyError):
        for record in records:
            settings = record.network_settings
            key = json.dumps(settings, sort_keys=True)
            if key not in networks:
                networks[key] = network_of(runs, settings)
            treatment = parse_treatment(record.treatment)
            work[recommendation.Choice(treatment.family, treatment.n)] = (
                multiply_accumulates(
                    [treatment],
                    networks[key],
                    record.recipe["crop_size"],
                    record.num_classes,
                )
            )
    return work
