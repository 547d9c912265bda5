"""Connects to a Ray cluster, or starts one of this machine alone and ends it.

Ray is the extra `ray`, imported only when a cluster is asked for. Its own words stay in
its logs, and it leaves nothing in the home folder or the temporary folder.
"""

import contextlib
import dataclasses
import logging
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType

from yosinski_tf.system import signals
from yosinski_tf.system.errors import UserError, in_brief

_CONNECT_SECONDS = 20.0
# Arguments and results are small: images and weights are in files.
_OBJECT_STORE_BYTES = 80 * 2**20
_PREFIX = "yosinski-"
# A Unix socket's path has at most 107 characters; Ray adds up to 71 to this folder.
_MOST_CHARACTERS = 36
_PLACE, _LOGS = "place", "logs"
_QUIET = {"log_to_driver": False, "logging_level": logging.CRITICAL}
# It may wait for minutes, and end the process that calls it.
_TRY = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False)
ray.shutdown()
"""


@dataclasses.dataclass(frozen=True, order=True)
class Node:
    """A node of the cluster, and what it has for all tasks together.

    Attributes:
      host: Name of its machine.
      id: Ray's name of the node, hexadecimal.
      cpus, gpus: Their numbers, as the cluster was told or found.
      memory: Bytes that Ray gives to tasks that ask for memory.
    """

    host: str
    id: str
    cpus: float
    gpus: float
    memory: float


@contextlib.contextmanager
def connected(
    address: str,
    folder: pathlib.Path,
    *,
    cpus: int | None = None,
    gpus: int | None = None,
) -> Iterator[None]:
    """Connects this process to a cluster for a `with` block.

    Ray ends its workers without grace at the end of the block: wait for the tasks.
    Signals stay with this process; those that come while the
    cluster starts or ends take effect after it.

    Args:
      address: `host:port` of a cluster, `auto` for the one that runs on this machine,
        or empty to start one of this machine, which ends with the block or when
        this process is killed. In a cluster this machine has to be one of the nodes.
      folder: Gets the logs of a cluster that is started; one process at a time.
      cpus, gpus: What a cluster that is started has for tasks; None for all.

    Raises:
      UserError: If Ray is not installed, or no cluster can be reached in 20 seconds.
    """
    check(address)
    ray = _ray()
    if address:
        _try(address)
        with _in_session(ray, "on its nodes", address=address, **_QUIET):
            yield
        return
    # Otherwise Ray writes one to the home folder. It keeps it until the process ends.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    with _temporary(folder) as temporary:
        with _in_session(
            ray,
            f"in {folder / _LOGS}",
            address="local",
            num_cpus=cpus,
            num_gpus=gpus,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            _temp_dir=str(temporary / "ray"),
            **_QUIET,
        ):
            yield


def check(address: str) -> None:
    """Refuses, at once, an engine `ray` for which there can be no cluster.

    Raises:
      UserError: If Ray is not installed, or nothing listens at the address.
    """
    _ray()
    if address in ("", "auto"):
        return
    if not re.fullmatch(r"[^\s/]+:\d+", address):
        raise UserError(
            f"--ray_address needs auto or host:port, found {address!r}: correct it,"
            " or leave it out to use this machine alone"
        )
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except OSError as error:
        raise _no_cluster(address, str(error)) from None


def nodes() -> tuple[Node, ...]:
    """The living nodes of the cluster that this process is connected to, by host."""
    found = []
    for node in _ray().nodes():
        if node["Alive"]:
            amounts = node["Resources"]
            found.append(
                Node(
                    host=node["NodeManagerHostname"],
                    id=node["NodeID"],
                    cpus=amounts.get("CPU", 0.0),
                    gpus=amounts.get("GPU", 0.0),
                    memory=amounts.get("memory", 0.0),
                )
            )
    return tuple(sorted(found))


def _ray() -> ModuleType:
    try:
        import ray
    except ImportError:
        raise UserError(
            "--engine=ray needs Ray, which is not installed: install it with"
            " pip install 'yosinski_tf[ray]'"
        ) from None
    return ray


def _try(address: str) -> None:
    """Connects in a process of its own, and says what is wrong if that fails."""
    try:
        subprocess.run(
            [sys.executable, "-c", _TRY, address],
            check=True,
            capture_output=True,
            text=True,
            timeout=_CONNECT_SECONDS,
        )
        return
    except subprocess.CalledProcessError as error:
        said = error.stderr
        reason = (said.strip().splitlines() or [f"code {error.returncode}"])[-1]
    except subprocess.TimeoutExpired as error:
        said = os.fsdecode(error.stderr or b"")
        reason = f"no answer in {_CONNECT_SECONDS:.0f} s"
    if re.search("AuthToken|AuthenticationError", said):
        raise UserError(
            f"the Ray cluster at --ray_address={address} needs its token: set"
            " RAY_AUTH_MODE=token and RAY_AUTH_TOKEN as where it was started"
        )
    raise _no_cluster(address, reason)


def _no_cluster(address: str, reason: str) -> UserError:
    return UserError(
        f"--ray_address={address} needs a Ray cluster that this machine is a node of,"
        f" found none ({reason[:300]}): start one there (ray start --head), correct"
        " the address, or leave it out to use this machine alone"
    )


@contextlib.contextmanager
def _in_session(ray: ModuleType, logs: str, **options) -> Iterator[None]:
    # Otherwise SIGTERM ends this process at once, by Ray's handler. The second: the end
    # of a worker or a node prints dozens of lines.
    with contextlib.suppress(AttributeError):
        ray._private.utils.set_sigterm_handler = lambda handler: None
        ray._private.worker.print_to_stdstream = lambda *unused, **options: None
    try:
        with signals.left_to_parent():
            try:
                ray.init(**options)
            except Exception as error:
                raise UserError(
                    f"--engine=ray needs Ray to start, found {in_brief(error)}: see its"
                    f" logs {logs}"
                ) from None
        with _signals_kept():
            yield
    finally:
        with signals.uninterrupted():
            ray.shutdown(wait_for_processes=True)


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Raises `Terminated` again where Ray has made it a plain KeyboardInterrupt."""
    caught: list[signals.Terminated] = []

    def noting(handler):
        def handle(number, frame):
            try:
                handler(number, frame)
            except signals.Terminated as error:
                caught.append(error)
                raise

        return handle

    numbers = (signal.SIGTERM, signal.SIGHUP)
    previous = {
        number: handler
        for number in numbers
        if callable(handler := signal.getsignal(number))
    }
    for number, handler in previous.items():
        signal.signal(number, noting(handler))
    try:
        yield
    except KeyboardInterrupt:
        if caught:
            raise caught[0] from None
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _temporary(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder for a `with` block, whose path is short, for Ray's files and sockets.

    Not all shared file systems have sockets. Its host and path are noted in `folder`,
    so that what a killed process leaves is removed by the next.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / _PLACE
    with contextlib.suppress(FileNotFoundError):
        host, _, path = place.read_text().partition("\n")
        if host == socket.gethostname() and _is_made_here(pathlib.Path(path)):
            _clear(folder, pathlib.Path(path))
    home = tempfile.gettempdir()
    if len(home) > _MOST_CHARACTERS - len("/yosinski-12345678"):
        home = "/tmp"
    # Ray lets every user into its own folder, which is in this one.
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=_PREFIX, dir=home))
    try:
        place.write_text(f"{socket.gethostname()}\n{temporary}")
        yield temporary
    finally:
        _clear(folder, temporary)


def _is_made_here(path: pathlib.Path) -> bool:
    """Whether a noted folder can be one of `_temporary`: the note may be anybody's."""
    return (
        path.parent in (pathlib.Path(tempfile.gettempdir()), pathlib.Path("/tmp"))
        and re.fullmatch(_PREFIX + "[a-z0-9_]{8}", path.name) is not None
        and path.lstat().st_uid == os.getuid()
    )


def _clear(folder: pathlib.Path, temporary: pathlib.Path) -> None:
    """Moves the logs of the last cluster to `folder` and removes its other files."""
    for logs in temporary.glob(f"ray/session_*_*/{_LOGS}"):
        shutil.rmtree(folder / _LOGS, ignore_errors=True)
        # On a full disk they are lost; what fills it is told elsewhere.
        with contextlib.suppress(OSError):
            shutil.move(logs, folder / _LOGS)
    shutil.rmtree(temporary, ignore_errors=True)
    (folder / _PLACE).unlink(missing_ok=True)
