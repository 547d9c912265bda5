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


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_in_the_collection_of_garbage_is_not_lost(name):
    done = python(
        "import gc, os, signal, time\n"
        "from yosinski_tf.system import signals\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signals.listen()\n"
        "def collecting(*_):\n"
        "    gc.callbacks.clear()\n"
        "    os.kill(os.getpid(), signal.NAME)\n"
        "    print('here it is ignored')\n"
        "gc.callbacks.append(collecting)\n"
        "try:\n"
        "    gc.collect()\n"
        "    time.sleep(20)\n"
        "except KeyboardInterrupt as stop:\n"
        "    print('stopped', getattr(stop, 'number', 2))\n".replace("NAME", name)
    )
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
    done = python(
        # It brings a second thread, as commands have.
        "import numpy\n"
        "import os, signal, sys\n"
        "from yosinski_tf.system import signals\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signals.listen()\n"
        "try:\n"
        "    with signals.left_to_parent():\n"
        "        os.kill(os.getpid(), signal.NAME)\n"
        "        print('started')\n"
        "except KeyboardInterrupt as stop:\n"
        "    print('stopped', getattr(stop, 'number', 2))\n".replace("NAME", name)
    )
    assert done.stdout == f"started\nstopped {getattr(signal, name):d}\n", done.stderr
