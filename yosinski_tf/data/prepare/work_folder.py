"""The folder beside a store in which it is made: `OUT.partial`.

Its folder `store` has the finished files. Its folder `work` has the notes that a
stopped command needs to continue: settings, manifests and lists. One command at a time
works in it.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from yosinski_tf.data.store.format import DAMAGED_JSON
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically

_LOCK, _SETTINGS = "lock", "settings.json"


class WorkFolder:
    """Where the store `out` is made: the folders `store` and `notes` in `root`."""

    def __init__(self, out: pathlib.Path):
        self._out = out
        self.root = out.with_name(f"{out.name}.partial")
        self.store, self.notes = self.root / "store", self.root / "work"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder and keeps other commands out of it.

        Raises:
          UserError: If another command works in it.
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
                for folder in (self.store, self.notes):
                    folder.mkdir(exist_ok=True)
                yield
            finally:
                files = {path.name for path in self.root.rglob("*") if path.is_file()}
                if files <= {_LOCK, _SETTINGS}:
                    self.remove()

    def check_settings(self, settings: dict[str, Any]) -> None:
        """Notes the settings, values by flag name, or compares them with the notes.

        Raises:
          UserError: If there is work that was done with other settings.
        """
        path = self.notes / _SETTINGS
        try:
            earlier = dict(json.loads(path.read_text()))
        except DAMAGED_JSON:
            earlier = None
        if earlier is None or not any(self.notes.glob("*-*.json")):
            write_atomically(path, json.dumps(settings).encode())
            return
        for name, value in settings.items():
            if earlier.get(name) != value:
                raise UserError(
                    f"{self.root} was begun with --{name}={earlier.get(name)} and needs"
                    f" it again, found {value}: give the same, or delete that folder to"
                    " begin anew"
                )

    def keep_only(self, shards: set[pathlib.Path]) -> None:
        """Removes everything but the shards from `store`."""
        for path in self.store.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path not in shards:
                path.unlink()

    def move(self) -> None:
        """Moves `store` to its final place and removes the rest."""
        os.replace(self.store, self._out)
        sync_folder(self._out.parent)
        self.remove()

    def remove(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self.root, ignore_errors=True)


def sync_folder(folder: pathlib.Path) -> None:
    """Writes the names of new files through to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
