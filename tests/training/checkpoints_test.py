"""Checkpoint files: kept, found again, and damaged in every way."""

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
    return Checkpoint(tuple(runs), settings, step, {"validated": step // 2}, arrays)


def names(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def find(folder, wanted=RUNS, settings="same"):
    return checkpoints.newest(folder, "cohort", wanted, settings)


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
    assert len(names(tmp_path)) == 2
    assert find(tmp_path).checkpoint.step == 1000
    assert sorted(name.split(".")[-2] for name in names(tmp_path)) == ["100", "1000"]


def damage_truncated(data):
    return data[: len(data) // 2]


def damage_one_bit(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def damage_last_byte(data):
    return data[:-1]


def damage_empty(data):
    return b""


def damage_a_number(data):
    return data.replace(b'"step": 20', b'"step": 21', 1)


def damage_no_header(data):
    return data.partition(b"\n")[2]


def damage_other_version(data):
    return data.replace(b"checkpoint 1 ", b"checkpoint 2 ", 1)


DAMAGES = [
    damage_truncated,
    damage_one_bit,
    damage_last_byte,
    damage_a_number,
    damage_empty,
    damage_no_header,
    damage_other_version,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__)
def test_a_damaged_one_is_named_and_the_one_before_is_used(tmp_path, damage):
    checkpoints.write(tmp_path, "cohort", state(10))
    last = checkpoints.write(tmp_path, "cohort", state(20))
    last.write_bytes(damage(last.read_bytes()))
    found = find(tmp_path)
    assert found.checkpoint.step == 10
    (problem,) = found.problems
    assert last.name in problem and "is damaged" in problem
    # It goes on, and writes the same step again.
    checkpoints.write(tmp_path, "cohort", state(20))
    assert find(tmp_path).problems == ()
    assert find(tmp_path).checkpoint.step == 20


def test_a_damaged_one_ahead_of_all_others_does_not_stay(tmp_path):
    for step in (10, 20):
        last = checkpoints.write(tmp_path, "cohort", state(step))
    last.write_bytes(b"nothing")
    checkpoints.write(tmp_path, "cohort", state(15))
    assert [find(tmp_path).checkpoint.step, *find(tmp_path).problems] == [15]
    assert len(names(tmp_path)) == 2


def test_two_damaged_ones_leave_none(tmp_path):
    for step in (10, 20):
        path = checkpoints.write(tmp_path, "cohort", state(step))
        path.write_bytes(path.read_bytes()[:100])
    found = find(tmp_path)
    assert found.checkpoint is None
    assert len(found.problems) == 2


def test_some_of_its_runs_in_another_order_are_enough(tmp_path):
    checkpoints.write(tmp_path, "cohort", state(10))
    for wanted in (("c", "a"), ("b",)):
        assert find(tmp_path, wanted).checkpoint.step == 10
        assert find(tmp_path, wanted).problems == ()


def test_one_that_lacks_a_run_is_not_used_and_says_which(tmp_path):
    checkpoints.write(tmp_path, "cohort", state(10))
    found = find(tmp_path, ("a", "d"))
    assert found.checkpoint is None
    (problem,) = found.problems
    assert "does not hold d" in problem


def test_one_of_other_runs_alone_is_nobodys_business(tmp_path):
    checkpoints.write(tmp_path, "cohort", state(10))
    assert find(tmp_path, ("d",)) == checkpoints.Found(None, ())
    assert find(tmp_path / "none") == checkpoints.Found(None, ())


def test_runs_go_on_from_a_cohort_of_another_name_and_size(tmp_path):
    checkpoints.write(tmp_path, "other", state(30, ("c", "d", "e")))
    checkpoints.write(tmp_path, "larger", state(20, ("a", "b", "c", "d")))
    checkpoints.write(tmp_path, "cohort", state(10, ("a", "b")))
    found = find(tmp_path, ("d", "a"))
    assert (found.checkpoint.step, found.checkpoint.runs) == (20, tuple("abcd"))
    assert find(tmp_path, ("b",)).checkpoint.step == 20
    assert find(tmp_path, ("e", "c")).checkpoint.step == 30


def test_a_damaged_one_is_told_to_those_whose_it_is(tmp_path):
    path = checkpoints.write(tmp_path, "other", state(10))
    data = path.read_bytes()
    path.write_bytes(data[:-10])
    assert path.name in find(tmp_path, ("a",)).problems[0]
    assert find(tmp_path, ("x",)).problems == ()
    # Its name is all that is left to go by.
    path.write_bytes(b"")
    assert find(tmp_path, ("a",)).problems == ()
    (problem,) = checkpoints.newest(tmp_path, "other", ("a",), "same").problems
    assert path.name in problem


def test_what_checkpoints_hold_the_highest_step_and_the_most_runs_first(tmp_path):
    for cohort, step, runs in (("x", 5, "ab"), ("y", 5, "bcd"), ("z", 40, "e")):
        checkpoints.write(tmp_path / "cohorts", cohort, state(step, runs))
    (tmp_path / "cohorts" / "x.0.50.checkpoint").write_bytes(b"nothing")
    assert checkpoints.held(tmp_path)[1:] == [set("e"), set("bcd"), set("ab")]
    assert checkpoints.held(tmp_path / "none") == []


def test_what_a_later_one_of_more_runs_makes_useless_is_deleted(tmp_path):
    checkpoints.write(tmp_path, "part", state(10, ("a", "b")))
    checkpoints.write(tmp_path, "part", state(20, ("a", "x")))
    checkpoints.write(tmp_path, "cohort", state(30))
    # The one before the newest makes good for it.
    assert [name.split(".")[-2] for name in names(tmp_path)] == ["30", "10", "20"]
    checkpoints.write(tmp_path, "cohort", state(40))
    assert [name.split(".")[-2] for name in names(tmp_path)] == ["30", "40", "20"]


def test_writing_holds_no_second_copy_of_the_arrays(tmp_path):
    large = Checkpoint(RUNS, "same", 1, {}, {"a/kernel": np.ones((6000, 4000), "f4")})
    tracemalloc.start()
    checkpoints.write(tmp_path, "cohort", large)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Of 96 MB; NumPy writes 16 MB at a time.
    assert peak < 40e6


def test_json_too_deep_to_read_is_damage(tmp_path):
    content = b"[" * 100_000 + b"\n"
    digest = hashlib.sha256(content).hexdigest()
    path = checkpoints.write(tmp_path, "cohort", state(10))
    path.write_bytes(f"yosinski_tf checkpoint 1 sha256 {digest}\n".encode() + content)
    (problem,) = find(tmp_path).problems
    assert "RecursionError" in problem


def test_one_of_another_recipe_is_not_used_and_says_so(tmp_path):
    checkpoints.write(tmp_path, "cohort", state(10, settings="other"))
    found = find(tmp_path)
    assert found.checkpoint is None
    assert "another network, recipe" in found.problems[0]


def test_processes_that_train_other_runs_of_a_cohort_keep_their_own(tmp_path):
    for step in (1, 2, 3):
        checkpoints.write(tmp_path, "cohort", state(step, ("a", "b")))
    for step in (7, 8, 9):
        checkpoints.write(tmp_path, "cohort", state(step, ("c",)))
    assert len(names(tmp_path)) == 4
    assert find(tmp_path, ("b",)).checkpoint.step == 3
    assert find(tmp_path, ("c",)).checkpoint.step == 9


def test_what_nobody_needs_any_more_is_deleted(tmp_path):
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
    left = names(folder)
    # One has a run without a record, the other does not say whose it is.
    assert len(left) == 2
    assert left[0].endswith(".2.checkpoint") and left[1] == "what.ever.5.checkpoint"
    checkpoints.discard(tmp_path / "nothing")


def die_in_write(folder, moment):
    """Ends the process without a word, before or after a system call of a write."""
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


def test_death_at_any_moment_of_a_write_leaves_one_to_go_on_from(tmp_path):
    context = multiprocessing.get_context("fork")
    steps, moment, ended = [], 0, 9
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
        steps.append(found.checkpoint.step)
        assert len(list(folder.glob("*.checkpoint"))) in (2, 3)
        moment += 1
    # Before and after the sync, the move, and the deletion of the oldest.
    assert len(steps) >= 7
    assert steps == sorted(steps) and set(steps) == {20, 30}
