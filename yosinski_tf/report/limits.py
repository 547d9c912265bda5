"""What a recommendation cannot tell, in sentences that stand beside it."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from yosinski_tf.results.recommendation import Recommendation
from yosinski_tf.study.records import Record

# A base that rises by more, in percentage points, may not be trained out.
_STILL_RISING = 1.0
# Standard errors within which a difference could be due to the images alone.
_WITHIN = 2


@dataclasses.dataclass(frozen=True)
class Validation:
    """How finely the accuracies under a recommendation are measured.

    Attributes:
      images: Validation images of each set of classes, the fewest first.
      points_per_image: Percentage points that one image is worth, at most.
      standard_error: Of the gain, in percentage points, if other images of the same
        classes were drawn: binomial, and at most this. None if pairs have different
        images, so that the interval includes these.
    """

    images: tuple[int, ...]
    points_per_image: float
    standard_error: float | None


def validation(found: Recommendation, bases: Sequence[Record]) -> Validation | None:
    """How finely a recommendation was measured; `bases` are those of its pairs.

    None if the records do not tell.
    """
    images = tuple(sorted({base.num_validation_images for base in bases}))
    if not images or images[0] < 1:
        return None
    error = None
    if not found.chosen_by_others:
        shares = found.top1, found.top1 - found.gain.mean / 100
        variance = sum(max(0.0, p * (1 - p)) for p in shares) / images[0]
        error = 100 * math.sqrt(variance)
    return Validation(images, 100 / images[0], error)


def limits(
    found: Recommendation, bases: Sequence[Record], *, has_selffer: bool
) -> list[str]:
    """What a recommendation cannot tell, one to three sentences each.

    Args:
      found: The recommendation, with a best treatment.
      bases: The records of the bases of its pairs.
      has_selffer: Whether the study has BnB+, which tells if bases are trained out.
    """
    texts = []
    if measured := validation(found, bases):
        texts.append(_about_images(found, measured))
    if found.compared > 1 and not found.chosen_by_others:
        texts.append(
            f"The best of {found.compared} treatments was chosen by the accuracies that"
            " are stated, since all pairs have the same classes: its gain is a little"
            " too high."
        )
    if not has_selffer and (text := _about_training(bases)):
        texts.append(text)
    return texts


def _about_images(found: Recommendation, measured: Validation) -> str:
    ends = dict.fromkeys((measured.images[0], measured.images[-1]))
    text = (
        f"Each network was validated on {' to '.join(f'{n:,}' for n in ends)} images:"
        f" one image is worth {_points(measured.points_per_image)}."
    )
    if measured.standard_error is None:
        return text
    if found.gain.low is not None:
        text += " All pairs share these images, so the interval is about seeds only."
    text += (
        " With other images of these classes the gain would have a standard error of up"
        f" to {_points(measured.standard_error)} (binomial)"
    )
    if 0.05 <= abs(found.gain.mean) < _WITHIN * measured.standard_error:
        text += ", so the images alone could make such a difference"
    return text + "."


def _points(value: float) -> str:
    return f"{value:.1f} points" if value >= 0.1 else f"{value:.2g} points"


def _about_training(bases: Sequence[Record]) -> str:
    """Whether bases may not be trained out, by their validations; else empty."""
    ends = [found for base in bases if (found := _last_third(base.history))]
    why = "was measured once"
    if ends:
        rises = [100 * (after - before) for (_, before), (_, after) in ends]
        rise = sum(rises) / len(rises)
        if rise <= _STILL_RISING:
            return ""
        (first, _), (last, _) = ends[0]
        why = f"rose by {rise:.1f} points from step {first:.0f} to step {last:.0f}"
    return (
        "Whether the networks from scratch are trained out is not known: their"
        f" accuracy {why}. If they are not, longer training (--steps) would leave less"
        " of the gain."
    )


def _last_third(
    history: Sequence[Mapping[str, float | None]],
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Step and accuracy of the last validation, and of the last one a third before it.

    If there is none a third before, it is the first of all; None if that is the last.
    """
    found = [(each.get("step"), each.get("top1")) for each in history]
    found = [pair for pair in found if None not in pair]
    if len(found) < 2:
        return None
    before = [pair for pair in found if pair[0] <= found[-1][0] * 2 / 3]
    return (before[-1] if before else found[0]), found[-1]
