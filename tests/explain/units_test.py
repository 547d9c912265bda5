"""Which networks of a study belong together."""

from fabricate import record

from yosinski_tf.explain.units import units_of


def test_both_halves_of_a_split_are_a_target():
    names = ("baseA", "baseB", "A3B", "A3B+", "B3B+", "B3A")
    units = units_of([record(name, 0.5) for name in names])
    assert [unit.direction for unit in units] == ["BA", "AB"]
    to_a, to_b = units
    assert (to_a.base.treatment, to_a.other.treatment) == ("baseA", "baseB")
    assert to_b.networks.keys() == {"baseB", "A3B", "A3B+", "B3B+"}
    assert [str(each) for each in to_b.copies(fine_tuned=True)] == ["A3B+", "B3B+"]
    assert [str(each) for each in to_b.copies(fine_tuned=False)] == ["A3B"]
    assert to_b.slug == "random-0-baseB-s0_AB_0"


def test_one_base_is_enough_for_the_other_half():
    (own, other) = units_of([record("baseA", 0.5)])
    assert (own.target, own.base.treatment, own.other) == ("A", "baseA", None)
    assert (other.target, other.base, other.other.treatment) == ("B", None, "baseA")


def test_the_second_base_has_the_next_seed_so_that_no_two_are_compared_twice():
    records = [record("baseB", 0.5, seed=seed) for seed in (7, 0, 4)]
    units = [unit for unit in units_of(records) if unit.base]
    seconds = [unit.second and unit.second.seed for unit in units]
    assert seconds == [4, 7, None]


def test_copies_without_a_base_of_either_half_are_no_unit():
    assert units_of([record("R3B", 0.5)]) == []
    assert len(units_of([record("R3B", 0.5), record("baseA", 0.5)])) == 2


def test_diverged_networks_and_reduced_data_are_left_out():
    diverged = record("A3B", 0.0, status="diverged")
    reduced = record("baseW", 0.5, split="first:2")
    (other, unit) = units_of([record("baseB", 0.5), diverged, reduced])
    assert unit.networks.keys() == {"baseB"}
    assert [each.treatment for each in unit.diverged] == ["A3B"]
    assert list(other.diverged) == []


def test_all_classes_have_no_other_half():
    (unit,) = units_of([record("baseW", 0.5, split="whole")])
    assert (unit.direction, unit.other) == ("WW", None)
