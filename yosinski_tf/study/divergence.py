"""What a user can do about networks that diverged."""

from collections.abc import Mapping
from typing import Any

# Enough for all image sets that were tried, see flags/README.md.
_LOWER = 3


def advice(recipe: Mapping[str, Any]) -> str:
    """What to try after a network diverged with a recipe, as an imperative clause."""
    rate, example = recipe.get("learning_rate"), ""
    if isinstance(rate, int | float) and rate > 0:
        example = f", such as {rate / _LOWER:.2g} (it was {rate:g})"
    return f"train with a lower --learning_rate{example}, in another --runs folder"
