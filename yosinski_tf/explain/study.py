"""Takes all measures of a study, and goes on where an earlier start was stopped."""

import dataclasses
import hashlib
import itertools
import json
import pathlib
import time
from collections.abc import Callable, Collection, Sequence

from yosinski_tf.data.sources import by_name, study_copy
from yosinski_tf.data.sources.image_set import ImageSet
from yosinski_tf.explain import kept_fits
from yosinski_tf.explain.measuring import Measurer
from yosinski_tf.explain.rows import Row
from yosinski_tf.explain.time_left import TimeLeft
from yosinski_tf.explain.unit_networks import Study
from yosinski_tf.explain.units import Unit, find_units
from yosinski_tf.study import (
    finished_run,
    folder,
    given_source,
    image_source,
    settings,
)
from yosinski_tf.study.network_file import network_of
from yosinski_tf.system import errors, files

FOLDER = "explain"
# Rises when a measure changes: values of earlier versions are then taken again.
_VERSION = 5

Progress = Callable[[str, int, int, float | None], None]


@dataclasses.dataclass(frozen=True)
class Explained:
    """What is known of a study's layers.

    Attributes:
      rows: All that was measured, now or earlier.
      problems: Sentences that say what could not be measured, and what to do.
    """

    rows: list[Row]
    problems: list[str]


def explain(
    runs: pathlib.Path,
    steps: Collection[str] = (),
    progress: Progress = lambda what, done, total, left: None,
) -> Explained:
    """Measures all units of a study; each unit's rows are kept in a file of `explain`.

    Steps that are not to be taken have rows where they were taken earlier.

    Args:
      runs: The study folder; its runs may be unfinished.
      steps: Which of `Measurer.STEPS` to take; all if empty.
      progress: Called with what is measured, how many of the steps to take now are
        done, of how many, and the seconds left; None if not known yet.

    Raises:
      UserError: If there is no finished base, a record is broken, the images or the
        given network are missing or not what the records say, or the networks were
        trained with another backend.
    """
    units = find_units(runs)
    study = _study(runs, units)
    kept = [
        _Kept(runs / FOLDER / f"{unit.slug}.json", _digest(unit, study))
        for unit in units
    ]
    for unit, each in zip(units, kept, strict=True):
        if not each.same:  # Nobody is to draw the filters of earlier networks.
            kept_fits.path_of(runs, unit.slug).unlink(missing_ok=True)
    todo = [
        [n for n in Measurer.STEPS if n in (steps or Measurer.STEPS) and n not in each]
        for each in kept
    ]
    time_left = TimeLeft(itertools.chain.from_iterable(todo))
    problems: dict[str, None] = {}
    done, total = 0, sum(map(len, todo))
    for unit, of_unit, names in zip(units, kept, todo, strict=True):
        measurer = Measurer(study, unit) if names else None
        for name in names:
            progress(f"{unit.slug} {name}", done, total, time_left.seconds())
            started, seconds = time.monotonic(), None
            taken = measurer.take(name)
            problems |= dict.fromkeys(taken.problems)
            if taken.problems:
                of_unit.add(name, taken.rows)
            else:
                of_unit.keep(name, taken.rows)
                seconds = time.monotonic() - started
            time_left.taken(name, seconds)
            done += 1
    progress("all", done, total, 0)
    rows = [row for each in kept for name in Measurer.STEPS for row in each.rows(name)]
    # Several steps may miss the same network.
    return Explained(list(dict.fromkeys(rows)), list(problems))


def _study(runs: pathlib.Path, units: Sequence[Unit]) -> Study:
    """Reads what all units share, and checks it."""
    records = [unit.record for unit in units]
    images = _images(runs)
    folder.check_images(images, records)
    for record in records:
        network = network_of(runs, record.network_settings)
        finished_run.check_backend(record, network)
    has_source = given_source.read_description(runs) is not None
    source = given_source.read(runs) if has_source else None
    return Study(runs, images, settings.noted_train_per_class(runs), source)


def _images(runs: pathlib.Path) -> ImageSet:
    """The study's copy of its images, or those of its source if the copy is lost."""
    copy = runs / image_source.IMAGES_FOLDER
    if (found := study_copy.load(copy)) is not None:
        return found
    try:
        return by_name.load(**dataclasses.asdict(settings.noted_data(runs)))
    except errors.UserError as error:
        raise errors.UserError(
            f"needs the images of the study in {copy}, found none: put the folder back"
            f" (their source cannot be read either: {error})"
        ) from None


class _Kept:
    """The rows of a unit in a file, as long as its networks are the same.

    Attributes:
      same: Whether the file was of these networks.
    """

    def __init__(self, path: pathlib.Path, digest: str):
        self._path, self._digest = path, digest
        self._steps: dict[str, list[Row]] = {}
        self.same = False
        self._incomplete: dict[str, list[Row]] = {}
        try:
            values = json.loads(path.read_text("utf-8"))
            self.same = values["digest"] == digest
            if self.same:
                for step, rows in values["steps"].items():
                    self._steps[step] = [Row(*each) for each in rows]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # Taken again.

    def __contains__(self, step: str) -> bool:
        return step in self._steps

    def rows(self, step: str) -> list[Row]:
        """The rows of a step; none if they are not known."""
        return self._steps.get(step) or self._incomplete.get(step, [])

    def add(self, step: str, rows: list[Row]) -> None:
        """Knows some rows of a step until the end of this start."""
        self._incomplete[step] = rows

    def keep(self, step: str, rows: list[Row]) -> None:
        self._steps[step] = rows
        steps = {
            name: list(map(dataclasses.astuple, each))
            for name, each in self._steps.items()
        }
        text = json.dumps({"digest": self._digest, "steps": steps})
        files.make_folder(self._path.parent)
        files.write_atomically(self._path, text.encode())


def _digest(unit: Unit, study: Study) -> str:
    """What all rows of a unit follow from."""
    records = [*unit.networks.values(), unit.base, unit.other, unit.second]
    records += unit.diverged
    weights = sorted(r.run_id + r.weights_sha256 for r in records if r is not None)
    source = study.source.sha256 if study.source else ""
    text = "\n".join([str(_VERSION), study.images.fingerprint, source, *weights])
    return hashlib.sha256(text.encode()).hexdigest()
