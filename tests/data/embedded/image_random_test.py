import numpy as np
import pytest

from yosinski_tf.data.embedded.image_random import ImageRandom


def _random(*keys: int, words: int = 4000) -> ImageRandom:
    return ImageRandom.seeded([(key,) for key in keys], words)


def test_first_draws_of_a_key_are_pinned():
    fractions = _random(5).uniform(0, 1, 3)
    assert fractions.dtype == np.float32
    assert (fractions * 2**24).astype(int).tolist() == [[11253989, 13505707, 380057]]


def test_an_image_does_not_depend_on_its_neighbours():
    alone = _random(7).uniform(0, 1, 10)
    together = _random(3, 7, 9).uniform(0, 1, 10)
    np.testing.assert_array_equal(alone[0], together[1])


def test_chosen_images_continue_their_streams():
    whole, copy = _random(1, 2, 3), _random(1, 2, 3)
    whole.uniform(0, 1, 4)
    copy.uniform(0, 1, 4)
    some = copy.of_images(np.array([2, 0])).uniform(0, 1, 5)
    np.testing.assert_array_equal(some, whole.uniform(0, 1, 5)[[2, 0]])


def test_split_off_words_are_not_used_again():
    whole, parted = _random(4), _random(4)
    first = parted.split_off(6).uniform(0, 1, 6)
    both = np.concatenate([first, parted.uniform(0, 1, 6)], axis=1)
    np.testing.assert_array_equal(both, whole.uniform(0, 1, 12))


def test_uniform_fills_its_range():
    values = _random(0, words=20000).uniform(-2, 6, 20000)
    assert -2 <= values.min() < -1.99 and 5.99 < values.max() <= 6
    assert values.mean() == pytest.approx(2, abs=0.06)


def test_bell_has_mean_0_and_deviation_1():
    values = _random(0, words=40000).bell(200, 200)
    assert values.shape == (1, 200, 200)
    assert values.mean() == pytest.approx(0, abs=0.02)
    assert values.std() == pytest.approx(1, abs=0.02)
    assert np.abs(values).max() < 3.5


def test_choice_and_sign_take_every_value():
    keys = range(300)
    choices = np.bincount(_random(*keys, words=2).choice(5))
    assert len(choices) == 5 and choices.min() > 40
    assert sorted(set(_random(*keys, words=2).sign().ravel())) == [-1, 1]


def test_turn_stays_within_its_angle_and_direction_takes_any():
    keys = range(300)
    cos, sin = _random(*keys, words=2).turn(0.229)
    np.testing.assert_allclose(cos**2 + sin**2, 1, atol=1e-6)
    assert 0.43 < np.abs(np.arctan2(sin, cos)).max() < 0.451
    cos, sin = _random(*keys, words=4).direction()
    np.testing.assert_allclose(cos**2 + sin**2, 1, atol=1e-6)
    eighths = np.floor(np.arctan2(sin, cos) % np.pi / (np.pi / 8)).astype(int)
    assert np.bincount(eighths.ravel(), minlength=8).min() > 20


def test_too_few_words_is_an_error():
    with pytest.raises(RuntimeError, match="needs 5 random words and has 4"):
        _random(0, words=4).uniform(0, 1, 5)
