"""Takes all measures of a study, and goes on where an earlier start was stopped."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable, Collection

from yosinski_tf.data.sources import study_copy
from yosinski_tf.explain.measuring import Measurer, Study
from yosinski_tf.explain.rows import Row
from yosinski_tf.explain.units import Unit, find_units
from yosinski_tf.study import given_source, image_source
from yosinski_tf.study.settings import noted_train_per_class
from yosinski_tf.system import errors, files

FOLDER = "explain"
# Rises when a measure changes: values of earlier versions are then taken again.
_VERSION = 2

Progress = Callable[[str, int, int], None]


def explain(
    runs: pathlib.Path,
    steps: Collection[str] = (),
    progress: Progress = lambda what, done, total: None,
) -> list[Row]:
    """The rows of all units of a study; each unit's are kept in a file of `explain`.

    Steps that are not to be taken have rows where they were taken earlier.

    Args:
      runs: The study folder; its runs may be unfinished.
      steps: Which of `Measurer.steps` to take; all if empty.
      progress: Called with what is measured, and how many of all steps are done.

    Raises:
      UserError: If there is no finished base, or images or weights are missing, or
        not what the records say.
    """
    units = find_units(runs)
    images = study_copy.load(runs / image_source.IMAGES_FOLDER)
    if images is None:
        raise errors.UserError(
            f"needs the images of the study in {runs / image_source.IMAGES_FOLDER},"
            " found none: start the study again"
        )
    has_source = given_source.read_description(runs) is not None
    source = given_source.read(runs) if has_source else None
    study = Study(runs, images, noted_train_per_class(runs), source)
    rows: list[Row] = []
    names = list(steps) or list(Measurer.STEPS)
    done, total = 0, len(units) * len(names)
    for unit in units:
        kept = _Kept(runs / FOLDER / f"{unit.slug}.json", _digest(unit, study))
        measurer = None
        for name in Measurer.STEPS:
            found = kept.rows(name)
            if name not in names:
                rows += found or []
                continue
            if found is None:
                progress(f"{unit.slug} {name}", done, total)
                measurer = measurer or Measurer(study, unit)
                found = measurer.take(name)
                kept.keep(name, found)
            rows += found
            done += 1
    progress("all", done, total)
    return rows


class _Kept:
    """The rows of a unit in a file, as long as its networks are the same."""

    def __init__(self, path: pathlib.Path, digest: str):
        self._path, self._digest = path, digest
        self._steps: dict[str, list[list]] = {}
        try:
            values = json.loads(path.read_text("utf-8"))
            if values["digest"] == digest:
                self._steps = values["steps"]
        except (OSError, ValueError, KeyError, TypeError):
            pass  # Taken again.

    def rows(self, step: str) -> list[Row] | None:
        """The rows of a step; None if they have to be taken."""
        try:
            return [Row(*values) for values in self._steps[step]]
        except (KeyError, TypeError):
            return None

    def keep(self, step: str, rows: list[Row]) -> None:
        self._steps[step] = [list(dataclasses.astuple(row)) for row in rows]
        text = json.dumps({"digest": self._digest, "steps": self._steps})
        files.make_folder(self._path.parent)
        files.write_atomically(self._path, text.encode())


def _digest(unit: Unit, study: Study) -> str:
    """What all rows of a unit follow from."""
    records = [*unit.networks.values(), unit.base, unit.other, unit.second]
    weights = sorted(r.run_id + r.weights_sha256 for r in records if r is not None)
    source = study.source.sha256 if study.source else ""
    text = "\n".join([str(_VERSION), study.images.fingerprint, source, *weights])
    return hashlib.sha256(text.encode()).hexdigest()
