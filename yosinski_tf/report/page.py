"""The report as a page: one file that works offline, opened from disk."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import markdown as markdown_library
from plotly.offline import get_plotlyjs

from yosinski_tf.experiment.treatments import LAYERS, PAPER_STAGES
from yosinski_tf.figures import drawing
from yosinski_tf.figures.drawing import DISTANT_STYLE, Style, offset_of, style_of
from yosinski_tf.report.answer import Answer
from yosinski_tf.report.first_layer import filter_sheets
from yosinski_tf.report.layers_section import LayersSection
from yosinski_tf.report.markdown import render
from yosinski_tf.results import tables
from yosinski_tf.results.analysis import Estimate, estimate, relative_to_base
from yosinski_tf.results.network_result import (
    DISTANT,
    MEASURE_NAMES,
    MEASURES,
    RANDOM,
    NetworkResult,
    families_of,
    of_family,
    of_kind,
    random_layers_kind,
    shown_name,
)
from yosinski_tf.study import commands
from yosinski_tf.study.records import Record, stage_names
from yosinski_tf.system.files import write_atomically

PAGE_NAME = "index.html"
RELOAD_SECONDS = 30
_SCRIPT = pathlib.Path(__file__).with_name("templates") / "page.js"
# Validations of a run that the page keeps: enough for a curve.
_MOST_VALIDATIONS = 60
# Matplotlib's signs, as Plotly calls them.
_SYMBOLS = {"o": "circle", "D": "diamond", "s": "square", "^": "triangle-up"}
_SYMBOLS |= {
    ">": "triangle-right",
    "v": "triangle-down",
    "P": "cross",
    "*": "star",
    "X": "x",
    "p": "pentagon",
}


@dataclasses.dataclass(frozen=True)
class StudyProgress:
    """How far a study is that is not complete.

    Attributes:
      done: Networks that are trained.
      wanted: Networks of the study.
      text: Both, and the time left, for people.
      running: Whether it goes on by itself; if not, it was stopped.
    """

    done: int
    wanted: int
    text: str
    running: bool = True


def write_page(
    runs: pathlib.Path,
    folder: pathlib.Path,
    *,
    records: Sequence[Record],
    networks: Sequence[NetworkResult],
    measure: str,
    answer: Answer,
    warnings: Sequence[str],
    summary: str,
    progress: StudyProgress | None = None,
    layers: LayersSection | None = None,
) -> pathlib.Path:
    """Writes `index.html`; a reader sees all of it or nothing.

    Args:
      runs: The study folder.
      folder: Where to write it.
      records: The study's records.
      networks: Its finished networks, none on reduced data.
      measure: The measure that is shown first.
      answer: The recommendation, and the networks to use.
      warnings: What makes the numbers untrustworthy.
      summary: The report in Markdown.
      progress: How far the study is; None if it is complete, as far as one knows.
      layers: What the layers hold; None if it was not measured.
    """
    of_run = {record.run_id: record for record in records}
    kinds = [
        {
            "key": kind,
            "name": tables.kind_name(kind),
            "curves": _curves(runs, of_kind(networks, kind), of_run),
        }
        for kind in tables.kinds(networks)
    ] or [{"key": RANDOM, "name": tables.kind_name(RANDOM), "curves": []}]
    distant = _distant(runs, networks, of_run)
    curves = [curve for kind in kinds for curve in kind["curves"]] + distant
    # A name that begins with a dot is an export that is being written.
    folders = (path for path in (runs / "export").glob("[!.]*") if path.is_dir())
    exports = sorted(path.name for path in folders)
    page = render(
        "page.html.j2",
        title="How transferable are the features, layer by layer?",
        progress=progress,
        reload_seconds=RELOAD_SECONDS,
        answer=answer,
        warnings=warnings,
        labels={
            "figure2": _label(kinds[0]["curves"], measure),
            "figure3": _label(distant, measure),
        },
        distant_title=_distant_title(distant),
        has_figure3=(folder / "figure3.png").exists(),
        filters=filter_sheets(runs, records),
        layers=layers,
        tensorboard=commands.tensorboard(runs),
        exports=[{"name": name, "href": f"../export/{name}"} for name in exports],
        summary=_html(summary),
        data=_json(
            {
                "kinds": kinds,
                "distant": distant,
                "looks": _looks([curve["look"] for curve in curves]),
                "measures": {each: MEASURE_NAMES[each] for each in MEASURES},
                "measure": measure,
                "layers": _layers(records),
                "unit": _unit(records[0]),
            }
        ),
        plotly=get_plotlyjs(),
        script=_SCRIPT.read_text("utf-8"),
    )
    path = folder / PAGE_NAME
    write_atomically(path, page.encode())
    return path


def _json(value: Any) -> str:
    """JSON that may stand within a script: no tag can begin in it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _html(summary: str) -> str:
    """The report without its heading and its pictures, which the page has itself."""
    lines = summary.splitlines()
    kept = [line for line in lines if not line.startswith(("![", "# "))]
    return markdown_library.markdown("\n".join(kept), extensions=["tables"])


def _layers(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Places on the axis: 0 for the base, then each stage that can be copied."""
    names = stage_names(records[0])[:-1]
    copied = [{"n": n, "text": f"{n} {name}"} for n, name in enumerate(names, start=1)]
    copied = copied or [{"n": n, "text": str(n)} for n in LAYERS]
    return [{"n": 0, "text": "base"}, *copied]


def _unit(record: Record) -> str:
    """What n counts: `layers` in the paper's networks, else `stages`."""
    return "layers" if stage_names(record) in ((), PAPER_STAGES) else "stages"


def _curves(runs, networks: Sequence[NetworkResult], of_run) -> list[dict[str, Any]]:
    curves = []
    for family in families_of(networks):
        own = of_family(networks, family)
        name, legend = shown_name(family, own), drawing.legend_name(family, own)
        curves.append(_curve(runs, name, legend, family, family, networks, of_run))
    return curves


def _distant(runs, networks: Sequence[NetworkResult], of_run) -> list[dict[str, Any]]:
    """AnB between distant and between random halves, and random layers."""
    wanted = (
        ("AnB, distant halves", DISTANT_STYLE, "distant", DISTANT),
        ("AnB, random halves", style_of("AnB"), "AnB", RANDOM),
        ("random layers", style_of("RnB"), "RnB", random_layers_kind(networks)),
    )
    found = [
        _curve(
            runs,
            name,
            style.name,
            look,
            "RnB" if look == "RnB" else "AnB",
            of_kind(networks, kind),
            of_run,
        )
        for name, style, look, kind in wanted
    ]
    found = [curve for curve in found if curve["networks"]]
    return found if any(curve["look"] != "AnB" for curve in found) else []


def _distant_title(curves: Sequence[dict[str, Any]]) -> str:
    looks = {curve["look"] for curve in curves}
    names = {"distant": "Distant classes", "RnB": "Random layers"}
    return " and ".join(
        name for look, name in names.items() if look in looks
    ).capitalize()


def _curve(
    runs: pathlib.Path,
    name: str,
    legend: str,
    look: str,
    family: str,
    networks: Sequence[NetworkResult],
    of_run: dict[str, Record],
) -> dict[str, Any]:
    """One curve of the page: its networks, and its means by n for each measure."""
    chosen = [network for network in networks if network.family == family]
    differences = {
        each: {d.network.run_id: d.value for d in relative_to_base(networks, each)}
        for each in MEASURES
    }
    return {
        "name": name,
        "legend": legend,
        "look": look,
        "networks": [_network(runs, each, differences, of_run) for each in chosen],
        "relative": {
            each: _means(
                [(n, differences[each].get(n.run_id)) for n in chosen], interval=True
            )
            for each in MEASURES
        },
        "absolute": {
            each: _means([(n, 100 * n.value(each)) for n in chosen], interval=False)
            for each in MEASURES
        },
    }


def _network(runs, network: NetworkResult, differences, of_run) -> dict[str, Any]:
    record = of_run[network.run_id]
    step = max(1, len(record.history) // _MOST_VALIDATIONS)
    # From the end, so that the last validation is among them.
    history = record.history[::-1][::step][::-1]
    exported = (runs / "export" / network.run_id).is_dir()
    return {
        "id": network.run_id,
        "n": network.n,
        "split": network.split,
        "seed": network.seed,
        "value": {each: network.value(each) for each in MEASURES},
        "difference": {
            each: differences[each].get(network.run_id) for each in MEASURES
        },
        "history": [[each.get("step"), each.get("top1")] for each in history],
        "loss": history[-1].get("train_loss") if history else None,
        "exported": f"../export/{network.run_id}" if exported else None,
    }


def _means(values, interval: bool) -> list[dict[str, Any]]:
    cells: dict[int, list[float]] = {}
    for network, value in values:
        if value is not None:
            cells.setdefault(network.n, []).append(value)
    found = []
    for n, cell in sorted(cells.items()):
        mean: Estimate = estimate(cell)
        ends = (mean.low, mean.high) if interval else (None, None)
        found.append(
            {
                "n": n,
                "mean": mean.mean,
                "low": ends[0],
                "high": ends[1],
                "count": mean.n,
            }
        )
    return found


def _looks(looks: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {look: _look(look, looks) for look in looks}


def _look(look: str, beside: Sequence[str]) -> dict[str, Any]:
    style: Style = DISTANT_STYLE if look == "distant" else style_of(look)
    near = look in ("distant", "RnB")
    return {
        "colour": "base" if look == "base" else style.color,
        "symbol": _SYMBOLS[style.marker],
        "filled": style.filled,
        "offset": 0.0 if near else offset_of(look, beside),
    }


def _label(curves: Sequence[dict[str, Any]], measure: str) -> str:
    """The means of a figure in words, for those who cannot see it."""
    parts = []
    for curve in curves:
        means = curve["relative"][measure]
        if means:
            ends = ", ".join(
                f"{tables.signed(m['mean'], 1)} at n = {m['n']}" for m in means
            )
            parts.append(f"{curve['name']}: {ends}")
    told = "; ".join(parts) or "no network beside bases yet"
    return f"Difference to the base in percentage points. {told}."
