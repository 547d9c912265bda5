"""Commands for what a study folder holds, to be copied into a shell."""

import pathlib
import shlex


def tensorboard(runs: pathlib.Path) -> str:
    """The command that shows the losses of a study."""
    return shlex.join(["tensorboard", "--logdir", str(runs / "tensorboard")])


def export(runs: pathlib.Path, run_id: str) -> str:
    """The command that exports a run of a study."""
    return shlex.join(["yosinski-export", f"--runs={runs}", f"--run={run_id}"])


def explain(runs: pathlib.Path) -> str:
    """The command that measures the layers of a study."""
    return shlex.join(["yosinski-explain", f"--runs={runs}"])
