"""SIGTERM and SIGHUP stop the process that the user started, unless it ignores them."""

import signal

import pytest
from commands import python

_LISTENING = """
import os, signal, subprocess, sys
from yosinski_tf.system import signals
signal.signal(signal.SIGHUP, signal.SIG_{before})
signals.listen()
try:
    os.kill(os.getpid(), {number})
except signals.Terminated as stop:
    sys.exit(128 + stop.number)
sys.exit(5)
"""


@pytest.mark.parametrize(
    ("number", "before", "code"),
    [
        (signal.SIGTERM, "DFL", 143),
        (signal.SIGTERM, "IGN", 143),
        (signal.SIGHUP, "DFL", 129),
        # As nohup starts it.
        (signal.SIGHUP, "IGN", 5),
    ],
)
def test_a_command_that_listens(number, before, code):
    done = python(_LISTENING.format(before=before, number=int(number)))
    assert done.returncode == code, done.stderr


_CAUGHT = """
import gc, os, signal, sys, time
from yosinski_tf.system import signals
signal.signal(signal.SIGINT, signal.default_int_handler)
signals.listen()
{before}
try:
    {inside}
except KeyboardInterrupt as stop:
    print('stopped', getattr(stop, 'number', 2))
"""
_COLLECTING = """
def collecting(*_):
    gc.callbacks.clear()
    os.kill(os.getpid(), signal.{name})
    print('here it is ignored')
gc.callbacks.append(collecting)
"""
# NumPy brings a second thread, as commands have.
_STARTING = """
    import numpy
    with signals.left_to_parent():
        os.kill(os.getpid(), signal.{name})
        print('started')
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_in_the_collection_of_garbage_is_not_lost(name):
    before = _COLLECTING.format(name=name)
    done = python(_CAUGHT.format(before=before, inside="gc.collect(); time.sleep(20)"))
    assert done.stdout == f"stopped {getattr(signal, name):d}\n", done.stderr
    assert done.stderr == ""


def test_what_is_started_ignores_the_signals_that_are_left_to_its_parent():
    done = python(
        "import signal, subprocess, sys\n"
        "from yosinski_tf.system import signals\n"
        "kill = 'import os, signal; os.kill(os.getpid(), signal.SIGHUP)'\n"
        "with signals.left_to_parent():\n"
        "    print(subprocess.call([sys.executable, '-c', kill]))\n"
        "print(subprocess.call([sys.executable, '-c', kill]))\n"
    )
    assert done.stdout == "0\n-1\n", done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_what_is_left_to_the_parent_waits_for_the_end_of_the_start(name):
    inside = _STARTING.format(name=name)
    done = python(_CAUGHT.format(before="", inside=inside))
    assert done.stdout == f"started\nstopped {getattr(signal, name):d}\n", done.stderr
