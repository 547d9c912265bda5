"""Files from which a training continues after an interruption.

A file is one line with the SHA-256 of the rest, a line of JSON, and a `.npz` of plain
arrays, whose names `train_state` gives. It is written atomically, and read only if
the SHA-256 is right.
"""

import dataclasses
import hashlib
import json
import pathlib
import re
import zipfile
from collections.abc import Collection
from typing import Any, BinaryIO

import numpy as np

from yosinski_tf.study.records import has_record
from yosinski_tf.system.files import make_folder, write_atomically

# In a study folder.
FOLDER = "cohorts"
# If the newest is damaged, the training continues from the one before it.
KEPT = 2
_HEADER = "yosinski_tf checkpoint 1 sha256 "
_HEADER_SIZE = len(_HEADER) + 64 + 1
_SUFFIX = ".checkpoint"
# No run has this id: it stands for the runs of a file that cannot be read.
_NOBODY = [""]
_UNREADABLE = (ValueError, KeyError, TypeError, RecursionError)
_STEP = re.compile(r"\.(\d+)\.checkpoint")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The state of some runs at one step.

    Attributes:
      runs: Ids of the runs that it holds.
      settings: Digest of what a training that continues from it must share.
      step: Steps taken.
      meta: Everything else that is plain JSON.
      arrays: The arrays of all runs, by name.
    """

    runs: tuple[str, ...]
    settings: str
    step: int
    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Found:
    """The newest checkpoint that can be used, if any; why each newer file cannot."""

    checkpoint: Checkpoint | None
    problems: tuple[str, ...]


class _Damaged(Exception):
    pass


def write(folder: pathlib.Path, cohort: str, checkpoint: Checkpoint) -> pathlib.Path:
    """Stores a checkpoint; keeps the last two of the same runs, or of fewer.

    Returns:
      The new file, whose name begins with the id of the cohort.

    Raises:
      OSError: If it cannot be written; the earlier ones stay.
    """
    fields = {k: v for k, v in vars(checkpoint).items() if k != "arrays"}
    # Processes that train other runs write other files.
    digest = hashlib.sha256("\0".join(sorted(checkpoint.runs)).encode()).hexdigest()
    own = f"{cohort}.{digest[:8]}."
    path = folder / f"{own}{checkpoint.step}{_SUFFIX}"

    def content(file: BinaryIO) -> None:
        # Straight into the file: memory may be too small for a copy.
        file.write(bytes(_HEADER_SIZE) + json.dumps(fields).encode() + b"\n")
        np.savez(file, **checkpoint.arrays)
        file.seek(_HEADER_SIZE)
        header = _header(file)
        file.seek(0)
        file.write(header)

    make_folder(folder)
    write_atomically(path, content)
    runs, kept = set(checkpoint.runs), 0
    for other in _files(folder):
        of_same = other.name.startswith(own)
        if not of_same and not runs.issuperset(_runs(other)):
            continue
        ahead = _step(other) > checkpoint.step
        # This training would have continued from a later one that can be used.
        if (ahead and of_same) or (not ahead and kept == KEPT):
            other.unlink(missing_ok=True)
        kept += not ahead
    return path


def newest(
    folder: pathlib.Path, cohort: str, needed: Collection[str], settings: str
) -> Found:
    """The checkpoint of the highest step that holds all of some runs.

    It may be that of another cohort, larger or with other runs too. Every file is
    compared with its SHA-256 before anything in it is used.

    Args:
      folder: Folder of the checkpoints.
      cohort: Id of the cohort. A file that cannot be read is a problem if it has the
        name of this cohort.
      needed: Ids of the runs that are to continue.
      settings: Digest that the checkpoint must have.
    """
    problems = []
    for path in _files(folder):
        runs = _runs(path)
        own = runs == _NOBODY and path.name.startswith(f"{cohort}.")
        if not own and set(needed).isdisjoint(runs):
            continue
        name = f"the checkpoint {path.name}"
        try:
            found = _read(path)
        except _Damaged as error:
            problems.append(f"{name} is damaged ({error})")
            continue
        if missing := [run for run in needed if run not in found.runs]:
            problems.append(f"{name} does not hold {', '.join(missing)}")
        elif found.settings != settings:
            problems.append(
                f"{name} is of another network, recipe, data set or backend"
            )
        else:
            return Found(found, tuple(problems))
    return Found(None, tuple(problems))


def held(runs: pathlib.Path) -> list[frozenset[str]]:
    """Ids of the runs that each checkpoint of a study folder holds.

    The highest step comes first, and of one step the checkpoint with most runs. The
    files are not compared with their SHA-256.
    """
    found = [(path, frozenset(_runs(path))) for path in _files(runs / FOLDER)]
    found.sort(key=lambda each: (-_step(each[0]), -len(each[1])))
    return [ids for _, ids in found]


def discard(runs: pathlib.Path) -> None:
    """Deletes the checkpoints of a study folder whose runs all have a record."""
    for path in (runs / FOLDER).glob(f"*{_SUFFIX}"):
        if all(has_record(runs, run) for run in _runs(path)):
            path.unlink(missing_ok=True)


def _runs(path: pathlib.Path) -> list[str]:
    """Ids of the runs that a file holds, without reading its arrays."""
    try:
        with open(path, "rb") as file:
            file.readline()
            return [str(run) for run in json.loads(file.readline())["runs"]]
    except (OSError, *_UNREADABLE):
        return _NOBODY


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Checkpoints, the highest step first."""
    found = folder.glob(f"*{_SUFFIX}")
    named = [path for path in found if _STEP.search(path.name)]
    return sorted(named, key=lambda path: (-_step(path), path.name))


def _step(path: pathlib.Path) -> int:
    return int(_STEP.findall(path.name)[0])


def _header(file: BinaryIO) -> bytes:
    """The first line for a file that has the rest of this one."""
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{_HEADER}{digest}\n".encode()


def _read(path: pathlib.Path) -> Checkpoint:
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER_SIZE)
            if not header.startswith(_HEADER.encode()):
                raise _Damaged("its first line is not that of this version")
            if header != _header(file):
                raise _Damaged("its content does not have its SHA-256")
            file.seek(_HEADER_SIZE)
            fields = json.loads(file.readline())
            with np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        fields["runs"] = tuple(fields["runs"])
        return Checkpoint(**fields, arrays=arrays)
    except OSError as error:
        raise _Damaged(error.strerror or str(error)) from None
    except (*_UNREADABLE, EOFError, zipfile.BadZipFile) as error:
        raise _Damaged(f"{type(error).__name__}: {error}") from None
