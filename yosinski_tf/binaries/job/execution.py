"""Trains what a plan lacks."""

import contextlib
import functools
from collections.abc import Callable, Iterator

from yosinski_tf.binaries.job import auto_settings, command_line, messages
from yosinski_tf.binaries.job.planning import Plan
from yosinski_tf.data.sources.image_set import ImageSet, check_train_per_class
from yosinski_tf.data.sources.memory_check import check_halves
from yosinski_tf.experiment.cohorts import Cohort
from yosinski_tf.machine.threads import Threads, choose_threads
from yosinski_tf.scheduling import engine, ray_engine, scheduler
from yosinski_tf.scheduling.events import Event
from yosinski_tf.scheduling.progress import Display, ImageCount, duration
from yosinski_tf.study import failures, finished_run, folder, image_source
from yosinski_tf.study.records import RECORD_NAME, find_record, records_by_id
from yosinski_tf.system import files, locks, ray_cluster
from yosinski_tf.training import checkpoints, job

Watch = Callable[[Event, Display], None]


def execute(plan: Plan, watch: Watch = lambda event, display: None) -> int:
    """Trains what is left of a plan; returns the exit code of the command.

    Args:
      plan: The plan.
      watch: Called with every event, after it was shown.

    Returns:
      0 if everything is trained, 1 if something failed, now or earlier, or lacks
      a base that did, or if all networks diverged; 130 if Ctrl-C stopped it, 143 if
      SIGTERM did, 129 if SIGHUP.

    Raises:
      UserError: If the data set cannot be used, another process trains the study, the
        folder cannot be written to, or the disk is full.
    """
    try:
        locks.check_free(plan.runs)
        wanted = [run.run_id for run in plan.wanted]
        bases = [base.run_id for cohort in plan.cohorts for base in cohort.bases]
        known = dict.fromkeys([*wanted, *bases])
        messages.tell_not_tried(known, plan.diverged, plan.failed)
        # Everything that may refuse the plan comes before the folder is made.
        read = _read_images(plan) if plan.left else None
        with messages.writing_to(plan.runs), locks.driving(plan.runs):
            # A process that was killed after its last record leaves its checkpoints.
            checkpoints.discard(plan.runs)
            if read is None:
                return _nothing_left(plan)
            threads = _make_folder(plan, *read)
            del read  # Processes that train need the memory.
            if plan.options.retry_failed:
                _forget_failures(plan)
            return _train(plan, threads, watch)
    except KeyboardInterrupt as stop:
        print(_stopped(plan), flush=True)
        return command_line.stop_code(stop)


def _nothing_left(plan: Plan) -> int:
    """Says why nothing is trained; returns the exit code."""
    wanted = {run.run_id for run in plan.wanted}
    if plan.failed_earlier:
        print(f"Nothing is left to try in {plan.runs}.")
        return 1
    if plan.diverged.keys() >= wanted:
        print(f"All {len(wanted)} networks in {plan.runs} have diverged.")
        return 1
    print(f"All {len(wanted)} networks are trained already in {plan.runs}.")
    return 0


def _stopped(plan: Plan) -> str:
    """What to say of a study that was stopped."""
    kept = {*records_by_id(plan.runs)}.union(*checkpoints.held(plan.runs))
    if kept.isdisjoint(run.run_id for run in plan.wanted):
        return "Stopped before anything was saved; the same command starts again."
    return "Stopped; the same command goes on from here."


def _check_bases(plan: Plan) -> None:
    """Refuses bases whose weights are not the ones that their records describe."""
    records, settings = records_by_id(plan.runs), plan.settings
    needed = dict.fromkeys(base for cohort in plan.cohorts for base in cohort.bases)
    for base in needed:
        record = records.get(base.run_id)
        # If a base diverged, only its copies are left out.
        if record and record.status == "finished":
            finished_run.read_run_weights(
                plan.runs, record, settings.network, settings.recipe.crop_size
            )


def _read_images(plan: Plan) -> tuple[ImageSet, str | None]:
    """Checks bases and reads the images; returns these and their source's signature.

    Reading takes long, so it comes after all other checks.
    """
    _check_bases(plan)
    signed = image_source.sign(plan.settings)
    with ImageCount(long_only=True) as count:
        show = functools.partial(count.show, "reading")
        images = folder.load_images(plan.runs, plan.settings, signed, show)
    folder.check_images(images, records_by_id(plan.runs).values())
    for warning in images.copies.warnings if images.copies else ():
        print(f"Warning: {warning}", flush=True)
    check_train_per_class(images, plan.settings.train_per_class)
    halves = [cohort.split.classes(cohort.target) for cohort in plan.cohorts]
    if plan.options.ray_address is None:
        check_halves(images, halves, plan.processes)
    return images, signed


def _make_folder(plan: Plan, images: ImageSet, signed: str | None) -> Threads:
    """Makes the study folder; returns its threads."""
    halves = [cohort.split.classes(cohort.target) for cohort in plan.cohorts]
    threads = choose_threads(
        plan.settings.network,
        plan.settings.recipe,
        max(map(len, halves)),
        plan.processes,
        plan.settings.threads.number,
        plan.options.nodes[0],
    )
    made_with = folder.make_study_folder(
        plan.runs, plan.settings, images, signed, threads=threads
    )
    files.remove_leftovers(plan.runs)
    return made_with.threads


def _forget_failures(plan: Plan) -> None:
    """Removes what earlier failures left."""
    ids = [run.run_id for cohort in plan.cohorts for run in cohort.runs]
    failures.forget(plan.runs, ids)
    for run_id in ids:
        record = find_record(plan.runs, run_id)
        if record is not None and record.status != "finished":
            (plan.runs / run_id / RECORD_NAME).unlink()


def _train(plan: Plan, threads: Threads, watch: Watch) -> int:
    for sentence in plan.notes:
        print(sentence)
    print(f"{plan.summary()}, {plan.at_a_time} at a time.", flush=True)
    with _display(plan) as display:

        def report(event: Event) -> None:
            display.show(event)
            watch(event, display)

        with _engine(plan, threads) as found:
            lost = scheduler.train_all(
                plan.cohorts,
                lambda cohort: _job(plan, cohort, threads),
                found,
                runs=plan.runs,
                retries=plan.options.retries,
                report=report,
            )
    records = records_by_id(plan.runs)
    wanted = [records[run.run_id] for run in plan.wanted if run.run_id in records]
    messages.tell_lost(lost, [r for r in wanted if r.run_id not in plan.diverged])
    print(f"Trained {display.finished} networks in {duration(display.seconds)}.")
    nothing_usable = wanted and all(r.status == "diverged" for r in wanted)
    return 1 if lost or plan.failed_earlier or nothing_usable else 0


@contextlib.contextmanager
def _engine(plan: Plan, threads: Threads) -> Iterator[engine.Engine]:
    """What runs the cohorts: processes here, or tasks of a cluster, each on a GPU."""
    options, node = plan.options, plan.options.nodes[0]
    mirrored = options.distribution.kind == "mirrored"
    if options.ray_address is None:
        devices = [gpu.uuid for gpu in node.gpus]
        if mirrored and devices:
            devices = [",".join(devices)]
        yield engine.LocalEngine(plan.processes, devices)
        return
    share = _share(plan, threads)

    def memory(cohort: Cohort) -> int:
        on_gpu = share.gpus > 0
        return auto_settings.host_memory(
            cohort.runs, plan.settings, plan.data, on_gpu=on_gpu
        )

    with ray_cluster.connected(
        options.ray_address,
        plan.runs / "logs" / "ray",
        cpus=node.cores,
        gpus=len(node.gpus),
    ):
        found = ray_engine.RayEngine(plan.runs, share, memory)
        found.check(plan.cohorts)
        yield found


def _share(plan: Plan, threads: Threads) -> ray_engine.Share:
    """What each cohort gets of a node of a cluster."""
    options, nodes = plan.options, plan.options.nodes
    number, devices = options.settings.threads.number, 0
    # Those that share no operation are more than a process' part of the cores.
    if threads.per_operation != 1 and plan.processes <= nodes[0].cores:
        number = number or threads.number
    if options.distribution.kind == "mirrored":
        fewest = min(len(node.gpus) for node in nodes)
        devices = options.distribution.devices or fewest
    return ray_engine.Share.of(nodes, plan.processes, number, devices)


def _job(plan: Plan, cohort: Cohort, threads: Threads) -> job.Job:
    options = plan.options
    return job.Job(
        cohort=cohort,
        network=plan.settings.network,
        recipe=plan.settings.recipe,
        runs=plan.runs,
        images=plan.runs / image_source.IMAGES_FOLDER,
        command=command_line.command(),
        threads=threads,
        checkpoint_every=options.checkpoint_every,
        deterministic=options.deterministic,
        distribution=options.distribution,
        source=plan.settings.source is not None,
        feature_cache=options.feature_cache,
    )


def _display(plan: Plan) -> Display:
    return Display(
        {cohort.cohort_id: plan.cost(cohort.runs) for cohort in plan.cohorts},
        plan.settings.recipe.steps,
    )
