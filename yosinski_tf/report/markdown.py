"""Markdown from results: the templates, and the sections that they share."""

import pathlib
import re
from collections.abc import Sequence
from typing import Any

import jinja2

from yosinski_tf.experiment.treatments import PAPER_STAGES
from yosinski_tf.results import network_result, tables
from yosinski_tf.results.analysis import GIVEN_COMPONENTS
from yosinski_tf.results.network_result import (
    MEASURES,
    NetworkResult,
    of_kind,
    stages_of,
)
from yosinski_tf.system.files import write_atomically

_TEMPLATES = pathlib.Path(__file__).with_name("templates")


def chosen_first(measure: str) -> list[str]:
    """Both measures, the chosen one first.

    Raises:
      UserError: If the measure is unknown.
    """
    network_result.check_measure(measure)
    return [measure, *(other for other in MEASURES if other != measure)]


def section(networks: Sequence[NetworkResult], measure: str) -> dict[str, Any]:
    """The tables of one measure, for `sections.md.j2`."""
    return {
        "measure": measure,
        "kinds": [
            {
                "name": tables.kind_name(kind),
                "relative": tables.family_markdown(chosen, measure, relative=True),
                "absolute": tables.family_markdown(chosen, measure, relative=False),
                "parts": tables.decomposition_markdown(networks, measure, kind),
                "given_names": [
                    network_result.shown_name(family, chosen)
                    for family in ("base", "PnB", "PnB+", "RnB")
                ],
                "given": tables.decomposition_markdown(
                    networks, measure, kind, GIVEN_COMPONENTS
                ),
            }
            for kind in tables.kinds(networks)
            for chosen in [of_kind(networks, kind)]
        ],
        # Its ranges of layers are those of the paper's networks.
        "table1": tables.table1_markdown(networks, measure)
        if stages_of(networks) == PAPER_STAGES
        else "",
    }


def plain(text: str) -> str:
    """Escapes a text so that Markdown shows it unchanged, on one line.

    Names of folders and splits may hold anything: they must not become HTML,
    links, pictures or emphasis.
    """
    text = re.sub(r"([\\`*|])", r"\\\1", " ".join(text.split()))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("](", "]\\(")


def write_markdown(path: pathlib.Path, template: str, **context: Any) -> pathlib.Path:
    """Writes what `render` makes; a reader sees all of the file or nothing."""
    write_atomically(path, render(template, **context).encode())
    return path


def render(template: str, **context: Any) -> str:
    """Fills in a template of the package; values in HTML are escaped.

    Raises:
      jinja2.UndefinedError: If the template needs a value that is not given.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=".html." in template,
    )
    environment.filters["plain"] = plain
    environment.globals["measure_names"] = network_result.MEASURE_NAMES
    return environment.get_template(template).render(**context)
