"""The input pipeline measured: rates, first batch, memory and disk.

Everything is compared within one run, by variants that take turns.
"""

import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from yosinski_tf.benchmarks.measuring import (
    Sample,
    peak_memory,
    rates,
    ratios,
    summary,
    take_turns,
)
from yosinski_tf.benchmarks.own_process import apart
from yosinski_tf.data.prepare import make_store
from yosinski_tf.data.prepare.shards import StoreSettings
from yosinski_tf.data.sources.image_set import half_view
from yosinski_tf.data.store.format import Store, open_store
from yosinski_tf.experiment.paper_plans import REDUCED_COUNTS
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.machine.hardware import cores
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import write_atomically

_QUALITIES = {"jpeg": 90, "raw": None}
_BARE_IMAGES = 4096
_FAR = 1_000_000
_FIRST_BATCHES = 5
_MEMORY_STEPS = 24
Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Request:
    """What to measure on.

    Attributes:
      work: Folder for images and stores, kept from one run to the next.
      place: Folder or tar file of photographs; empty to draw textures.
      records: Full-size images to make of them.
      image_size: Side of stored images, pixels.
      crop_size: Side of the crop, pixels.
      batch_size: Images of a batch.
      rounds: Measurements of each variant.
      steps: Batches of one measurement; the usual pipeline takes a third.
    """

    work: pathlib.Path
    place: str
    records: int
    image_size: int
    crop_size: int
    batch_size: int
    rounds: int
    steps: int

    @property
    def full(self) -> pathlib.Path:
        """Where the full-size images are."""
        return self.work / "full"

    def needed_bytes(self) -> int:
        """What is made at most: full-size images, both stores and their sums."""
        pixels = self.image_size**2 * 3
        sums = 2 * 4 * pixels * (100 + self.records // 100)
        return self.records * (130_000 + 40_000 + pixels) + sums


def make_stores(
    request: Request, report: Report, encodings: Sequence[str] = tuple(_QUALITIES)
) -> dict[str, Store]:
    """Full-size images and, by encoding, the stores of them; each made once.

    Args:
      request: Which images.
      report: Told what is being made.
      encodings: Of the stores.

    Raises:
      UserError: If there is no room, or the folder holds others.
    """
    settings = json.dumps([request.place, request.records, request.image_size])
    made = request.work / "made_of.json"
    if made.is_file() and made.read_text() != settings:
        raise UserError(
            f"{request.work} holds other images ({made.read_text()}), wanted"
            f" {settings}: delete it, or give another --work_dir"
        )
    try:
        request.work.mkdir(parents=True, exist_ok=True)
        write_atomically(made, settings.encode())
    except OSError as error:
        raise UserError(
            f"--work_dir cannot be written, {request.work} ({error.strerror}): give"
            " another"
        ) from None
    report(f"making {request.records:,} full-size images in {request.full}")
    from yosinski_tf.benchmarks import photographs

    photographs.prepare(request.full, request.place, request.records)
    stores = {}
    for encoding in encodings:
        report(f"preparing the store {request.work / encoding}")
        stores[encoding] = make_store.make_store(
            make_store.StoreRequest(
                source=f"tfds:{photographs.NAME}",
                data_dir=str(request.full),
                manual_dir=None,
                held_out=None,
                out=request.work / encoding,
                settings=StoreSettings(
                    request.image_size, encoding, _QUALITIES[encoding]
                ),
                skip_corrupt=False,
                processes=cores(),
                shard_records=None,
                command="yosinski-benchmark",
            )
        )
    return stores


def run(request: Request, stores: dict[str, Store], report: Report) -> dict[str, Any]:
    """All measurements, as plain JSON values."""
    return {
        **_rates(request, stores, report),
        "first_batch_seconds": _first_batches(request, stores, report),
        "memory_bytes": _memory(request, stores, report),
        "disk": _disk(stores["jpeg"]),
    }


def _setting(request: Request, store: Store):
    from yosinski_tf.benchmarks.input_variants import Setting

    half = make_split("random:0", store.class_names).classes("A")
    return Setting(request.image_size, request.crop_size, request.batch_size, half)


def _rates(request: Request, stores: dict[str, Store], report: Report):
    samples: dict[str, list[Sample]] = {}
    for number in range(request.rounds):
        report(f"round {number + 1} of {request.rounds}")
        # In a process of its own: where its memory happens to lie makes the decoder
        # up to 15% faster or slower, the same in all rounds of one process.
        for name, sample in apart(_round, request, _folders(stores), number).items():
            samples.setdefault(name, []).append(sample)
    return {
        "rates": {name: rates(taken) for name, taken in samples.items()},
        "ratios": [
            ratios(samples, "ours", other)
            for other in (
                "bare decoder",
                "bare decoder, our windows",
                "bare decoder, tf.data",
                "usual",
                "usual, careful",
            )
        ]
        + [ratios(samples, "ours, raw", "ours")],
    }


def _round(
    request: Request, folders: dict[str, pathlib.Path], number: int
) -> dict[str, Sample]:
    """Every variant measured once, after it was run once."""
    from yosinski_tf.benchmarks import input_variants as variants

    setting = _setting(request, open_store(folders["jpeg"]))
    jpeg, raw = (
        variants.part_of(variants.open_images(folders[encoding], setting), setting)
        for encoding in ("jpeg", "raw")
    )
    files = variants.encoded(jpeg, _BARE_IMAGES)
    repeats = max(1, round(request.steps * request.batch_size / len(files)))
    few = max(3, request.steps // 3)
    started = {
        "bare decoder": lambda: variants.bare_decoder(files, setting, repeats),
        "bare decoder, our windows": lambda: variants.bare_decoder(
            files, setting, repeats, as_ours=True
        ),
        "bare decoder, tf.data": lambda: variants.bare_map(files, setting, repeats),
        "ours": lambda: variants.ours(jpeg, setting, 0, request.steps),
        "ours, raw": lambda: variants.ours(raw, setting, 0, request.steps),
        "usual": lambda: variants.usual(request.full, setting, few),
        "usual, careful": lambda: variants.usual(request.full, setting, few, True),
    }
    # Every other round the other way round.
    names = list(reversed(started)) if number % 2 else list(started)
    samples = take_turns({name: started[name] for name in names}, 1)
    return {name: samples[name][0] for name in started}


def _folders(stores: dict[str, Store]) -> dict[str, pathlib.Path]:
    return {encoding: store.folder for encoding, store in stores.items()}


def _first_batches(request: Request, stores: dict[str, Store], report: Report):
    from yosinski_tf.benchmarks import input_variants as variants

    setting = _setting(request, stores["jpeg"])
    part = variants.part_of(
        variants.open_images(stores["jpeg"].folder, setting), setting
    )
    found: dict[str, list[float]] = {"step 0": [], f"step {_FAR:,}": []}
    report("time to the first batch")
    # TensorFlow's own start is not meant.
    next(iter(variants.our_batches(part, setting, 0, request.steps)))
    for _ in range(_FIRST_BATCHES):
        for name, first in zip(found, (0, _FAR), strict=True):
            started = time.perf_counter()
            batches = iter(variants.our_batches(part, setting, first, request.steps))
            next(batches)
            # Before the pipeline is taken down again.
            found[name].append(time.perf_counter() - started)
    return {name: summary(seconds) for name, seconds in found.items()}


def _memory(request: Request, stores: dict[str, Store], report: Report):
    """Peak memory that each pipeline adds to a process, in one of its own."""
    found = {}
    for name in ("ours", "ours, raw", "usual"):
        report(f"memory: {name}")
        found[name] = apart(_added_memory, name, request, _folders(stores))
    size = request.image_size
    found["images in memory"] = stores["jpeg"].num_images * size * size * 3
    return found


def _added_memory(name: str, request: Request, folders: dict[str, pathlib.Path]) -> int:
    from yosinski_tf.benchmarks import input_variants as variants

    store = open_store(folders["raw" if "raw" in name else "jpeg"])
    setting = _setting(request, store)
    part = variants.part_of(variants.open_images(store.folder, setting), setting)
    # What TensorFlow takes for itself is there after a first small one.
    small = dataclasses.replace(setting, batch_size=1)
    list(variants.ours(part, small, 0, 1))
    before = peak_memory()
    if name == "usual":
        list(variants.usual(request.full, setting, _MEMORY_STEPS // 3))
    else:
        list(variants.ours(part, setting, 0, _MEMORY_STEPS))
    return peak_memory() - before


def _disk(store: Store) -> dict[str, Any]:
    """One store and index lists, against a copy for every half and reduced set.

    Ten halves, of five random splits, and the twelve reduced sets: the number of
    images each half or set has in this store, times the mean size of a record.
    """
    labels = np.asarray(store.labels("train"))
    record = store.parts["train"].num_bytes / len(labels)
    lists = []
    for seed in range(5):
        split = make_split(f"random:{seed}", store.class_names)
        lists += [half_view(labels, split.classes(half)) for half in "AB"]
    everything = range(len(store.class_names))
    lists += [half_view(labels, everything, count) for count in REDUCED_COUNTS]
    files = [path for path in store.folder.rglob("*") if path.is_file()]
    return {
        "store_bytes": sum(path.stat().st_size for path in files),
        "record_bytes": store.parts["train"].num_bytes,
        "index_lists_on_disk_bytes": 0,
        "index_lists_in_memory_bytes": sum(i.nbytes + n.nbytes for i, n in lists),
        "largest_index_list_bytes": max(i.nbytes + n.nbytes for i, n in lists),
        "copies_bytes": math.ceil(sum(len(i) for i, _ in lists) * record),
    }
