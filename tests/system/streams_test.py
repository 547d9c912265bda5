"""What a program does when nobody can take what it prints."""

import os
import signal
import subprocess
import sys

import pytest
from commands import ENVIRONMENT

FULL = (
    "tool: standard {} needs to take what is printed, found No space left on device:"
    " make room, or send it elsewhere\n"
)
PROGRAM = """
import sys
from yosinski_tf.system import streams
with streams.lasting("tool"):
    print("one", flush=True)
    print("two", file=sys.stderr)
    print("three")
    print("done", file=open("done.txt", "w"))
    sys.exit(int(sys.argv[1]))
"""


def shell(folder, redirection, code=0):
    """Runs the program with its streams redirected by a shell."""
    done = subprocess.run(
        ["bash", "-c", f'{{ "$@" ; }} {redirection}', "-", sys.executable, "-c"]
        + [PROGRAM, str(code)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=ENVIRONMENT,
    )
    # Whatever happens to the streams, the work is done.
    assert (folder / "done.txt").read_text() == "done\n"
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("redirection", "code", "out", "err"),
    [
        ("", 0, "one\nthree\n", "two\n"),
        (">/dev/full", 1, "", FULL.format("output") + "two\n"),
        ("2>/dev/full", 1, "one\n" + FULL.format("error") + "three\n", ""),
        (">/dev/full 2>&1", 1, "", ""),
        (">&-", 0, "", "two\n"),
        ("2>&-", 0, "one\nthree\n", ""),
        (">&- 2>&- <&-", 0, "", ""),
        ("| true", 0, "", "two\n"),
        ("2>&1 | true", 0, "", ""),
    ],
)
def test_streams_that_take_nothing(tmp_path, redirection, code, out, err):
    found = shell(tmp_path, f"{redirection}; exit $PIPESTATUS")
    assert found == (code, out, err)


def test_an_error_of_the_program_keeps_its_code(tmp_path):
    code, _, err = shell(tmp_path, ">/dev/full; exit $PIPESTATUS", 130)
    assert (code, err) == (130, FULL.format("output") + "two\n")


def test_a_reader_that_is_slow_and_does_not_block_gets_everything(tmp_path):
    read, write = os.pipe()
    os.set_blocking(write, False)
    code = (
        "import sys; from yosinski_tf.system import streams\n"
        "with streams.lasting('tool'): print('x' * 300_000)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=write, env=ENVIRONMENT):
        os.close(write)
        with open(read, "rb") as pipe:
            assert pipe.read() == b"x" * 300_000 + b"\n"


def test_names_that_are_no_text_are_printed(tmp_path):
    code = (
        "import os; from yosinski_tf.system import streams\n"
        "with streams.lasting('tool'): print(os.fsdecode(b'caf\\xe9'), '\u2026')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"},
    )
    assert done.stdout == b"caf\\udce9 \\u2026\n", done.stderr


def test_the_streams_of_the_process_come_back(capfd):
    from yosinski_tf.system import streams

    before = sys.stdout, sys.stderr
    with streams.lasting("tool"):
        print("inside")
        assert sys.stdout is not before[0]
    assert (sys.stdout, sys.stderr) == before
    print("outside")
    assert capfd.readouterr().out == "inside\noutside\n"


def test_ctrl_c_reaches_a_program_whose_reader_has_gone():
    code = (
        "import time; from yosinski_tf.system import streams\n"
        "with streams.lasting('tool'):\n"
        "    print('one', flush=True); print('two', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().endswith(b"KeyboardInterrupt\n")
