"""Trains base networks: from random weights, on one half or the whole set."""

from yosinski_tf.binaries.job import command_line, shared_flags, treatments_job

_SUMMARY = """yosinski-base: train base networks from random weights.

Example: yosinski-base --runs=runs/mine --split=random:0 --treatments=baseA,baseB"""


def run() -> None:
    """Entry point."""
    shared_flags.define_all(treatments=["baseA", "baseB"])
    command_line.run(
        lambda: treatments_job.train({"base"}, False), _SUMMARY, treatments_job.groups()
    )


if __name__ == "__main__":
    run()
