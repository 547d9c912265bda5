"""How a binary is run: help, flags, mistakes in one sentence, exit codes."""

import math
import re
import shlex
import signal
import sys
import textwrap
from collections.abc import Callable, Sequence

from absl import app, flags

from yosinski_tf.system.errors import UserError, one_line
from yosinski_tf.system.signals import Terminated, terminate

FLAGS = flags.FLAGS

# After Ctrl-C and after SIGTERM.
STOPPED = (128 + signal.SIGINT, 128 + signal.SIGTERM)


def command() -> str:
    """This process's command line, as it would be typed."""
    return shlex.join([*program().split(), *sys.argv[1:]])


def program() -> str:
    """The name that this binary is called by."""
    name = sys.argv[0].replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".py")
    return name if name.startswith("yosinski-") else f"yosinski-{name}"


def run(
    main: Callable[[], int | None],
    summary: str,
    groups: Sequence[tuple[str, Sequence[str]]],
) -> None:
    """Runs a binary: help, flags, and a user's mistakes in one sentence.

    Args:
      main: The job; it returns the exit code, None for 0.
      summary: What the binary does, for `--help`.
      groups: Titles and flag names, for `--help`.
    """

    def parse(argv):
        if "--help" in argv or "-h" in argv:
            print(_help(summary, groups))
            sys.exit(0)
        try:
            rest = FLAGS(argv)
        except flags.Error as error:
            _fail(_explained(" ".join(str(error).split())))
        except UnicodeDecodeError as error:
            _fail(f"a flag file wants UTF-8 text, got {error}: give another --flagfile")
        _check_values()
        if len(rest) > 1:
            _fail(f"unknown argument {rest[1]!r}: flags start with --; see --help")
        return rest

    def guarded(unused):
        signal.signal(signal.SIGTERM, terminate)
        try:
            sys.exit(main() or 0)
        except UserError as error:
            _fail(str(error))
        except OSError as error:
            place = error.filename if error.filename2 is None else error.filename2
            _fail(
                f"cannot use {place} ({error.strerror or error}): wanted a path that"
                " can be read and written; correct or move it, or name another"
            )
        except KeyboardInterrupt as stop:
            print(f"{program()}: stopped", file=sys.stderr)
            sys.exit(stop_code(stop))

    app.run(guarded, flags_parser=parse)


def _check_values() -> None:
    """Refuses what the types of flags let pass."""
    for name in FLAGS:
        value = FLAGS[name].value
        if isinstance(value, float) and not math.isfinite(value):
            _fail(f"--{name} wants a finite number, got {value}: give one")
        # From a flag file only; no path may hold it.
        if "\0" in "".join(value if isinstance(value, list) else str(value)):
            _fail(f"--{name} wants text, got {value!r} with a zero byte: remove it")
    if "runs" in FLAGS and not FLAGS.runs:
        _fail("--runs wants a folder, got none: name one, such as --runs=runs/mine")


def _explained(message: str) -> str:
    """What absl says of a flag, with what would have been right."""
    if match := re.match(r"flag --(\w+)=(.*?): ", message):
        name, value = match.groups()
        parser = FLAGS[name].parser
        wanted = parser.syntactic_help or "true or false"
        if choices := getattr(parser, "enum_values", None):
            wanted = f"one of {', '.join(choices)}"
        return f"--{name} wants {wanted}, got {value!r}: see --help"
    return f"{message}: see --help"


def stop_code(stop: KeyboardInterrupt) -> int:
    """The exit code that says, as shells do, which signal ended the process."""
    return STOPPED[1] if isinstance(stop, Terminated) else STOPPED[0]


def _fail(message: str):
    print(f"{program()}: {one_line(message)}", file=sys.stderr)
    sys.exit(2)


def _help(summary: str, groups: Sequence[tuple[str, Sequence[str]]]) -> str:
    lines = [summary.strip(), ""]
    for title, names in groups:
        lines.append(f"{title}:")
        for name in names:
            flag = FLAGS[name]
            default = "" if flag.default in (None, "", []) else _shown(flag)
            lines += textwrap.wrap(
                f"{flag.help}{default}",
                width=96,
                initial_indent=f"  --{name:<19}",
                subsequent_indent=" " * 23,
            )
        lines.append("")
    lines.append("Any of them may stand in a file: --flagfile=FILE, one to a line.")
    return "\n".join(lines)


def _shown(flag) -> str:
    value = flag.default
    text = ",".join(value) if isinstance(value, list) else str(value)
    return f" [{text}]"
