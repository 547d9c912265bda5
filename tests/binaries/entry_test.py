"""The installed commands from their first moment on."""

import configparser
import signal

import pytest
from commands import python
from many_commands import NAMES
from places import ROOT

from yosinski_tf.binaries import entry

# Ctrl-C at the moment when the command's own module is loaded.
INTERRUPTED = """
import os, signal, sys
from yosinski_tf.binaries import entry

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "yosinski_tf.binaries." + sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
getattr(entry, sys.argv[1])()
"""


def test_every_command_begins_there():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options.entry_points"]["console_scripts"].split("\n")
    assert lines[1:] == [
        f"yosinski-{name} = yosinski_tf.binaries.entry:{name}" for name in NAMES
    ]
    assert all(getattr(entry, name).args == (name,) for name in NAMES)


@pytest.mark.parametrize("name", ["base", "study", "benchmark"])
def test_ctrl_c_while_a_command_loads_prints_one_line(name):
    # A shell may have started the tests so that they ignore Ctrl-C.
    ended = python(
        INTERRUPTED,
        name,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert (ended.returncode, ended.stderr) == (130, "stopped while starting\n")


def test_a_command_that_is_not_interrupted_runs():
    code = "import sys; from yosinski_tf.binaries import entry; entry.report()"
    ended = python(code, "--help")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("yosinski-report: tables and figures")
