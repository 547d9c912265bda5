"""How a command is run: help, flags, one sentence for a mistake, exit codes."""

import difflib
import math
import re
import shlex
import signal
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from absl import app, flags

from yosinski_tf.binaries.job import flag_files
from yosinski_tf.binaries.job.help_text import help_text
from yosinski_tf.system import errors, signals, streams

FLAGS = flags.FLAGS
_DEFINE = {
    bool: flags.DEFINE_bool,
    float: flags.DEFINE_float,
    int: flags.DEFINE_integer,
    list: flags.DEFINE_list,
    str: flags.DEFINE_string,
}
# The flags that `define` defines belong to the module that calls it.
flags.disclaim_key_flags()

# The exit codes after Ctrl-C, after SIGTERM and after SIGHUP.
STOPPED = (128 + signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGHUP)


def define(table: Mapping[str, tuple]) -> None:
    """Defines flags.

    `table` has for each name the default, the help, and unless the default says it what
    values there are: a type, the least number, a list of words, or a parser.
    """
    for name, (default, text, *values) in table.items():
        wanted = values[0] if values else type(default)
        if isinstance(wanted, flags.ArgumentParser):
            flags.DEFINE(wanted, name, default, text)
        elif isinstance(wanted, list):
            flags.DEFINE_enum(name, default, wanted, text)
        elif isinstance(wanted, type):
            _DEFINE[wanted](name, default, text)
        else:
            _DEFINE[type(wanted)](name, default, text, lower_bound=wanted)


def command() -> str:
    """The command line of this process, as the user would type it."""
    return shlex.join([*program().split(), *sys.argv[1:]])


def command_for(program: str, treatments: str) -> str:
    """The same command line for another program and other treatments."""
    kept: list[str] = []
    given = iter(sys.argv[1:])
    for argument in given:
        name = argument.lstrip("-") if argument.startswith("-") else ""
        if name == "treatments":
            next(given, None)
        elif not name.startswith(("treatments=", "with_bases", "nowith_bases")):
            kept.append(argument)
    return shlex.join([program, *kept, f"--treatments={treatments}"])


def program() -> str:
    """The name of this program, for example `yosinski-study`."""
    name = sys.argv[0].replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".py")
    return name if name.startswith("yosinski-") else f"yosinski-{name}"


def run(
    main: Callable[[], int | None],
    summary: str,
    groups: Sequence[tuple[str, Iterable[str]]],
    unlisted: Iterable[str] = (),
) -> None:
    """Runs `main`, which returns the exit code (None for 0), and exits.

    `--help` shows the summary, and the flags in groups with titles. `unlisted` are
    flags that the command takes, too. Those of other commands are refused, except in
    flag files, which commands share.
    """
    own = {name for _, names in groups for name in names} | {*unlisted}

    def parse(argv):
        if "--help" in argv or "-h" in argv:
            print(help_text(summary, groups))
            sys.exit(0)
        try:
            rest = FLAGS(list(flag_files.expanded(argv)))
        except flags.UnrecognizedFlagError as error:
            _fail(_unknown(error.flagname, own))
        except flags.Error as error:
            _fail(_explained(" ".join(str(error).split())))
        except errors.UserError as error:
            _fail(str(error))
        _check_used(argv, own)
        _check_values()
        if len(rest) > 1:
            _fail(f"unknown argument {rest[1]!r}: flags start with --; see --help")
        return rest

    def guarded(unused):
        signals.listen()
        try:
            sys.exit(main() or 0)
        except errors.UserError as error:
            for line in error.details:
                print(line, file=sys.stderr)
            _fail(str(error))
        except OSError as error:
            _fail(_refused(error))
        except MemoryError:
            _fail(
                "needs more memory than there is: free some, or use fewer --processes"
            )
        except KeyboardInterrupt as stop:
            print(f"{program()}: stopped", file=sys.stderr)
            sys.exit(stop_code(stop))

    with streams.lasting(program()):
        app.run(guarded, flags_parser=parse)


def _refused(error: OSError) -> str:
    """What the system has refused, and what to do."""
    reason = error.strerror or error
    place = error.filename if error.filename2 is None else error.filename2
    if place is None:
        return (
            f"needs memory, processes and open files, found that the system refuses"
            f" them ({reason}): make room, then start the same command again"
        )
    return (
        f"cannot use {place} ({reason}): needs a path that can be read and written;"
        " correct or move it, or name another"
    )


def _unknown(name: str, own: Collection[str]) -> str:
    """What is wrong with a flag that no command has."""
    near = " or ".join(f"--{each}" for each in difflib.get_close_matches(name, own))
    hint = f"did you mean {near}? See" if near else "see"
    return f"unknown flag --{name}: {hint} --help"


def _check_used(argv: Sequence[str], own: Collection[str]) -> None:
    """Refuses flags in the command line that only other commands use."""
    by_module = flags.FLAGS.flags_by_module_dict().items()
    # Those of absl, such as --pdb, are for all.
    ours = {flag.name for m, fs in by_module if not m.startswith("absl") for flag in fs}
    for argument in argv[1:]:
        name = argument.lstrip("-").partition("=")[0]
        if name not in ours:
            name = name.removeprefix("no")  # As in --nomirror.
        if argument.startswith("-") and name in ours and name not in own:
            _fail(
                f"--{name} is for other commands, not for this one: leave it out; see"
                " --help"
            )


def _check_values() -> None:
    """Refuses values that their flags' types allow."""
    for name in FLAGS:
        value = FLAGS[name].value
        if isinstance(value, float) and not math.isfinite(value):
            _fail(f"--{name} needs a finite number, found {value}: give one")
    if "runs" in FLAGS and not FLAGS.runs:
        _fail("--runs needs a folder, found none: name one, such as --runs=runs/mine")


def _explained(message: str) -> str:
    """An error of absl, with what the flag needs."""
    if match := re.match(r"flag --(\w+)=(.*?): ", message):
        name, value = match.groups()
        parser = FLAGS[name].parser
        needed = parser.syntactic_help or "true or false"
        if choices := getattr(parser, "enum_values", None):
            needed = f"one of {', '.join(choices)}"
        return f"--{name} needs {needed}, found {value!r}: see --help"
    return f"{message}: see --help"


def stop_code(stop: KeyboardInterrupt) -> int:
    """The exit code that names, as in shells, the signal that ended the process."""
    return 128 + getattr(stop, "number", signal.SIGINT)


def _fail(message: str):
    print(f"{program()}: {errors.one_line(message)}", file=sys.stderr)
    sys.exit(2)
