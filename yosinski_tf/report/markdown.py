"""Markdown from results: the templates, and the sections that they share."""

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
    """Both measures, the chosen one first.

    Raises:
      UserError: If the measure is unknown.
    """
    check_measure(measure)
    return [measure, *(other for other in MEASURES if other != measure)]


def section(
    networks: Sequence[NetworkResult], measure: str, why: str = ""
) -> dict[str, Any]:
    """The tables of one measure, for `sections.md.j2`.

    Args:
      networks: The networks.
      measure: One of `MEASURES`.
      why: A remark below Table 1.
    """
    kinds = tables.kinds(networks)
    return {
        "measure_name": MEASURE_NAMES[measure],
        "kinds": [
            {
                "name": tables.kind_name(kind),
                "relative": tables.relative_markdown(of_kind(networks, kind), measure),
                "absolute": tables.absolute_markdown(of_kind(networks, kind), measure),
            }
            for kind in kinds
        ],
        "table1": tables.table1_markdown(networks, measure),
        "why": why,
        "decompositions": [
            {
                "name": tables.kind_name(kind),
                "table": tables.decomposition_markdown(networks, measure, kind),
            }
            for kind in kinds
            if any(part.estimate.n for part in decomposition(networks, measure, kind))
        ],
    }


def plain(text: str) -> str:
    """Escapes a text so that Markdown shows it unchanged, on one line.

    Names of folders and splits may hold anything: they must not become HTML,
    links, pictures or emphasis.
    """
    text = re.sub(r"([\\`*|])", r"\\\1", " ".join(text.split()))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("](", "]\\(")


def render(template: str, **context: Any) -> str:
    """Fills in a template of the package; a missing value is an error."""
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
