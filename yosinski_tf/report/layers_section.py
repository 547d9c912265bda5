"""The section of a report that says what the layers hold."""

import base64
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from yosinski_tf.explain import rows as tidy
from yosinski_tf.study.records import Record
from yosinski_tf.system.errors import UserError


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of the report.

    Attributes:
      name: The name of its file, beside the page.
      image: The file as a `data:` address.
      caption: What it shows.
    """

    name: str
    image: str
    caption: str


@dataclasses.dataclass(frozen=True)
class KindOfSplit:
    """The measures on splits of one kind.

    Attributes:
      title: Its name, with the number of pairs.
      sentences: What is to be read first, by heading.
      picture: The measures by layer; None without one.
      sections: The measures, as `explain.summary.Section`.
    """

    title: str
    sentences: Mapping[str, Sequence[str]]
    picture: Picture | None
    sections: Sequence


@dataclasses.dataclass(frozen=True)
class LayersSection:
    """What a report says of the layers.

    Attributes:
      warning: Why the measures are not those of the study as it is; may be empty.
      kinds: The measures, by kind of split.
      filters: Pictures of first layers.
    """

    warning: str
    kinds: Sequence[KindOfSplit] = ()
    filters: Sequence[Picture] = ()


def layers_section(
    folder: pathlib.Path, records: Sequence[Record]
) -> LayersSection | None:
    """What was measured earlier; measures nothing.

    Args:
      folder: The report's folder, within the study's.
      records: The study's records.

    Returns:
      The section; None if nothing was measured. A table that cannot be read gives a
      section that says so.
    """
    if not (folder / tidy.TABLE).exists():
        return None
    # Imported late: statistics take a second to load.
    from yosinski_tf.explain import measured, summary, units
    from yosinski_tf.figures.layer_panels import file_names
    from yosinski_tf.report import write_layers

    try:
        rows = tidy.read_table(folder / tidy.TABLE)
    except UserError as error:
        return LayersSection(str(error))
    kinds = tidy.by_kind(rows)
    found = units.units_of(records)
    filters = write_layers.filter_pictures(folder, found[0]) if found else {}
    pictures = {
        path: f"First layer of {path.stem.removeprefix('filters_')}, each filter beside"
        " its Gabor function and its blob"
        for path in filters.values()
    }
    pictures[folder / write_layers.HISTOGRAMS] = "Gabor filters of first layers"
    names = file_names(kinds)
    return LayersSection(
        measured.warning(folder.parent, measured.networks_of(found)),
        [
            KindOfSplit(
                summary.title(kind, chosen),
                summary.sentences(chosen),
                _picture(folder / names[kind], "measures by layer"),
                summary.sections(chosen),
            )
            for kind, chosen in kinds.items()
        ],
        [made for each in pictures.items() if (made := _picture(*each))],
    )


def _picture(path: pathlib.Path, caption: str) -> Picture | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    text = base64.b64encode(data).decode()
    return Picture(path.name, f"data:image/png;base64,{text}", caption)
