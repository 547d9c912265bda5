"""Checkpoint files: which are kept, which is found, and damage of every kind."""

import hashlib
import multiprocessing
import os
import pathlib
import tracemalloc

import numpy as np
import pytest

from yosinski_tf.training import checkpoints
from yosinski_tf.training.checkpoints import Checkpoint

RUNS = ("a", "b", "c")


def state(step: int, runs=RUNS, settings="same") -> Checkpoint:
    arrays = {f"{run}/conv1/kernel": np.full((2, 3), step, "f4") for run in runs}
    return Checkpoint(
        runs=tuple(runs),
        settings=settings,
        step=step,
        meta={"validated": step // 2},
        arrays=arrays,
    )


def steps(folder: pathlib.Path) -> list[int]:
    """Steps of all files, in the order of their names."""
    return [int(path.name.split(".")[-2]) for path in sorted(folder.iterdir())]


def find(folder, needed=RUNS, settings="same"):
    return checkpoints.newest(folder, "cohort", needed, settings)


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    written = state(7)
    written.arrays["b/dropout"] = np.array([3, 2**32 - 1], np.uint32)
    written.arrays["b/totals/loss"] = np.float32(np.nan)
    checkpoints.write(tmp_path / "cohorts", "cohort", written)
    found = find(tmp_path / "cohorts")
    assert found.problems == ()
    back = found.checkpoint
    assert (back.runs, back.settings, back.step) == (RUNS, "same", 7)
    assert back.meta == {"validated": 3}
    assert back.arrays.keys() == written.arrays.keys()
    for name, array in written.arrays.items():
        assert back.arrays[name].dtype == array.dtype
        assert back.arrays[name].tobytes() == array.tobytes()


def test_the_last_two_are_kept_and_the_newest_is_found(tmp_path):
    for step in (5, 90, 100, 1000):
        checkpoints.write(tmp_path, "cohort", state(step))
    assert find(tmp_path).checkpoint.step == 1000
    assert sorted(steps(tmp_path)) == [100, 1000]


def one_bit(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES = {
    "truncated": lambda data: data[: len(data) // 2],
    "one bit": one_bit,
    "last byte": lambda data: data[:-1],
    "a number": lambda data: data.replace(b'"step": 20', b'"step": 21', 1),
    "empty": lambda data: b"",
    "no header": lambda data: data.partition(b"\n")[2],
    "other version": lambda data: data.replace(b"checkpoint 1 ", b"checkpoint 2 ", 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_and_the_one_before_is_used(tmp_path, damage):
    checkpoints.write(tmp_path, "cohort", state(10))
    last = checkpoints.write(tmp_path, "cohort", state(20))
    last.write_bytes(DAMAGES[damage](last.read_bytes()))
    found = find(tmp_path)
    assert found.checkpoint.step == 10
    (problem,) = found.problems
    assert last.name in problem and "is damaged" in problem
    # The training continues and writes the same step again.
    checkpoints.write(tmp_path, "cohort", state(20))
    assert find(tmp_path).problems == ()
    assert find(tmp_path).checkpoint.step == 20


def test_writing_deletes_a_damaged_file_of_a_later_step(tmp_path):
    for step in (10, 20):
        last = checkpoints.write(tmp_path, "cohort", state(step))
    last.write_bytes(b"nothing")
    checkpoints.write(tmp_path, "cohort", state(15))
    assert [find(tmp_path).checkpoint.step, *find(tmp_path).problems] == [15]
    assert len(steps(tmp_path)) == 2


def test_without_a_file_that_is_whole_none_is_found(tmp_path):
    for step in (10, 20):
        path = checkpoints.write(tmp_path, "cohort", state(step))
        path.write_bytes(path.read_bytes()[:100])
    found = find(tmp_path)
    assert found.checkpoint is None
    assert len(found.problems) == 2


def test_a_checkpoint_serves_some_of_its_runs_in_any_order(tmp_path):
    checkpoints.write(tmp_path, "cohort", state(10))
    for needed in (("c", "a"), ("b",)):
        assert find(tmp_path, needed).checkpoint.step == 10
        assert find(tmp_path, needed).problems == ()


def test_a_checkpoint_that_lacks_a_run_is_not_used_and_says_which(tmp_path):
    checkpoints.write(tmp_path, "cohort", state(10))
    found = find(tmp_path, ("a", "d"))
    assert found.checkpoint is None
    (problem,) = found.problems
    assert "does not hold d" in problem


def test_a_checkpoint_of_other_runs_only_is_no_problem(tmp_path):
    checkpoints.write(tmp_path, "cohort", state(10))
    assert find(tmp_path, ("d",)) == checkpoints.Found(None, ())
    assert find(tmp_path / "none") == checkpoints.Found(None, ())


def test_runs_continue_from_a_cohort_of_another_id_and_size(tmp_path):
    checkpoints.write(tmp_path, "other", state(30, ("c", "d", "e")))
    checkpoints.write(tmp_path, "larger", state(20, ("a", "b", "c", "d")))
    checkpoints.write(tmp_path, "cohort", state(10, ("a", "b")))
    found = find(tmp_path, ("d", "a"))
    assert (found.checkpoint.step, found.checkpoint.runs) == (20, tuple("abcd"))
    assert find(tmp_path, ("b",)).checkpoint.step == 20
    assert find(tmp_path, ("e", "c")).checkpoint.step == 30


def test_a_damaged_file_is_a_problem_of_its_own_runs_only(tmp_path):
    path = checkpoints.write(tmp_path, "other", state(10))
    data = path.read_bytes()
    path.write_bytes(data[:-10])
    assert path.name in find(tmp_path, ("a",)).problems[0]
    assert find(tmp_path, ("x",)).problems == ()
    # Only its name says now which cohort it is of.
    path.write_bytes(b"")
    assert find(tmp_path, ("a",)).problems == ()
    (problem,) = checkpoints.newest(tmp_path, "other", ("a",), "same").problems
    assert path.name in problem


def test_held_runs_are_ordered_by_step_and_by_number(tmp_path):
    for cohort, step, runs in (("x", 5, "ab"), ("y", 5, "bcd"), ("z", 40, "e")):
        checkpoints.write(tmp_path / "cohorts", cohort, state(step, runs))
    (tmp_path / "cohorts" / "x.0.50.checkpoint").write_bytes(b"nothing")
    assert checkpoints.held(tmp_path)[1:] == [set("e"), set("bcd"), set("ab")]
    assert checkpoints.held(tmp_path / "none") == []


def test_writing_deletes_earlier_checkpoints_of_fewer_runs(tmp_path):
    checkpoints.write(tmp_path, "part", state(10, ("a", "b")))
    checkpoints.write(tmp_path, "part", state(20, ("a", "x")))
    checkpoints.write(tmp_path, "cohort", state(30))
    # The one before the newest stays.
    assert steps(tmp_path) == [30, 10, 20]
    checkpoints.write(tmp_path, "cohort", state(40))
    assert steps(tmp_path) == [30, 40, 20]


def test_writing_makes_no_second_copy_of_the_arrays(tmp_path):
    large = state(1)
    large.arrays["a/kernel"] = np.ones((6000, 4000), "f4")
    tracemalloc.start()
    checkpoints.write(tmp_path, "cohort", large)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The arrays take 96 MB; NumPy writes 16 MB at a time.
    assert peak < 40e6


def test_json_that_is_too_deep_is_damage(tmp_path):
    content = b"[" * 100_000 + b"\n"
    digest = hashlib.sha256(content).hexdigest()
    path = checkpoints.write(tmp_path, "cohort", state(10))
    path.write_bytes(f"yosinski_tf checkpoint 1 sha256 {digest}\n".encode() + content)
    (problem,) = find(tmp_path).problems
    assert "RecursionError" in problem


def test_a_checkpoint_of_another_recipe_is_not_used_and_says_so(tmp_path):
    checkpoints.write(tmp_path, "cohort", state(10, settings="other"))
    found = find(tmp_path)
    assert found.checkpoint is None
    assert "another network, recipe" in found.problems[0]


def test_processes_with_other_runs_of_a_cohort_keep_their_own_files(tmp_path):
    for step in (1, 2, 3):
        checkpoints.write(tmp_path, "cohort", state(step, ("a", "b")))
    for step in (7, 8, 9):
        checkpoints.write(tmp_path, "cohort", state(step, ("c",)))
    assert len(steps(tmp_path)) == 4
    assert find(tmp_path, ("b",)).checkpoint.step == 3
    assert find(tmp_path, ("c",)).checkpoint.step == 9


def test_checkpoints_of_finished_runs_are_deleted(tmp_path):
    folder = tmp_path / "cohorts"
    checkpoints.write(folder, "cohort", state(1, ("a", "b")))
    checkpoints.write(folder, "cohort", state(2, ("b", "c")))
    damaged = checkpoints.write(folder, "other", state(3, ("d",)))
    damaged.write_bytes(damaged.read_bytes()[:-10])
    (folder / "what.ever.5.checkpoint").write_bytes(b"nothing")
    for run in ("a", "b", "d"):
        (tmp_path / run).mkdir()
        (tmp_path / run / "record.json").write_text("{}")
    checkpoints.discard(tmp_path)
    # One has a run without a record, the other cannot be read.
    assert steps(folder) == [2, 5]
    checkpoints.discard(tmp_path / "nothing")


def die_in_write(folder, moment):
    """Ends the process before or after one of the system calls of a write."""
    calls = iter(range(100))

    def mortal(call):
        def dying(*arguments, **options):
            if next(calls) == moment:
                os._exit(9)
            result = call(*arguments, **options)
            if next(calls) == moment:
                os._exit(9)
            return result

        return dying

    for name in ("fsync", "replace", "unlink"):
        setattr(os, name, mortal(getattr(os, name)))
    checkpoints.write(folder, "cohort", state(30))


def test_a_process_killed_during_a_write_leaves_a_checkpoint_to_use(tmp_path):
    context = multiprocessing.get_context("fork")
    found_steps, moment, ended = [], 0, 9
    while ended == 9:
        folder = tmp_path / str(moment)
        for step in (10, 20):
            checkpoints.write(folder, "cohort", state(step))
        process = context.Process(target=die_in_write, args=(folder, moment))
        process.start()
        process.join()
        ended = process.exitcode
        found = find(folder)
        assert found.problems == ()
        found_steps.append(found.checkpoint.step)
        assert len(list(folder.glob("*.checkpoint"))) in (2, 3)
        moment += 1
    # Before and after the sync, the move, and the deletion of the oldest.
    assert len(found_steps) >= 7
    assert found_steps == sorted(found_steps) and set(found_steps) == {20, 30}
