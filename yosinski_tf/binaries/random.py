"""Trains networks whose first n layers keep their random initial values."""

from yosinski_tf.binaries.job import treatments_job

_SUMMARY = """yosinski-random: train on top of random frozen features.

Example: yosinski-random --runs=runs/mine --split=random:0 --treatments=R1B,R2B"""


def run() -> None:
    """Entry point."""
    treatments_job.run({"random"}, _SUMMARY, treatments=["RnB"])


if __name__ == "__main__":
    run()
