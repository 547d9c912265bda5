"""Runs one function on many tasks, in several processes that can be stopped."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from yosinski_tf.system import signals
from yosinski_tf.system.errors import UserError

_POLL_SECONDS = 0.5
_END_SECONDS = 30.0


class Interrupted(Exception):
    """The work was stopped."""


def run_all(
    function: Callable[..., Any],
    tasks: Iterable[Any],
    *,
    processes: int,
    advance: Callable[[int], None] = lambda count: None,
    extra: tuple[Any, ...] = (),
) -> Iterator[Any]:
    """Yields the results of all tasks in the order in which they end.

    With one process the calling process does the work. Child processes end by
    themselves if the calling process is killed.

    Args:
      function: Called as `function(task, advance, stopped, *extra)`. It calls
        `advance` with the number of items just done, and raises `Interrupted` soon
        after `stopped()` is true. It must be a function of a module.
      tasks: Taken as they are needed.
      processes: Number of parallel processes.
      advance: Called with the number of items just done.
      extra: More arguments, such as locks of `context()`.

    Raises:
      UserError: If a process was killed, for example for lack of memory, or if a
        task raises it.
      OSError: If a task raises it.
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
    """The context that starts processes, as new interpreters."""
    return multiprocessing.get_context("spawn")


class _Pool:
    def __init__(self, function: Callable[..., Any], processes: int, extra: tuple):
        made = context()
        self._workers = {}
        with signals.left_to_parent():
            # Python starts a process of its own for the first of these.
            self._done = made.Value("q", 0)
            self._stop = made.Value("b", 0, lock=False)
            for _ in range(processes):
                ours, theirs = made.Pipe()
                shared = (theirs, self._done, self._stop, os.getpid())
                process = made.Process(
                    target=_work, args=(function, *shared, extra), daemon=True
                )
                process.start()
                theirs.close()
                self._workers[ours] = process

    def run(self, tasks: Iterator[Any], advance: Callable[[int], None]):
        reported, busy = 0, set()

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
            if done != reported:
                advance(done - reported)
                reported = done
            for connection in ready:
                busy.remove(connection)
                result = self._receive(connection)
                give(connection)
                yield result
        if self._done.value != reported:
            advance(self._done.value - reported)

    def _receive(self, connection) -> Any:
        try:
            kind, content = connection.recv()
        except (EOFError, ConnectionResetError):
            process = self._workers[connection]
            process.join()
            raise UserError(
                f"a process ended with code {process.exitcode}, perhaps for lack of"
                " memory: give a smaller --processes, then start the same command again"
            ) from None
        if kind == "error":
            raise content
        return content

    def close(self) -> None:
        """Stops the processes and waits until they have cleaned up."""
        self._stop.value = 1
        for connection in self._workers:
            connection.close()
        for process in self._workers.values():
            process.join(_END_SECONDS)
            process.kill()


def _work(function, connection, done, stop, parent: int, extra: tuple) -> None:
    """The main function of a child process."""

    def advance(count: int) -> None:
        with done.get_lock():
            done.value += count

    def stopped() -> bool:
        return bool(stop.value) or os.getppid() != parent

    # SIGTERM may go to the whole process group; the parent decides when to stop.
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
        # The parent has closed the pipe or has ended.
        return
