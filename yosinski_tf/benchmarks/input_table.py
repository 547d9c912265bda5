"""What the measurement of the input pipeline found, as a table to read."""

from collections.abc import Mapping
from typing import Any

from yosinski_tf.benchmarks.measuring import spread
from yosinski_tf.study.forecast import gigabytes


def table(found: Mapping[str, Any]) -> str:
    """Rates, ratios and sizes, with their spread.

    Args:
      found: As `input_benchmark.run` gives it, with date, device and versions.
    """
    rounds = found["settings"]["rounds"]
    lines = [
        f"{found['date'][:10]}, {found['device']}, TensorFlow"
        f" {found['versions']['tensorflow']}; {found['settings']['records']:,} images"
        f" of {found['full_size_bytes'] / 1000:.0f} KB; medians of {rounds}"
        " rounds, from the least to the greatest",
        "",
        "| pipeline | images/s | images/s of a core |",
        "| --- | --- | --- |",
    ]
    for name, rate in found["rates"].items():
        wall, core = rate["images_per_second"], rate["images_per_core_second"]
        lines.append(f"| {name} | {spread(wall)} | {spread(core)} |")
    lines += ["", "| ratio | wall clock | time of the cores |", "| --- | --- | --- |"]
    for ratio in found["ratios"]:
        lines.append(
            f"| {ratio['of']} / {ratio['to']} | {spread(ratio['wall'], 2)}"
            f" | {spread(ratio['core'], 2)} |"
        )
    lines.append("")
    for name, seconds in found["first_batch_seconds"].items():
        lines.append(f"first batch at {name}: {spread(seconds, 2)} s")
    for name, size in found["memory_bytes"].items():
        lines.append(f"memory, {name}: {size / 1e6:,.0f} MB")
    disk = found["disk"]
    lines.append(
        f"disk: one store {gigabytes(disk['store_bytes'])}, its 22 index lists"
        f" {disk['index_lists_on_disk_bytes']} bytes (in memory"
        f" {disk['largest_index_list_bytes'] / 1e6:.1f} MB at most, one at a time);"
        f" a copy for each {gigabytes(disk['copies_bytes'])}"
    )
    return "\n".join(lines)
