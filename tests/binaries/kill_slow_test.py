"""A small study that is killed many times ends with the same results.

SIGKILL goes to the whole process group, as when a machine stops, at random moments
in every phase of the study, with one and with two cohorts at a time. The test takes
about 5 minutes on 2 busy cores.
"""

import collections
import os
import pathlib
import random
import signal
import time

import pytest
from commands import TINY, start
from outcomes import outcome

pytestmark = pytest.mark.slow

KILLS = 30
STEPS = 2000
TREATMENTS = ("baseA", "baseB", "R6B", "A1B", "B3B+")
FIRST, COPIES = 3, 5


class Study:
    """One start of the command on a folder."""

    def __init__(
        self,
        runs: pathlib.Path,
        images: pathlib.Path,
        processes: int,
        every: str = "50steps",
    ):
        self.runs = runs
        self.output = runs.with_suffix(".output")
        self.left_behind = set(self._parts())
        self.process = start(
            "study",
            f"--runs={runs}",
            f"--dataset=folder:{images}",
            f"--treatments={','.join(TREATMENTS)}",
            *TINY,
            f"--steps={STEPS}",
            "--validate_every=250",
            f"--checkpoint_every={every}",
            "--learning_rate=0.001",
            f"--processes={processes}",
            output=self.output,
            start_new_session=True,
        )

    def ended(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def says(self, text: str) -> bool:
        return text in self.output.read_text()

    def records(self) -> int:
        return len(list(self.runs.glob("*/record.json")))

    def steps(self) -> dict[str, int]:
        """The newest checkpoint of each cohort."""
        found: dict[str, int] = {}
        for path in self.runs.glob("cohorts/*.checkpoint"):
            cohort, _, step = path.name.removesuffix(".checkpoint").split(".")
            found[cohort] = max(found.get(cohort, 0), int(step))
        return found

    def _parts(self) -> list[pathlib.Path]:
        return list(self.runs.glob("cohorts/.*.part"))

    def writing(self) -> bool:
        """Whether a checkpoint is being written at this moment."""
        return not self.left_behind.issuperset(self._parts())

    def without_record(self) -> list[str]:
        """Runs that have weights but no record."""
        found = self.runs.glob("*/weights.npz")
        return [
            path.parent.name
            for path in found
            if not path.with_name("record.json").exists()
        ]


def aims(draw: random.Random):
    """What to wait for before each kill, in the order of a study."""

    def later(seconds):
        delay, since = draw.uniform(0, seconds), []

        def reached(condition):
            if condition and not since:
                since.append(time.monotonic())
            return bool(since) and time.monotonic() - since[0] > delay

        return reached

    def stage(copies):
        # Runs with a record are not trained again.
        def training(study):
            return (study.records() >= FIRST) == copies and bool(study.steps())

        def starting(study):
            cohort = "copies" if copies else "first"
            return study.says(f"_seed0_{cohort}:")

        def advanced():
            target = []

            def reached(study):
                if not training(study):
                    return False
                now = max(study.steps().values())
                if not target:
                    target.append(now + draw.randrange(0, 300))
                return now >= min(target[0], STEPS - 50)

            return reached

        def validating():
            # The last checkpoint before a validation is of the same step.
            wait, begun = later(0.05), []

            def reached(study):
                now = max(study.steps().values(), default=0)
                begun.append(now)
                return training(study) and wait(now > begun[0] and now % 250 == 0)

            return reached

        wait = later(6)
        yield "start-up", lambda study: wait(starting(study))
        for _ in range(2 - copies):
            yield "steps", advanced()
            yield "validation", validating()
            yield (
                "checkpoint half written",
                lambda study: training(study) and study.writing(),
            )
        yield (
            "weights without record",
            lambda study: (
                (study.records() >= FIRST) == copies and study.without_record()
            ),
        )
        yield (
            "between two records",
            lambda study: study.records() in ((4,) if copies else (1, 2)),
        )

    wait_early, wait_report, wait_again = later(3), later(1.5), later(0.5)
    yield "reading images", lambda study: wait_early(True)
    yield from stage(copies=False)
    yield from stage(copies=True)
    yield "report", lambda study: wait_again(study.records() == COPIES)
    yield "report", lambda study: wait_report(study.records() == COPIES)


def run_to_the_end(runs, images, processes, every="50steps") -> None:
    study = Study(runs, images, processes, every)
    assert study.process.wait(timeout=600) == 0, study.output.read_text()


@pytest.mark.parametrize(("processes", "seed"), [(1, 1), (2, 2)])
def test_a_study_that_is_killed_again_and_again(
    tmp_path, images, capsys, processes, seed
):
    whole = tmp_path / "whole"
    run_to_the_end(whole, images, processes)
    wanted = outcome(whole)
    assert len(wanted) == 2 * len(TREATMENTS) + 3

    draw, hits, studies = random.Random(seed), collections.Counter(), 0
    while sum(hits.values()) < KILLS // 2:
        runs = tmp_path / f"killed{studies}"
        studies += 1
        for aim, reached in aims(draw):
            study = Study(runs, images, processes)
            while not study.ended() and not reached(study):
                time.sleep(0.001)
            if not study.ended():
                study.kill()
                hits[aim] += 1
                with capsys.disabled():
                    print(
                        f"\nkill {sum(hits.values())} ({processes} at a time): {aim};"
                        f" {study.records()} records, steps {study.steps()}"
                        f"{', in the middle of a write' * study.writing()}",
                        end="",
                        flush=True,
                    )
            else:
                assert study.process.returncode == 0, study.output.read_text()
        run_to_the_end(runs, images, processes)
        found = outcome(runs)
        assert found.keys() == wanted.keys()
        for name in wanted:
            assert found[name] == wanted[name], name
        assert not list(runs.glob("cohorts/*.checkpoint"))
    with capsys.disabled():
        print(f"\n{sum(hits.values())} kills survived, by aim: {dict(hits)}")


def test_kills_between_two_records_before_the_first_checkpoint_is_due(tmp_path, images):
    every = "1min"
    whole, hits = tmp_path / "whole", 0
    run_to_the_end(whole, images, 1, every)
    wanted = outcome(whole)
    for attempt in range(6):
        runs = tmp_path / f"killed{attempt}"
        for between in ((1, 2), (4,)):
            study = Study(runs, images, 1, every)
            while not study.ended() and study.records() not in between:
                time.sleep(0.0005)
            if not study.ended():
                study.kill()
                hits += study.records() in between
        run_to_the_end(runs, images, 1, every)
        assert outcome(runs) == wanted
        if hits >= 2:
            break
    assert hits >= 2
