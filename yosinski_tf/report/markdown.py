"""From results to Markdown: templates, and the blocks that they share."""

import pathlib
import re
from collections.abc import Sequence
from typing import Any

import jinja2

from yosinski_tf.results import tables
from yosinski_tf.results.analysis import decomposition
from yosinski_tf.results.network_result import (
    MEASURE_NAMES,
    MEASURES,
    NetworkResult,
    check_measure,
    of_kind,
)
from yosinski_tf.system.files import write_atomically

_TEMPLATES = pathlib.Path(__file__).with_name("templates")


def chosen_first(measure: str) -> list[str]:
    """Both measures, the one that figures show first.

    Raises:
      UserError: If it is not a measure.
    """
    check_measure(measure)
    return [measure, *(other for other in MEASURES if other != measure)]


def section(points: Sequence[NetworkResult], measure: str) -> dict[str, Any]:
    """What a template needs for one measure."""
    kinds = tables.kinds(points)
    return {
        "measure_name": MEASURE_NAMES[measure],
        "kinds": [
            {
                "name": tables.kind_name(kind),
                "relative": tables.relative_markdown(of_kind(points, kind), measure),
                "absolute": tables.absolute_markdown(of_kind(points, kind), measure),
            }
            for kind in kinds
        ],
        "table1": tables.table1_markdown(points, measure),
        "decompositions": [
            {
                "name": tables.kind_name(kind),
                "table": tables.decomposition_markdown(points, measure, kind),
            }
            for kind in kinds
            if any(part.estimate.n for part in decomposition(points, measure, kind))
        ],
    }


def plain(text: str) -> str:
    """A text in Markdown that shows as it is, on one line.

    Names of folders and of splits come from outside: no HTML, link, picture or
    emphasis may come of them.
    """
    text = re.sub(r"([\\`*|])", r"\\\1", " ".join(text.split()))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("](", "]\\(")


def render(template: str, **context: Any) -> str:
    """Fills in a template of the package; a name it lacks is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["plain"] = plain
    return environment.get_template(template).render(**context)


def write(path: pathlib.Path, text: str) -> pathlib.Path:
    """Writes a file so that a reader sees all of it or nothing."""
    write_atomically(path, text.encode())
    return path
