"""Files that a training goes on from after an interruption.

A file is one line with a SHA-256 and behind it the content that it is of: a
line of JSON and a `.npz` of plain arrays. It is written in one move, and read
only if the sum is right. What the arrays mean is the business of `train_state`.
"""

import dataclasses
import glob
import hashlib
import io
import json
import pathlib
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from yosinski_tf.files import make_folder, write_atomically
from yosinski_tf.records import has_record

# In a study folder.
FOLDER = "cohorts"
# The one before the newest is what a damaged newest is made good from.
KEPT = 2
_HEADER = "yosinski_tf checkpoint 1 sha256 "
_HEADER_SIZE = len(_HEADER) + 64 + 1
_SUFFIX = ".checkpoint"
_STEP = re.compile(r"\.(\d+)\.checkpoint")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The state of some runs at one step.

    Attributes:
      runs: Ids of the runs that it holds.
      settings: What must be the same in a training that goes on from it.
      step: Steps taken.
      meta: Whatever else is plain JSON.
      arrays: Everything else, by name.
    """

    runs: tuple[str, ...]
    settings: str
    step: int
    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Found:
    """The newest checkpoint that can be used, and what was wrong with others.

    Attributes:
      checkpoint: The checkpoint; None if there is none.
      problems: For each newer file that cannot be used, why, in words.
    """

    checkpoint: Checkpoint | None
    problems: tuple[str, ...]


class _Damaged(Exception):
    pass


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as the content of a `.npz` file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def write(folder: pathlib.Path, cohort: str, checkpoint: Checkpoint) -> pathlib.Path:
    """Stores a checkpoint and deletes all but the last two of the same runs.

    Args:
      folder: Where checkpoints are; it is made if it is not there.
      cohort: Id of the cohort.
      checkpoint: The state.

    Returns:
      The new file.

    Raises:
      OSError: If it cannot be written; the earlier ones are still there.
    """
    meta = {
        "runs": list(checkpoint.runs),
        "settings": checkpoint.settings,
        "step": checkpoint.step,
        "meta": checkpoint.meta,
    }
    # In one buffer, since every copy of it takes time from the training.
    buffer = io.BytesIO(bytes(_HEADER_SIZE))
    buffer.seek(_HEADER_SIZE)
    buffer.write(json.dumps(meta).encode() + b"\n")
    np.savez(buffer, **checkpoint.arrays)
    data = buffer.getbuffer()
    digest = hashlib.sha256(data[_HEADER_SIZE:]).hexdigest()
    data[:_HEADER_SIZE] = f"{_HEADER}{digest}\n".encode()
    path = folder / f"{_stem(cohort, checkpoint.runs)}.{checkpoint.step}{_SUFFIX}"
    make_folder(folder)
    write_atomically(path, data)
    same = _files(folder, _stem(cohort, checkpoint.runs))
    # Had a later one been of use, this training would have gone on from it.
    dead = [other for other in same if _step(other) > checkpoint.step]
    kept = [other for other in same if _step(other) <= checkpoint.step][:KEPT]
    for other in same:
        if other in dead or other not in kept:
            other.unlink(missing_ok=True)
    return path


def newest(
    folder: pathlib.Path, cohort: str, wanted: Collection[str], settings: str
) -> Found:
    """The checkpoint of the highest step that holds all of some runs.

    Every file is compared with its SHA-256 before anything in it is used.

    Args:
      folder: Where checkpoints are.
      cohort: Id of the cohort.
      wanted: Ids of the runs that are to go on.
      settings: What a checkpoint must have been made with.
    """
    problems = []
    for path in _files(folder, cohort):
        try:
            found = _read(path)
        except _Damaged as error:
            problems.append(f"the checkpoint {path.name} is damaged ({error})")
            continue
        missing = [run for run in wanted if run not in found.runs]
        if found.settings != settings:
            problems.append(
                f"the checkpoint {path.name} is of another network, recipe, data set"
                " or base"
            )
        elif not missing:
            return Found(found, tuple(problems))
        elif len(missing) < len(wanted):
            problems.append(
                f"the checkpoint {path.name} does not hold {', '.join(missing)}"
            )
    return Found(None, tuple(problems))


def discard(runs: pathlib.Path) -> None:
    """Deletes a study folder's checkpoints of runs all of which have a record."""
    for path in (runs / FOLDER).glob(f"*{_SUFFIX}"):
        if all(has_record(runs, run) for run in _runs(path)):
            path.unlink(missing_ok=True)


def _runs(path: pathlib.Path) -> list[str]:
    """Whose state a file holds, without reading all of it; one nobody has if
    it does not say."""
    try:
        with open(path, "rb") as file:
            file.readline()
            return [str(run) for run in json.loads(file.readline())["runs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return [""]


def _stem(cohort: str, runs: Sequence[str]) -> str:
    """Others that train other runs of this cohort write other files."""
    digest = hashlib.sha256("\0".join(sorted(runs)).encode()).hexdigest()
    return f"{cohort}.{digest[:8]}"


def _files(folder: pathlib.Path, stem: str) -> list[pathlib.Path]:
    """Checkpoints, the highest step first."""
    found = folder.glob(f"{glob.escape(stem)}.*{_SUFFIX}")
    named = [path for path in found if _STEP.search(path.name)]
    return sorted(named, key=lambda path: (-_step(path), path.name))


def _step(path: pathlib.Path) -> int:
    match = _STEP.search(path.name)
    assert match is not None, path
    return int(match[1])


def _read(path: pathlib.Path) -> Checkpoint:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _Damaged(error.strerror) from None
    if not data.startswith(_HEADER.encode()):
        raise _Damaged("it does not begin as one of this version")
    digest = hashlib.sha256(memoryview(data)[_HEADER_SIZE:]).hexdigest()
    if data[:_HEADER_SIZE] != f"{_HEADER}{digest}\n".encode():
        raise _Damaged("its content does not have the SHA-256 it was stored with")
    try:
        file = io.BytesIO(data)
        file.seek(_HEADER_SIZE)
        meta = json.loads(file.readline())
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return Checkpoint(
            tuple(meta["runs"]), meta["settings"], meta["step"], meta["meta"], arrays
        )
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise _Damaged(f"{type(error).__name__}: {error}") from None
