"""Trains networks whose first n layers stay at their random initial values."""

from yosinski_tf.binaries.job import command_line, shared_flags, treatments_job

_SUMMARY = """yosinski-random: train on top of random frozen features.

Example: yosinski-random --runs=runs/mine --split=random:0 --treatments=R1B,R2B"""


def run() -> None:
    """Entry point."""
    shared_flags.define_all(treatments=[f"R{n}B" for n in range(1, 8)])
    command_line.run(
        lambda: treatments_job.train({"random"}, False),
        _SUMMARY,
        treatments_job.groups(),
    )


if __name__ == "__main__":
    run()
