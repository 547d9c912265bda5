"""Single jobs or lists of treatments of one kind: base, transfer, random."""

from collections.abc import Collection, Sequence

from absl import flags

from yosinski_tf.binaries.job import (
    command_line,
    execution,
    machine_flags,
    messages,
    planning,
)
from yosinski_tf.binaries.job.shared_flags import DATA, NETWORK, RECIPE
from yosinski_tf.experiment import paper_plans
from yosinski_tf.experiment.treatments import all_treatments, parse_treatments
from yosinski_tf.study import folder
from yosinski_tf.study.records import write_results
from yosinski_tf.system.errors import UserError

FLAGS = flags.FLAGS


def groups(*extra: str) -> list[tuple[str, Sequence[str]]]:
    """The flags of a job in groups, for `--help`."""
    return [
        ("What to train", ("treatments", "seeds", "runs", *extra)),
        ("Data and halves", DATA),
        ("Network", NETWORK),
        ("Recipe", RECIPE),
        ("Machine", machine_flags.MACHINE),
    ]


def train(kinds: Collection[str], with_bases: bool) -> int:
    """Trains the treatments of `--treatments`, which must be of given kinds.

    Raises:
      UserError: If a flag is wrong or a base network is missing.
    """
    if FLAGS.plan:
        raise UserError(
            f"--plan={FLAGS.plan} is for yosinski-study, {command_line.program()}"
            " trains --treatments: add --plan= to leave it out"
        )
    if not FLAGS.treatments:
        raise UserError(
            "--treatments names nothing to train: give some, such as A3B,A3B+"
        )
    if FLAGS.treatments == ["all"]:
        treatments = tuple(t for t in all_treatments() if t.kind in kinds)
    else:
        treatments = parse_treatments(FLAGS.treatments)
    for treatment in treatments:
        if treatment.kind not in kinds:
            raise UserError(
                f"{command_line.program()} trains {' and '.join(sorted(kinds))}"
                f" networks, got {treatment}: use"
                f" {_BINARIES[treatment.kind]} for it, or yosinski-study"
            )
    parts = paper_plans.parts_of(FLAGS.split, treatments)
    plan = planning.make_plan(parts, with_bases)
    missing = planning.missing_bases(plan)
    if missing:
        names = ",".join(dict.fromkeys(str(run.treatment) for run in missing))
        raise UserError(
            f"the base network {missing[0].run_id} is missing in {plan.runs}: train"
            f" it with `{execution.command_for('yosinski-base', names)}`, or add"
            " --with_bases"
        )
    code = execution.execute(plan)
    if code in command_line.STOPPED or plan.distribution.follows:
        return code
    if not plan.runs.is_dir():
        return code
    with messages.reporting(plan.runs):
        records = folder.finished(plan.runs)
        write_results(plan.runs / "results.csv", records.values())
    for run in plan.wanted:
        record = records.get(run.run_id)
        if record and record.status != "finished":
            print(f"{record.run_id}: {record.status}, no result")
        elif record:
            print(
                f"{record.run_id}: top-1 {record.top1:.4f}, mean of ten best"
                f" {record.top1_mean_of_10_best:.4f}"
                f" ({record.num_validation_images} images)"
            )
    return code


_BINARIES = {
    "base": "yosinski-base",
    "selffer": "yosinski-transfer",
    "transfer": "yosinski-transfer",
    "random": "yosinski-random",
}
