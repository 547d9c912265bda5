"""The same function over many tasks, by several processes that can be stopped."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from yosinski_tf.system.errors import UserError

_POLL_SECONDS = 0.5
_END_SECONDS = 30.0


class Interrupted(Exception):
    """The work was told to stop."""


def run_all(
    function: Callable[..., Any],
    tasks: Iterable[Any],
    *,
    processes: int,
    advance: Callable[[int], None] = lambda count: None,
    extra: tuple[Any, ...] = (),
) -> Iterator[Any]:
    """Yields the results of all tasks, as they come.

    With one process the work is done in this one. Otherwise the processes end by
    themselves if this one is killed.

    Args:
      function: Called as `function(task, advance, stopped, *extra)`; it calls
        `advance` with what it has done, and raises `Interrupted` soon after
        `stopped()` is true. A function of a module, not one made on the spot.
      tasks: Taken as they are needed.
      processes: How many work side by side.
      advance: Called now and then with how much more is done.
      extra: More arguments, such as locks of `context()`.

    Raises:
      UserError: If a process ended by itself, as when memory runs out; or that
        of a task.
      OSError: That of a task.
    """
    if processes == 1:
        for task in tasks:
            yield function(task, advance, lambda: False, *extra)
        return
    pool = _Pool(function, processes, extra)
    try:
        yield from pool.run(iter(tasks), advance)
    finally:
        pool.close()


def context():
    """How processes are started: afresh, with nothing inherited."""
    return multiprocessing.get_context("spawn")


class _Pool:
    def __init__(self, function: Callable[..., Any], processes: int, extra: tuple):
        made = context()
        self._done = made.Value("q", 0)
        self._stop = made.Value("b", 0, lock=False)
        self._workers = {}
        # Inherited from their first moment on: Ctrl-C is for the parent to handle.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for _ in range(processes):
                ours, theirs = made.Pipe()
                shared = (theirs, self._done, self._stop, os.getpid())
                process = made.Process(
                    target=_work, args=(function, *shared, extra), daemon=True
                )
                process.start()
                theirs.close()
                self._workers[ours] = process
        finally:
            signal.signal(signal.SIGINT, previous)

    def run(self, tasks: Iterator[Any], advance: Callable[[int], None]):
        told, busy = 0, set()

        def give(connection) -> None:
            for task in tasks:
                connection.send(task)
                busy.add(connection)
                return

        for connection in self._workers:
            give(connection)
        while busy:
            ready = multiprocessing.connection.wait(list(busy), _POLL_SECONDS)
            done = self._done.value
            if done != told:
                advance(done - told)
                told = done
            for connection in ready:
                busy.remove(connection)
                result = self._receive(connection)
                give(connection)
                yield result
        if self._done.value != told:
            advance(self._done.value - told)

    def _receive(self, connection) -> Any:
        try:
            kind, content = connection.recv()
        except (EOFError, ConnectionResetError):
            process = self._workers[connection]
            process.join()
            raise UserError(
                f"a process ended with code {process.exitcode}, as when memory runs"
                " out: give a smaller --processes, then start the same command again"
            ) from None
        if kind == "error":
            raise content
        return content

    def close(self) -> None:
        """Ends the processes, after what they hold has been tidied up."""
        self._stop.value = 1
        for connection in self._workers:
            connection.close()
        for process in self._workers.values():
            process.join(_END_SECONDS)
            process.kill()


def _work(function, connection, done, stop, parent: int, extra: tuple) -> None:
    """Body of a process."""

    def advance(count: int) -> None:
        with done.get_lock():
            done.value += count

    def stopped() -> bool:
        return bool(stop.value) or os.getppid() != parent

    # SIGTERM is sent to whole groups too; the parent tells when to stop.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        while True:
            task = connection.recv()
            try:
                content = "result", function(task, advance, stopped, *extra)
            except (OSError, UserError) as error:
                content = "error", error
            except Interrupted:
                return
            except Exception as error:
                traceback.print_exc()
                text = f"{type(error).__name__}: {error}"
                content = "error", RuntimeError(text)
            connection.send(content)
    except (EOFError, ConnectionResetError, BrokenPipeError):
        # The parent has closed the pipe, or is no more.
        return
