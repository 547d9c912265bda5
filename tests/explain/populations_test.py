"""The fits of first layers, kept and put into groups."""

import pytest
from fabricate import record

from yosinski_tf.explain import kept_fits
from yosinski_tf.explain.gabor import BlobFit, FilterFit, GaborFit
from yosinski_tf.explain.populations import (
    comparisons,
    has_gabor,
    p_values,
    populations,
)
from yosinski_tf.explain.units import units_of


def network(kind, wavelength=4.0):
    color = (1.0, 0.0, 0.0)
    gabor = GaborFit((2.0, 2.0), 0.5, wavelength, 0.3, (1.0, 2.0), color, 1.0, 0.9)
    return (
        FilterFit(gabor, BlobFit((2.0, 2.0), 0.5, (1.0, 2.0), color, 1.0, 0.4), kind),
    )


def test_fits_are_read_as_they_were_kept(tmp_path):
    path = kept_fits.path_of(tmp_path, "random-0_AB_0")
    assert kept_fits.read(path) == {}
    made = {"baseA": network("gabor"), "AnB+ n=3": network("neither", 2.5)}
    kept_fits.keep(path, made)
    assert path == tmp_path / "explain/fits/random-0_AB_0.json"
    assert kept_fits.read(path) == made
    for broken in ("{", "[]", '{"baseA": [{"kind": "gabor"}]}'):
        path.write_text(broken)
        assert kept_fits.read(path) == {}


def test_every_network_is_in_its_group_once(tmp_path):
    to_a, to_b = units_of([record(name, 0.5) for name in ("baseA", "baseB")])
    one, other, random = network("gabor"), network("blob"), network("neither")
    # What is A in one direction is B in the other.
    fits = {"baseA": one, "baseB": other, "R": random}
    tuned = {"AnB+ n=10": network("gabor", 3.0), "AnB+ n=2": network("gabor", 6.0)}
    kept_fits.keep(kept_fits.path_of(tmp_path, to_b.slug), fits | tuned)
    back = {"baseA": other, "baseB": one, "R": random}
    kept_fits.keep(kept_fits.path_of(tmp_path, to_a.slug), back)
    assert populations(tmp_path, [to_a, to_b]) == {
        "random": {
            "bases of half A": [one],
            "bases of half B": [other],
            "random values": [random],
            "AnB+": [network("gabor", 3.0)],
        }
    }


def test_both_orders_of_natural_and_manmade_are_one_kind(tmp_path):
    splits = ("natural_manmade", "manmade_natural")
    units = units_of([record("baseB", 0.5, split=split) for split in splits])
    for unit in units:
        place = kept_fits.path_of(tmp_path, unit.slug)
        kept_fits.keep(place, {"R": network("neither")})
    found = populations(tmp_path, units)
    assert found == {"natural_manmade": {"random values": [network("neither")] * 2}}


def test_halves_are_compared_and_all_else_with_both():
    groups = {
        "bases of half A": [network("gabor") * 4],
        "bases of half B": [network("blob") * 4],
        "random values": [network("neither") * 2],
        "AnB+": [network("gabor") * 4],
    }
    rows = p_values("random", "conv1", comparisons(groups))
    found = {row.network: row.value for row in rows if row.measure == "p_kind"}
    # Of two filters there is no p value.
    assert found.keys() == {
        "bases of half A against bases of half B",
        "AnB+ against bases",
    }
    # 2 of 70 regroupings differ as much.
    p = found["bases of half A against bases of half B"]
    assert p == pytest.approx(2 / 70, abs=0.01)
    # With no blob in the group of 4, or with 3 or 4: 70 + 32 + 1 of 495.
    assert found["AnB+ against bases"] == pytest.approx(103 / 495, abs=0.02)
    assert {(row.kind, row.direction, row.layer) for row in rows} == {
        ("random", "", "conv1")
    }


def test_gabor_filters_of_random_values_alone_do_not_count():
    groups = {"bases of half A": [network("blob")], "random values": [network("gabor")]}
    assert not has_gabor(groups)
    assert has_gabor({**groups, "P": [network("gabor")]})
