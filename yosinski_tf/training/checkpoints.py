"""Files that a training goes on from after an interruption.

A file is one line with a SHA-256 and behind it the content that it is of: a
line of JSON and a `.npz` of plain arrays. It is written in one move, and read
only if the sum is right. What the arrays mean is the business of `train_state`.
"""

import dataclasses
import hashlib
import io
import json
import pathlib
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from yosinski_tf.study.records import has_record
from yosinski_tf.system.files import make_folder, write_atomically

# In a study folder.
FOLDER = "cohorts"
# The one before the newest is what a damaged newest is made good from.
KEPT = 2
_HEADER = "yosinski_tf checkpoint 1 sha256 "
_HEADER_SIZE = len(_HEADER) + 64 + 1
_SUFFIX = ".checkpoint"
_NOBODY = [""]
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


class _Hashed:
    """A file that is written from front to back, and the SHA-256 of what is."""

    def __init__(self, file: BinaryIO):
        self._file, self.digest = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _write_arrays(stream: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """What `np.savez` does, into what can only be written to."""
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.save(member, array, allow_pickle=False)


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as the content of a `.npz` file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def write(folder: pathlib.Path, cohort: str, checkpoint: Checkpoint) -> pathlib.Path:
    """Stores a checkpoint; of the same runs, or fewer, the last two are kept.

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
    own = f"{_stem(cohort, checkpoint.runs)}."
    path = folder / f"{own}{checkpoint.step}{_SUFFIX}"

    def content(file: BinaryIO) -> None:
        # Straight into the file: a large cohort has no room for a copy.
        file.write(bytes(_HEADER_SIZE))
        stream = _Hashed(file)
        stream.write(json.dumps(meta).encode() + b"\n")
        _write_arrays(stream, checkpoint.arrays)
        file.seek(0)
        file.write(f"{_HEADER}{stream.digest.hexdigest()}\n".encode())

    make_folder(folder)
    write_atomically(path, content)
    runs, kept = set(checkpoint.runs), 0
    for other in _files(folder):
        of_same = other.name.startswith(own)
        if not of_same and not runs.issuperset(_runs(other)):
            continue
        ahead = _step(other) > checkpoint.step
        # Had a later one been of use, this training would have gone on from it.
        if (ahead and of_same) or (not ahead and kept == KEPT):
            other.unlink(missing_ok=True)
        kept += not ahead
    return path


def newest(
    folder: pathlib.Path, cohort: str, wanted: Collection[str], settings: str
) -> Found:
    """The checkpoint of the highest step that holds all of some runs.

    It may be that of another cohort, one of other size or with other company.
    Every file is compared with its SHA-256 before anything in it is used.

    Args:
      folder: Where checkpoints are.
      cohort: Id of the cohort. A file that does not say whose it is is told of
        if its name says that it is this one's.
      wanted: Ids of the runs that are to go on.
      settings: What a checkpoint must have been made with.
    """
    problems = []
    for path in _files(folder):
        runs = _runs(path)
        own = runs == _NOBODY and path.name.startswith(f"{cohort}.")
        if not own and set(wanted).isdisjoint(runs):
            continue
        try:
            found = _read(path)
        except _Damaged as error:
            problems.append(f"the checkpoint {path.name} is damaged ({error})")
            continue
        missing = [run for run in wanted if run not in found.runs]
        if missing:
            problems.append(
                f"the checkpoint {path.name} does not hold {', '.join(missing)}"
            )
        elif found.settings != settings:
            problems.append(
                f"the checkpoint {path.name} is of another network, recipe, data set"
                " or backend"
            )
        else:
            return Found(found, tuple(problems))
    return Found(None, tuple(problems))


def held(runs: pathlib.Path) -> list[frozenset[str]]:
    """Ids of the runs that each checkpoint of a study folder holds.

    Those of the highest step come first, and of one step the one of most runs.
    They have not been compared with their SHA-256.
    """
    found = [(path, frozenset(_runs(path))) for path in _files(runs / FOLDER)]
    found.sort(key=lambda each: (-_step(each[0]), -len(each[1])))
    return [ids for _, ids in found]


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
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return _NOBODY


def _stem(cohort: str, runs: Sequence[str]) -> str:
    """Others that train other runs of this cohort write other files."""
    digest = hashlib.sha256("\0".join(sorted(runs)).encode()).hexdigest()
    return f"{cohort}.{digest[:8]}"


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Checkpoints, the highest step first."""
    found = folder.glob(f"*{_SUFFIX}")
    named = [path for path in found if _STEP.search(path.name)]
    return sorted(named, key=lambda path: (-_step(path), path.name))


def _step(path: pathlib.Path) -> int:
    match = _STEP.search(path.name)
    assert match is not None, path
    return int(match[1])


def _read(path: pathlib.Path) -> Checkpoint:
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER_SIZE)
            if not header.startswith(_HEADER.encode()):
                raise _Damaged("it does not begin as one of this version")
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if header != f"{_HEADER}{digest}\n".encode():
                raise _Damaged(
                    "its content does not have the SHA-256 it was stored with"
                )
            file.seek(_HEADER_SIZE)
            meta = json.loads(file.readline())
            with np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        return Checkpoint(
            tuple(meta["runs"]), meta["settings"], meta["step"], meta["meta"], arrays
        )
    except OSError as error:
        raise _Damaged(error.strerror or str(error)) from None
    except (
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        RecursionError,
        zipfile.BadZipFile,
    ) as error:
        raise _Damaged(f"{type(error).__name__}: {error}") from None
