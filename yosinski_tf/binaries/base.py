"""Trains base networks: from random weights, on one half or on the whole set."""

from yosinski_tf.binaries.job import treatments_job

_SUMMARY = """yosinski-base: train base networks from random weights.

Example: yosinski-base --runs=runs/mine --split=random:0 --treatments=baseA,baseB"""


def run() -> None:
    """Entry point."""
    treatments_job.run({"base"}, _SUMMARY, treatments=["baseA", "baseB"])


if __name__ == "__main__":
    run()
