"""Bad input to the commands: they print one sentence and change no file."""

import collections
import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile

import bad_files
import bad_flags
import pytest
from bad_world import images
from commands import ENVIRONMENT, TINY
from many_commands import many_commands

_TRAINING = ("base", "transfer", "random", "study")


@pytest.fixture(scope="module")
def place():
    """A folder that every user can read, with a folder to run the commands in."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "here").mkdir()
        yield folder


@pytest.fixture(scope="module")
def commands():
    with many_commands(ENVIRONMENT) as running:
        yield running


@pytest.fixture(scope="module")
def table(place, commands) -> dict[str, bad_flags.Bad]:
    """Every bad input by name."""
    good = images(place / "images")
    data = f"--dataset=folder:{good}"
    untrained = place / "untrained"
    arguments = [f"--runs={untrained}", data, *TINY]
    done = commands.run("study", arguments, place / "here", untrained=True)
    assert done.returncode == 0, done.stderr
    assert (untrained / "study.json").is_file()
    kinds = [
        bad_flags.flags(good),
        bad_files.lists(place / "lists", data),
        bad_files.folders(place / "folders"),
        bad_files.stores(place / "stores"),
        bad_files.preparations(place / "preparations"),
        bad_files.records(place / "records"),
        bad_files.studies(place / "studies", data, untrained),
        bad_files.exports(place / "exports"),
    ]
    names = collections.Counter(name for group in kinds for name in group)
    assert max(names.values()) == 1, names.most_common(3)
    return {name: bad for group in kinds for name, bad in group.items()}


def _arguments(bad: bad_flags.Bad, place: pathlib.Path) -> list[str]:
    """A command's arguments, and good ones for the flags that it leaves out."""
    given = list(bad.arguments)
    if bad.binary in _TRAINING:
        # Each command names its own folder, which it must not make.
        runs = f"--runs=runs{len(os.listdir(place / 'here'))}"
        usual = [*TINY, f"--dataset=folder:{place / 'images'}", runs]
        flags = {argument.split("=")[0] for argument in given}
        given += [each for each in usual if each.split("=")[0] not in flags]
    return given


def _listing(folder: pathlib.Path) -> dict[bytes, tuple[int, ...]]:
    """All files and folders below a folder, with mode, size and times of changes."""
    found = {}
    for root, folders, files in os.walk(os.fsencode(folder)):
        for name in (b".", *folders, *files):
            path = os.path.join(root, name)
            about = os.lstat(path)
            # The system sets the last one at every change; no program can.
            times = (about.st_mtime_ns, about.st_ctime_ns)
            found[path] = (about.st_mode, about.st_size, *times)
    return found


def _changed(bad, before, after) -> list[bytes]:
    """The paths that have changed."""

    def seen(about):
        if about is None or bad.binary != "prepare" or not stat.S_ISDIR(about[0]):
            return about
        # It makes a folder beside the store and removes it: only times change.
        return about[0]

    both = before | after
    return [path for path in both if seen(before.get(path)) != seen(after.get(path))]


def _complaint(bad, place, returncode, stderr, before, after) -> str:
    """What is wrong with how a command refused its input; empty if nothing."""
    changed = _changed(bad, before, after)
    # The name of yosinski-benchmark includes what it measures.
    name = re.match(rf"yosinski-{bad.binary}(?: \w+)?: ", stderr)
    for wrong, what in (
        (returncode != 2, f"exit code {returncode}"),
        ("Traceback" in stderr, "a stack trace"),
        (stderr.count("\n") != 1 or not stderr.endswith("\n"), "not one line"),
        (name is None, "no name in front"),
        (not stderr.removesuffix("\n").isprintable(), "control characters"),
        (changed, f"changed {changed}"),
        *((word not in stderr, f"no {word!r}") for word in bad.words),
    ):
        if wrong:
            return what
    return ""


def test_bad_input_is_one_sentence_and_changes_nothing(table, place, commands):
    assert len(table) >= 278
    wrong = {}
    before = _listing(place)
    for name, bad in table.items():
        done = commands.run(
            bad.binary,
            _arguments(bad, place),
            place / "here",
            plain_user=bad.plain_user,
            untrained=True,
        )
        after = _listing(place)
        what = _complaint(bad, place, done.returncode, done.stderr, before, after)
        # Only TensorFlow's own data sets need TensorFlow to be described.
        if not what and done.imported and not any("tfds:" in a for a in bad.arguments):
            what = f"imported {done.imported}"
        if what:
            wrong[name] = f"{what}: {done.stdout[-500:]} {done.stderr[-1500:]}"
        before = after
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())


@pytest.mark.parametrize(
    "name", ["study --steps=1.5", "record is cut", "export of no run"]
)
def test_the_installed_commands_say_the_same(table, place, name):
    bad = table[name]
    command = pathlib.Path(sys.executable).with_name(f"yosinski-{bad.binary}")
    if not command.is_file():
        pytest.skip(f"{command} is not installed")
    before = _listing(place)
    done = subprocess.run(
        [command, *_arguments(bad, place)],
        capture_output=True,
        text=True,
        cwd=place / "here",
        env=ENVIRONMENT,
    )
    after = _listing(place)
    what = _complaint(bad, place, done.returncode, done.stderr, before, after)
    assert not what, done.stderr


def test_every_bad_input_names_words_of_its_message(table):
    for name, bad in table.items():
        assert bad.words, name
        assert not any(re.fullmatch(r"\W*", word) for word in bad.words), name
