"""The time that is left, from the steps that were taken now."""

from yosinski_tf.explain.time_left import TimeLeft


def test_it_is_known_once_each_kind_of_step_was_taken():
    left = TimeLeft(["probes", "filters", "probes", "filters", "probes"])
    assert left.seconds() is None
    left.taken("probes", 10.0)
    assert left.seconds() is None
    left.taken("filters", 2.0)
    assert left.seconds() == 22
    left.taken("probes", 16.0)
    assert left.seconds() == 15
    # A failure takes no time and says nothing of it.
    left.taken("filters", None)
    assert left.seconds() == 13
    left.taken("probes", 13.0)
    assert left.seconds() == 0


def test_steps_that_always_failed_are_not_known():
    left = TimeLeft(["probes", "probes"])
    left.taken("probes", None)
    assert left.seconds() is None
