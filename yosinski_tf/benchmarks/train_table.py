"""What the measurement of training found, as tables to read."""

from collections.abc import Mapping, Sequence
from typing import Any

from yosinski_tf.benchmarks.measuring import spread


def table(found: Mapping[str, Any]) -> str:
    """All that was measured, with its spread.

    Args:
      found: As `train_benchmark.run` gives it, with date, device and versions.
    """
    settings = found["settings"]
    lines = [
        f"{found['date'][:10]}, {found['device']}, {settings['threads']} threads,"
        f" TensorFlow {found['versions']['tensorflow']}; medians of"
        f" {settings['rounds']} rounds, from the least to the greatest"
    ]
    for name, step in found.get("step", {}).items():
        lines += _step(name, step)
    if "ceiling" in found:
        rates = (f"{p} {rate / 1e9:,.0f}" for p, rate in found["ceiling"].items())
        lines += [
            "",
            "ceiling, products of matrices, thousand million multiply-accumulates/s: "
            + ", ".join(rates),
        ]
    if "growth" in found:
        lines += _growth(found["growth"])
    if "input" in found:
        lines += _input(found["input"])
    return "\n".join(lines)


def _step(name: str, step: Mapping[str, Any]) -> list[str]:
    lines = [
        "",
        f"{name}, {step['crop_size']} x {step['crop_size']} pixels, batches of"
        f" {step['batch_size']}, {step['steps']} steps a round",
        "",
        "| one network | ms per step | images/s | images/s of a core"
        " | 1e9 multiply-accumulates/s | share of the ceiling |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for variant, rate in step["rates"].items():
        seconds = step["step_seconds"][variant]
        work = step["multiply_accumulates_per_second"][variant]
        share = step["ceiling_share"][variant]
        cells = (
            variant,
            spread(_times(seconds, 1e3), 1),
            spread(rate["images_per_second"]),
            spread(rate["images_per_core_second"]),
            spread(_times(work, 1e-9), 1),
            f"{spread(_times(share, 100))} %",
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| ratio | wall clock | time of the cores |", "| --- | --- | --- |"]
    for ratio in step["ratios"]:
        lines.append(
            f"| {ratio['of']} / {ratio['to']} | {spread(ratio['wall'], 2)}"
            f" | {spread(ratio['core'], 2)} |"
        )
    return lines


def _growth(growth: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        "",
        "| networks together | ms per step | ms per network-step | network-images/s"
        " | memory, MB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in growth:
        networks = row["networks"]
        cells = (
            str(networks),
            spread(_times(row["step_seconds"], 1e3), 1),
            spread(_times(row["step_seconds"], 1e3 / networks), 1),
            spread(_times(row["images_per_second"], networks)),
            f"{row['memory_bytes'] / 1e6:,.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _input(found: Mapping[str, Any]) -> list[str]:
    alone = found["alone"]["images_per_second"]
    lines = [
        "",
        f"JPEG store at {found['image_size']} x {found['image_size']}, crops of"
        f" {found['crop_size']}; the input alone {spread(alone)} images/s",
        "",
        "| networks together | images decoded/s | network-images/s"
        " | images decoded per network-step |",
        "| --- | --- | --- | --- |",
    ]
    for row in found["cohorts"]:
        networks = row["networks"]
        decoded = row["images_read"] / (row["steps"] * networks)
        cells = (
            str(networks),
            spread(row["images_per_second"]),
            spread(_times(row["images_per_second"], networks)),
            f"{decoded:,.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _times(values: Mapping[str, float], factor: float) -> dict[str, float]:
    return {key: values[key] * factor for key in ("median", "min", "max")}
