"""The folder beside a store in which it is made: `OUT.partial`.

It holds `store`, with the files that are finished, and `work`, with what is needed
to go on. One command works in it at a time.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically

_LOCK, _SETTINGS = "lock", "settings.json"


class PartialStore:
    """Where a store is made.

    Attributes:
      root: The folder.
      store: What becomes the store.
      work: What is needed to go on after a stop.
    """

    def __init__(self, out: pathlib.Path):
        """Names the folders; `out` is the store."""
        self._out = out
        self.root = out.with_name(f"{out.name}.partial")
        self.store, self.work = self.root / "store", self.root / "work"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder and keeps other commands out of it.

        Raises:
          UserError: If another works in it.
          OSError: If it cannot be made.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / _LOCK, "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"another yosinski-prepare works in {self.root}: wait for it, or"
                    " stop it"
                ) from None
            try:
                for folder in (self.store, self.work):
                    folder.mkdir(exist_ok=True)
                yield
            finally:
                self._tidy()

    def check_settings(self, wanted: dict[str, Any]) -> None:
        """Refuses to throw away work that was done with other settings.

        Args:
          wanted: Values by flag name, as JSON has them.

        Raises:
          UserError: If what is there was made with others.
        """
        path = self.work / _SETTINGS
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not any(self.work.glob("*-*.json")):
            write_atomically(path, json.dumps(wanted).encode())
            return
        for name, value in wanted.items():
            if found.get(name) != value:
                raise UserError(
                    f"{self.root} was begun with --{name}={found.get(name)}, this"
                    f" command says {value}: give the same to go on, or delete that"
                    " folder to begin anew"
                )

    def keep_only(self, shards: set[pathlib.Path]) -> None:
        """Removes from `store` what earlier starts left there and is of no use."""
        for path in self.store.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path not in shards:
                path.unlink()

    def move(self) -> None:
        """Makes `store` the store, and removes the rest."""
        os.replace(self.store, self._out)
        sync_folder(self._out.parent)
        self.remove()

    def remove(self) -> None:
        """Removes all of it."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _tidy(self) -> None:
        """Removes the folder again if nothing was made in it."""
        files = {path.name for path in self.root.rglob("*") if path.is_file()}
        if files <= {_LOCK, _SETTINGS}:
            self.remove()


def sync_folder(folder: pathlib.Path) -> None:
    """Brings the names of new files to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
