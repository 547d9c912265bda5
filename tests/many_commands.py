"""Runs many commands in a short time, as forks of one process that imported them.

Every command defines its own flags, as in a process of its own. Its output is read
from file descriptors, so that nothing is missed.
"""

import contextlib
import ctypes
import dataclasses
import importlib
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence

NAMES = (
    *("base", "transfer", "random", "study"),
    *("report", "export", "explain", "prepare", "benchmark"),
)
HEAVY = ("tensorflow", "keras", "jax", "torch")
_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Done:
    """How a command ended, and which tensor libraries it imported."""

    returncode: int
    stdout: str
    stderr: str
    imported: list[str]


class Commands:
    """Runs binaries by name, one at a time."""

    def __init__(self, process: subprocess.Popen):
        self._process = process

    def run(
        self,
        binary: str,
        arguments: Sequence[str],
        folder: pathlib.Path,
        *,
        plain_user: bool = False,
        untrained: bool = False,
    ) -> Done:
        """Runs one command in a folder.

        Args:
          binary: Its name without `yosinski-`.
          arguments: Its arguments.
          folder: Where it is run.
          plain_user: Whether to give up the rights that root has over all files.
          untrained: Whether to stop, with the folder made, before training.
        """
        wanted = [binary, list(arguments), str(folder), plain_user, untrained]
        print(json.dumps(wanted), file=self._process.stdin, flush=True)
        return Done(**json.loads(self._process.stdout.readline()))


@contextlib.contextmanager
def many_commands(environment: dict[str, str]) -> Iterator[Commands]:
    """A process that forks for every command."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        yield Commands(process)
    finally:
        process.stdin.close()
        process.wait(timeout=_SECONDS)


def _serve() -> None:
    modules = {
        name: importlib.import_module(f"yosinski_tf.binaries.{name}") for name in NAMES
    }
    for line in sys.stdin:
        binary, arguments, folder, plain_user, untrained = json.loads(line)
        files = [tempfile.TemporaryFile() for _ in range(3)]
        child = os.fork()
        if not child:
            run = modules[binary].run
            _be(run, binary, arguments, folder, plain_user, untrained, files)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in files:
            file.seek(0)
            texts.append(file.read().decode(errors="backslashreplace"))
            file.close()
        done = Done(status, texts[0], texts[1], texts[2].split())
        print(json.dumps(dataclasses.asdict(done)), flush=True)


def _be(run, binary, arguments, folder, plain_user, untrained, files) -> None:
    """Becomes the command; never returns."""
    code = 1
    try:
        signal.alarm(_SECONDS)
        for descriptor, file in enumerate(files[:2], start=1):
            os.dup2(file.fileno(), descriptor)
        os.chdir(folder)
        sys.argv = [f"yosinski-{binary}", *arguments]
        if plain_user:
            _give_up_the_rights_of_root()
        if untrained:
            from yosinski_tf.scheduling import scheduler

            scheduler.train_all = lambda *arguments, **options: []
        run()
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(files[2].fileno(), " ".join(set(HEAVY) & set(sys.modules)).encode())
        os._exit(code)


def _give_up_the_rights_of_root() -> None:
    """From now on, read-only files and other users' files cannot be written."""
    version = struct.pack("Ii", 0x20080522, 0)  # Linux' third, with 64 bits.
    ctypes.CDLL(None).capset(version, bytes(24))


if __name__ == "__main__":
    _serve()
