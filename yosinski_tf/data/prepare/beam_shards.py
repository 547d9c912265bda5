"""Makes the shards of a store by an Apache Beam pipeline, on many machines.

Apache Beam is the extra `beam`, imported only here. Every machine must see the source
and the store's folder under the same paths. A shard's content depends on its task
alone, so many machines write the same records as one.
"""

from collections.abc import Callable, Iterable, Sequence

from yosinski_tf.data.prepare.shards import ShardTask, make_shard
from yosinski_tf.system.errors import UserError


def beam_runner(
    runner: str, options: Sequence[str]
) -> Callable[[Iterable[ShardTask], Callable[[int], None]], None]:
    """Returns a runner for `make_store.make_store`, from the name of a Beam runner.

    The options are Beam's pipeline options, `name=value` or `name`.

    Raises:
      UserError: If Apache Beam is not installed or does not know the runner.
    """
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
        from apache_beam.runners import create_runner
    except ImportError:
        raise UserError(
            "--beam_runner needs Apache Beam, which is not installed: install it with"
            " pip install 'yosinski_tf[beam]'"
        ) from None
    try:
        create_runner(runner)
    except (ValueError, ImportError, AttributeError) as error:
        raise UserError(
            f"--beam_runner={runner} is not a runner that Apache Beam can start"
            f" ({' '.join(str(error).split())[:200]}): give, for example,"
            " DirectRunner, FlinkRunner or SparkRunner"
        ) from None

    def run(tasks: Iterable[ShardTask], advance: Callable[[int], None]) -> None:
        flags = [f"--{option.lstrip('-')}" for option in options]
        tasks = list(tasks)
        try:
            with beam.Pipeline(runner, PipelineOptions(flags)) as pipeline:
                _ = (
                    pipeline
                    | "Shards" >> beam.Create(tasks)
                    | "Spread" >> beam.Reshuffle()
                    # Results are read from the manifests.
                    | "Make" >> beam.Map(make_shard)
                )
        # A runner wraps the error of a machine in its own type of error.
        except Exception as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            reason = lines[-1].strip()[:300] if lines else ""
            raise UserError(
                f"the Beam pipeline failed ({type(error).__name__}: {reason}): see its"
                " log, then start the same command again, which continues with the"
                " finished files"
            ) from None
        advance(sum(len(task.images) for task in tasks))

    return run
