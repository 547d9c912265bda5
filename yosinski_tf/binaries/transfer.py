"""Trains networks whose first n layers are copied from a base network."""

from yosinski_tf.binaries.job import treatments_job

_SUMMARY = """yosinski-transfer: copy the first n layers of a base network, train.

A3B: three layers from baseA, frozen, trained on half B; A3B+: fine-tuned too;
B3B, B3B+: the controls, copied from baseB; P3B: copied from --source.
Example: yosinski-transfer --runs=runs/mine --treatments=A3B,A3B+ --with_bases"""


def run() -> None:
    """Entry point."""
    treatments_job.run({"given", "selffer", "transfer"}, _SUMMARY, extra=["with_bases"])


if __name__ == "__main__":
    run()
