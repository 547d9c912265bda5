"""What the measurement of a target half found, as a table to read."""

from collections.abc import Mapping
from typing import Any

from yosinski_tf.benchmarks.measuring import spread


def table(found: Mapping[str, Any]) -> str:
    """Times and ratios, with their spread.

    Args:
      found: As `study_benchmark.run` gives it, with date, device and versions.
    """
    settings, arithmetic = found["settings"], found["arithmetic"]
    sizes = arithmetic["cohort_sizes"]
    lines = [
        f"{found['date'][:10]}, {found['device']}, TensorFlow"
        f" {found['versions']['tensorflow']}; {found['networks']} networks on one half,"
        f" {settings['steps']} steps each, {settings['processes']} processes of"
        f" {settings['threads']} threads, cohorts of"
        f" {', '.join(map(str, sizes))}; medians of {settings['rounds']} rounds, from"
        " the least to the greatest",
        "",
        "| half trained as | minutes | minutes of the cores"
        " | seconds of one cohort or network (n; ours without starting its process) |",
        "| --- | --- | --- | --- |",
    ]
    for name, seconds in found["seconds"].items():
        cpu, each = found["cpu_seconds"][name], found["training_seconds"][name]
        cells = (
            name,
            spread(_minutes(seconds), 2),
            spread(_minutes(cpu), 2),
            f"{spread(each, 1)} ({each['n']})",
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "| times as fast | wall clock | time of the cores | multiplications saved |",
        "| --- | --- | --- | --- |",
    ]
    for ratio in found["ratios"]:
        lines.append(
            f"| {ratio['of']} / {ratio['to']} | {spread(ratio['wall'], 2)}"
            f" | {spread(ratio['core'], 2)} | {arithmetic['ratio']:.2f} |"
        )
    return "\n".join(lines)


def _minutes(values: Mapping[str, float]) -> dict[str, float]:
    return {key: values[key] / 60 for key in ("median", "min", "max")}
