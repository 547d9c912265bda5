"""The commands that train a list of treatments: base, transfer, random."""

from collections.abc import Collection, Iterable, Sequence

from absl import flags

from yosinski_tf.binaries.job import (
    command_line,
    execution,
    machine_flags,
    messages,
    options,
    plan_text,
    planning,
    shared_flags,
)
from yosinski_tf.experiment import paper_plans
from yosinski_tf.experiment.splits import is_undivided
from yosinski_tf.experiment.treatments import (
    Treatment,
    all_treatments,
    given_treatments,
    parse_treatments,
)
from yosinski_tf.study.records import records_by_id, write_results
from yosinski_tf.study.settings import StudySettings
from yosinski_tf.system.errors import UserError

FLAGS = flags.FLAGS
_COMMANDS = {
    "base": "yosinski-base",
    "given": "yosinski-transfer",
    "selffer": "yosinski-transfer",
    "transfer": "yosinski-transfer",
    "random": "yosinski-random",
}


def groups(*extra: str) -> list[tuple[str, Iterable[str]]]:
    """The flags of a command that trains, in groups, for `--help`."""
    return [
        ("What to train", ("treatments", "seeds", "runs", *extra)),
        ("Data and halves", shared_flags.DATA),
        ("Network", shared_flags.NETWORK),
        ("Recipe", shared_flags.RECIPE),
        ("Machine", machine_flags.MACHINE),
    ]


def run(
    kinds: Collection[str],
    summary: str,
    treatments: Sequence[str] | None = None,
    extra: Sequence[str] = (),
) -> None:
    """Runs the command that trains treatments of some kinds.

    `treatments` is what it trains by default, `extra` are flags for its help.
    """
    shared_flags.define_all(treatments)
    command_line.run(
        lambda: train(kinds),
        summary,
        groups("dry_run", *extra),
        # `train` says what to do with a plan.
        unlisted=("plan", "rate", "with_bases"),
    )


def parts(
    study: StudySettings, kinds: Collection[str] = tuple(_COMMANDS)
) -> list[paper_plans.PlanPart]:
    """The treatments of `--treatments`, all of some kinds, on every `--split`.

    All are those of the paper; if the study was given a network, those that copy from
    it, on half B or on the whole set, with their controls.

    Raises:
      UserError: If a treatment is unknown or of another kind.
    """
    stages = len(study.network.stage_names)
    if FLAGS.treatments != ["all"]:
        treatments = parse_treatments(FLAGS.treatments or [], stages)
    elif study.source is None:
        treatments = _of_kinds(all_treatments(stage_count=stages), kinds)
    else:
        return [
            paper_plans.PlanPart(
                split,
                _of_kinds(
                    given_treatments("W" if is_undivided(split) else "B", stages), kinds
                ),
            )
            for split in FLAGS.split
        ]
    for treatment in treatments:
        if treatment.kind not in kinds:
            raise UserError(
                f"{command_line.program()} trains {' and '.join(sorted(kinds))}"
                f" networks, found {treatment}: use {_COMMANDS[treatment.kind]} for it,"
                " or yosinski-study"
            )
    return [paper_plans.PlanPart(split, treatments) for split in FLAGS.split]


def _of_kinds(
    treatments: Iterable[Treatment], kinds: Collection[str]
) -> tuple[Treatment, ...]:
    return tuple(treatment for treatment in treatments if treatment.kind in kinds)


def train(kinds: Collection[str]) -> int:
    """Trains the treatments of `--treatments`; returns the exit code.

    Raises:
      UserError: If the flags are wrong or a base network is missing.
    """
    if FLAGS.plan:
        raise UserError(
            f"--plan={FLAGS.plan} is for yosinski-study, {command_line.program()}"
            " trains --treatments: add --plan= to leave it out"
        )
    wanted = options.from_flags()
    plan = planning.make_plan(
        parts(wanted.settings, kinds), wanted, with_bases=FLAGS.with_bases
    )
    if missing := planning.missing_bases(plan):
        names = ",".join(dict.fromkeys(str(run.treatment) for run in missing))
        command = command_line.command_for(_COMMANDS["base"], names)
        raise UserError(
            f"the base network {missing[0].run_id} is missing in {plan.runs}: train"
            f" it with `{command}`, or add --with_bases"
        )
    if FLAGS.dry_run:
        print(plan_text.describe(plan, FLAGS.rate))
        return 0
    code = execution.execute(plan)
    if code in command_line.STOPPED or not plan.runs.is_dir():
        return code
    with messages.reporting(plan.runs):
        records = records_by_id(plan.runs)
        write_results(plan.runs / "results.csv", records.values())
    for run_id in (run.run_id for run in plan.wanted if run.run_id in records):
        record = records[run_id]
        if record.status == "finished":
            print(
                f"{run_id}: top-1 {record.top1:.4f}, mean of ten best"
                f" {record.top1_mean_of_10_best:.4f}"
                f" ({record.num_validation_images} images)"
            )
        else:
            print(f"{run_id}: {record.status}, no result")
    return code
