"""Trains base networks: from random weights, on one half or the whole set."""

from yosinski_tf.binaries import command_line, job_flags, jobs

_SUMMARY = """yosinski-base: train base networks from random weights.

Example: yosinski-base --runs=runs/mine --split=random:0 --treatments=baseA,baseB"""


def run() -> None:
    """Entry point."""
    job_flags.define_all(treatments=["baseA", "baseB"])
    command_line.run(lambda: jobs.train({"base"}, False), _SUMMARY, jobs.groups())


if __name__ == "__main__":
    run()
