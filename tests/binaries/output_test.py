"""What the commands print, on any terminal and where nobody can take it."""

import subprocess
import sys

import pytest
from commands import ENVIRONMENT, python, refuse, succeed

FULL = (
    "standard output needs to take what is printed, found No space left on device:"
    " make room, or send it elsewhere\n"
)


def lines_of_help(binary, **environment):
    return succeed(binary, "--help", environment=environment).stdout.splitlines()


def test_help_is_short_and_grouped():
    lines = lines_of_help("transfer", COLUMNS="")
    assert "Recipe:" in lines and any("--treatments  " in line for line in lines)
    assert len(lines) <= 100
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("binary", "columns", "widest"),
    [("study", "40", 40), ("benchmark", "60", 60), ("export", "200", 96)],
)
def test_help_keeps_to_the_width_of_the_terminal(binary, columns, widest):
    lines = lines_of_help(binary, COLUMNS=columns)
    # Narrower would be a waste of the terminal.
    assert widest - 8 <= max(map(len, lines)) <= widest


def test_only_words_stick_out_of_a_very_narrow_help():
    long = [line for line in lines_of_help("prepare", COLUMNS="20") if len(line) > 20]
    assert "  --source=tfds:imagenet2012 \\" in long
    assert all(" " not in line.strip(" \\") for line in long)


@pytest.mark.parametrize("columns", ["30", "70"])
def test_an_example_can_be_copied_from_a_narrow_terminal(columns):
    help_text = "\n".join(lines_of_help("random", COLUMNS=columns))
    example = help_text.split("Example:")[1].split("\n\n")[0]
    assert "\\\n" in example
    done = subprocess.run(
        ["bash", "-c", f"printf '%s ' {example.strip()}"],
        capture_output=True,
        text=True,
    )
    assert done.stdout == (
        "yosinski-random --runs=runs/mine --split=random:0 --treatments=R1B,R2B "
    )


@pytest.mark.parametrize(
    ("binary", "argument"),
    [("study", "--dry_run"), ("transfer", "--help"), ("benchmark", "--help")],
)
def test_a_full_disk_under_the_output_is_said(binary, argument, tmp_path):
    command = [sys.executable, "-m", f"yosinski_tf.binaries.{binary}", argument]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            cwd=tmp_path,
        )
    assert (done.returncode, done.stderr) == (1, f"yosinski-{binary}: {FULL}")


def test_head_ends_a_command_quietly(tmp_path):
    done = subprocess.run(
        [
            *("bash", "-c", '"$@" | head -n 0; echo ${PIPESTATUS[0]}', "-"),
            *(sys.executable, "-m", "yosinski_tf.binaries.study", "--dry_run"),
        ],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=tmp_path,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_an_error_of_the_system_without_a_path():
    code = """
import sys
from yosinski_tf.binaries.job import command_line
sys.argv = ["yosinski-study"]
def main(): raise BlockingIOError(11, "Resource temporarily unavailable")
command_line.run(main, "", [])
"""
    done = python(code)
    assert (done.returncode, done.stderr) == (
        2,
        "yosinski-study: needs memory, processes and open files, found that the system"
        " refuses them (Resource temporarily unavailable): make room, then start the"
        " same command again\n",
    )


def test_the_command_for_a_missing_base_is_quoted(tmp_path, images):
    told = refuse(
        "transfer",
        *("--runs", "treatments", f"--dataset=folder:{images}", "--treatments=A2B"),
        cwd=tmp_path,
    )
    assert told.split("`")[1] == (
        f"yosinski-base --runs treatments --dataset=folder:{images} --treatments=baseA"
    )
    told = refuse(
        "transfer",
        *("--runs=it's mine", f"--dataset=folder:{images}", "--treatments=A2B"),
        cwd=tmp_path,
    )
    assert told.split("`")[1] == (
        f"""yosinski-base '--runs=it'"'"'s mine' --dataset=folder:{images}"""
        " --treatments=baseA"
    )
