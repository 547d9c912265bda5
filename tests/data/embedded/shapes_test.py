import numpy as np
import pytest

from yosinski_tf.data.embedded.shapes import SHAPES

ALL = {name: shape for family in SHAPES.values() for name, shape in family.items()}


def _silhouettes() -> dict[str, np.ndarray]:
    side = np.linspace(-1.5, 1.5, 151, dtype=np.float32)
    x, y = side[None, None, :], -side[None, :, None]
    return {name: shape(x, y)[0] > 0 for name, shape in ALL.items()}


def test_names_in_order():
    assert {family: list(names) for family, names in SHAPES.items()} == {
        "natural": ["flower", "leaf", "fish", "mushroom", "branch"],
        "manmade": ["square", "triangle", "cross", "ring", "k"],
    }


@pytest.mark.parametrize("name", ALL)
def test_a_shape_is_large_and_within_the_unit_circle(name):
    silhouette = _silhouettes()[name]
    assert silhouette.mean() * 9 > 0.8  # Area; a square of side 1 is 1.
    side = np.linspace(-1.5, 1.5, 151)
    outside = side[None, :] ** 2 + side[:, None] ** 2 > 1.15**2
    assert not silhouette[outside].any()


def test_shapes_differ_clearly():
    silhouettes = _silhouettes()
    for one in silhouettes:
        for other in silhouettes:
            if one < other:
                both = (silhouettes[one] & silhouettes[other]).sum()
                either = (silhouettes[one] | silhouettes[other]).sum()
                assert both / either < 0.75, (one, other)


def test_landmarks():
    def inside(name: str, x: float, y: float) -> bool:
        at = [np.full((1, 1, 1), value, np.float32) for value in (x, y)]
        return bool(ALL[name](*at) > 0)

    assert inside("flower", 0, 0.7) and not inside("flower", 0, 0)
    assert inside("ring", 0.6, 0) and not inside("ring", 0, 0)
    assert inside("cross", 0.8, 0) and not inside("cross", 0.6, 0.6)
    assert inside("triangle", 0, 0.7) and not inside("triangle", 0.5, 0.5)
    assert inside("square", 0.6, 0.6) and not inside("square", 0.8, 0)
    assert inside("k", -0.5, 0) and not inside("k", 0.4, 0)
    assert inside("mushroom", 0.6, 0.1) and not inside("mushroom", 0.6, -0.5)
    assert inside("fish", -0.8, 0.5) and not inside("fish", -0.85, 0)
    assert inside("leaf", 0.3, 0.3) and not inside("leaf", 0.7, -0.7)
    assert inside("branch", -0.6, 0.05) and not inside("branch", 0.5, -0.5)
