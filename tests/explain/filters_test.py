"""Two groups of first layers compared."""

import itertools

import numpy as np
import pytest
from scipy import stats

from yosinski_tf.explain import filters
from yosinski_tf.explain.gabor import BlobFit, FilterFit, GaborFit


def _fit(kind="gabor", orientation=0.0, wavelength=4.0, explained=(0.9, 0.5)):
    center, widths, color = (2.0, 2.0), (1.0, 1.0), (1.0, 0.0, 0.0)
    return FilterFit(
        GaborFit(
            center, orientation, wavelength, 0.0, widths, color, 1.0, explained[0]
        ),
        BlobFit(center, 0.0, widths, color, 1.0, explained[1]),
        kind,
    )


def _waves(wavelengths):
    return [_fit(wavelength=each) for each in wavelengths]


def _angles(degrees):
    return [_fit(orientation=np.deg2rad(each)) for each in degrees]


def _mixed(gabors, blobs, neither):
    counts = {"gabor": gabors, "blob": blobs, "neither": neither}
    return [_fit(kind) for kind, count in counts.items() for _ in range(count)]


def test_shares_are_of_all_filters():
    assert filters.shares(_mixed(5, 2, 1)) == {
        "gabor": 0.625,
        "blob": 0.25,
        "neither": 0.125,
        "too small to tell": 0.0,
    }
    assert all(np.isnan(share) for share in filters.shares([]).values())


def test_histograms_count_gabor_filters_only():
    made = [*_angles([0, 10, 12, 170, 90, 135, 179.9]), _fit("blob", 1.0)]
    assert filters.orientation_histogram(made).tolist() == [4, 1, 0, 0, 1, 0, 1, 0]
    assert filters.orientation_histogram(made, 2).tolist() == [6, 1]
    made = [*_waves([2.0, 2.5, 4.0, 8.0]), _fit("neither", 0, 3.0)]
    assert filters.wavelength_histogram(made, [2, 4, 8]).tolist() == [2, 2]
    assert filters.orientation_histogram([]).tolist() == [0] * 8


def test_the_distance_is_scipys_energy_distance():
    rng = np.random.default_rng(0)
    first, second = rng.uniform(2, 9, 7), rng.uniform(3, 12, 12)
    found = filters.compare([_waves(first)], [_waves(second)], seed=1)["wavelength"]
    # SciPy's is the square root.
    wanted = stats.energy_distance(np.log(first), np.log(second)) ** 2
    assert found.distance == pytest.approx(wanted)
    assert found.filters == (7, 12)


def test_the_distance_of_shares_is_the_sum_of_squared_differences():
    found = filters.compare([_mixed(6, 3, 1)], [_mixed(2, 3, 5)], seed=1)["kind"]
    assert found.distance == pytest.approx(0.4**2 + 0.4**2)
    alike = filters.compare([_mixed(4, 2, 2)], [_mixed(2, 1, 1)], seed=1)["kind"]
    assert alike.distance == pytest.approx(0)
    assert alike.p_value == 1


def test_orientations_are_on_a_circle():
    near = filters.compare(
        [_angles([178, 179, 179.5])], [_angles([0, 1, 1.5])], seed=1
    )["orientation"]
    across = filters.compare(
        [_angles([178, 179, 179.5])], [_angles([88, 89, 89.5])], seed=1
    )["orientation"]
    assert near.distance < 0.1
    # Twice the diameter.
    assert across.distance == pytest.approx(4, abs=0.1)


def test_the_p_value_is_that_of_all_regroupings():
    values = [2.0, 2.1, 2.7, 3.9, 3.0, 4.4, 5.0]

    def distance(chosen):
        first = [np.log(values[i]) for i in chosen]
        second = [np.log(values[i]) for i in range(7) if i not in chosen]
        return stats.energy_distance(first, second) ** 2

    every = [distance(chosen) for chosen in itertools.combinations(range(7), 3)]
    exact = np.mean([each >= distance((0, 1, 2)) - 1e-9 for each in every])
    found = filters.compare([_waves(values[:3])], [_waves(values[3:])], seed=4)
    assert found["wavelength"].p_value == pytest.approx(exact, abs=0.015)
    # 35 groupings: no p value can be smaller.
    assert found["wavelength"].resolution == pytest.approx(1 / 35)
    assert found["wavelength"].regrouped == "filters"


def test_groups_that_differ_are_found():
    rng = np.random.default_rng(2)
    first = [_fit("gabor", 0.1, 3.0, (0.9, 0.5)) for _ in range(30)]
    second = [_fit("gabor", 1.2, 5.0, (0.9, 0.7)) for _ in range(30)]
    second += _mixed(0, 20, 0)
    found = filters.compare([first], [second], seed=0, permutations=999)
    assert list(found) == ["kind", "orientation", "wavelength", "explained"]
    for difference in found.values():
        assert difference.p_value == difference.resolution == 0.001
    # False alarms at 0.05 of groups that do not differ.
    alarms = 0
    for seed in range(100):
        groups = _waves(rng.uniform(2, 9, 12)), _waves(rng.uniform(2, 9, 9))
        test = filters.compare([groups[0]], [groups[1]], seed=seed, permutations=99)
        alarms += test["wavelength"].p_value <= 0.05
    assert alarms <= 10


def test_networks_change_groups_as_a_whole():
    # Each network has one wavelength of its own: 40 filters tell no more than 4.
    first = [_waves([wave] * 10) for wave in (2.0, 3.0, 4.0, 5.5)]
    second = [_waves([wave] * 10) for wave in (2.5, 3.5, 5.0, 6.0)]
    found = filters.compare(first, second, seed=0)["wavelength"]
    assert found.regrouped == "networks"
    assert found.filters == (40, 40)
    assert found.p_value > 0.3
    # 70 groupings in pairs of equal distance.
    assert found.resolution == pytest.approx(2 / 70)
    few = filters.compare(first[:3], second, seed=0)["wavelength"]
    assert few.regrouped == "filters"
    pooled = filters.compare([sum(first, [])], [sum(second, [])], seed=0)["wavelength"]
    assert pooled.p_value < 0.05


def test_networks_without_gabor_filters_can_change_groups():
    first = [_waves([3.0, 3.1]), [], _waves([2.9]), _mixed(0, 2, 0)]
    second = [_waves([6.0, 6.1]), _waves([5.9]), _waves([6.2]), _waves([6.3, 5.8])]
    found = filters.compare(first, second, seed=0)
    assert found["wavelength"].filters == (3, 6)
    assert 0 < found["wavelength"].p_value < 0.2
    assert found["kind"].filters == (5, 6)


def test_too_few_filters_are_not_compared():
    found = filters.compare([_mixed(2, 5, 0)], [_mixed(5, 0, 0)], seed=0)
    assert found["orientation"] == filters.Difference(
        None, None, None, (2, 5), "filters"
    )
    assert found["kind"].p_value < 0.05
    assert filters.compare([], [_mixed(5, 0, 0)], seed=0)["kind"].p_value is None


def test_the_seed_alone_decides():
    groups = [_waves([2.0, 3.0, 5.0, 3.1])], [_waves([4.0, 6.0, 3.3])]
    first, again, other = (filters.compare(*groups, seed=s) for s in (3, 3, 4))
    assert first == again
    assert first["wavelength"].p_value != other["wavelength"].p_value
