"""Commands that a user copies into a shell."""

import pathlib
import shlex

import pytest

from yosinski_tf.study import commands


def test_the_commands():
    runs = pathlib.Path("runs/mine")
    assert commands.tensorboard(runs) == "tensorboard --logdir runs/mine/tensorboard"
    assert commands.export(runs, "random-0_A3B+_seed0") == (
        "yosinski-export --runs=runs/mine --run=random-0_A3B+_seed0"
    )


@pytest.mark.parametrize(
    "name",
    [
        "my runs",
        "it's",
        'a"b',
        "$HOME",
        "a;b",
        "*",
        "(a)",
        "~1",
        "\u540d\u524d",
        "a\nb",
    ],
)
def test_a_shell_reads_the_folder_as_it_is(name):
    runs = pathlib.Path(name)
    words = shlex.split(commands.tensorboard(runs))
    assert words == ["tensorboard", "--logdir", f"{name}/tensorboard"]
    words = shlex.split(commands.export(runs, "random-0_A3B~1_seed0"))
    assert words == ["yosinski-export", f"--runs={name}", "--run=random-0_A3B~1_seed0"]
