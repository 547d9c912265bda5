"""How tests see that bad input is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from yosinski_tf.system.errors import UserError


def assert_refused(words: str, call: Callable, *arguments: Any, **options: Any) -> None:
    """Asserts that a call ends with a sentence for the user that matches `words`."""
    with pytest.raises(UserError, match=words):
        call(*arguments, **options)
