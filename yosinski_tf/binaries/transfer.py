"""Trains networks whose first n layers are copied from a base network."""

from absl import flags

from yosinski_tf.binaries.job import command_line, treatments_job
from yosinski_tf.binaries.job.shared_flags import define_all

_SUMMARY = """yosinski-transfer: copy the first n layers of a base network, train.

A3B: three layers from baseA, frozen, trained on half B; A3B+: fine-tuned too;
B3B, B3B+: the controls, copied from baseB.
Example: yosinski-transfer --runs=runs/mine --treatments=A3B,A3B+ --with_bases"""


def run() -> None:
    """Entry point."""
    define_all()
    command_line.run(
        lambda: treatments_job.train({"selffer", "transfer"}, flags.FLAGS.with_bases),
        _SUMMARY,
        treatments_job.groups("with_bases"),
    )


if __name__ == "__main__":
    run()
