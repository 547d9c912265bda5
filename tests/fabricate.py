"""Made-up results, records and stores for tests: nothing is trained."""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from yosinski_tf.data.store.format import Store, StoredPart, description
from yosinski_tf.experiment.treatments import PAPER_STAGES, parse_treatment
from yosinski_tf.results.network_result import NetworkResult
from yosinski_tf.study.records import Record, write_record

TEN_STAGES = ("stem", *(f"block{i}" for i in range(1, 9)), "head")
"""The stages of a made-up Keras network, n = 1..9."""
RESNET_MINI = {
    "network": "resnet_mini",
    "network_settings": {"name": "resnet_mini", "stages": list(TEN_STAGES)},
}
"""The fields of a record of this network."""


def result(
    treatment: str,
    top1: float,
    split: str = "random:0",
    seed: int = 0,
    stages: tuple[str, ...] = PAPER_STAGES,
) -> NetworkResult:
    """The result of a network whose ten best validations are 0.01 above its last."""
    parsed = parse_treatment(treatment)
    return NetworkResult(
        split=split,
        family=parsed.family,
        n=parsed.n,
        source_half=parsed.source,
        target_half=parsed.target,
        seed=seed,
        top1=top1,
        top1_mean_of_10_best=top1 + 0.01,
        run_id=f"{split}-{treatment}-s{seed}",
        stages=stages,
    )


def results(
    top1: dict[str, float],
    split: str = "random:0",
    seed: int = 0,
    stages: tuple[str, ...] = PAPER_STAGES,
) -> list[NetworkResult]:
    """The results of several networks of one split and seed, by treatment."""
    return [result(name, value, split, seed, stages) for name, value in top1.items()]


def curve(
    name: str, top1: float, step: float = 0.0, split: str = "random:0"
) -> list[NetworkResult]:
    """The results of `name`, such as `A{}B`, for n = 1..7: `top1` + n `step`."""
    return [result(name.format(n), top1 + step * n, split) for n in range(1, 8)]


def record(
    treatment: str, top1: float, split: str = "random:0", seed: int = 0, **changes: Any
) -> Record:
    """The record of such a network, with the fields in `changes` replaced."""
    made = result(treatment, top1, split, seed)
    parsed = parse_treatment(treatment)
    digest = "f" * 64 if parsed.frozen_layers else None
    fields = Record(
        run_id=made.run_id.replace(":", "-"),
        status="finished",
        treatment=treatment,
        kind=parsed.kind,
        n=parsed.n,
        source_half=parsed.source,
        target_half=parsed.target,
        fine_tuned=parsed.fine_tuned,
        preserved=parsed.preserved,
        split=split,
        split_digest="a" * 64,
        dataset="embedded",
        dataset_fingerprint="b" * 64,
        network="mini",
        network_settings={
            "name": "mini",
            "layers": [{"name": name} for name in PAPER_STAGES],
        },
        num_classes=2,
        class_names=["cat", "cup"],
        mean_pixel=[100.0, 110.0, 120.0],
        recipe={"steps": 100, "learning_rate": 0.01, "rate_drops": [70, 90]},
        seed=seed,
        steps=100,
        top1=made.top1,
        top5=0.9,
        loss=1.5,
        top1_mean_of_10_best=made.top1_mean_of_10_best,
        history=[{"step": 100, "top1": made.top1}],
        num_train_images=3000,
        num_validation_images=4000,
        train_seconds=10.0,
        images_per_second=640.0,
        cohort={"id": "c", "size": 1, "runs": []},
        weights_sha256="c" * 64,
        frozen_sha256_before=digest,
        frozen_sha256_after=digest,
        versions={"python": "3.11"},
        backend="tensorflow",
        device="2 CPU cores",
        distribution="none",
        replicas=1,
        threads=2,
        command="yosinski-study",
        finished_at="2025-01-02T03:04:05+00:00",
    )
    return dataclasses.replace(fields, **changes)


def folder_of(path: pathlib.Path, records: Iterable[Record]) -> pathlib.Path:
    """Writes records into a study folder, and returns it."""
    for each in records:
        write_record(path, each)
    return path


def study() -> list[Record]:
    """73 networks on two random splits, and from natural to man-made classes."""
    made = []
    for split, base in (("random:0", 0.57), ("random:1", 0.61)):
        made.append(record("baseB", base, split))
        for n in range(1, 8):
            made += [
                record(f"B{n}B", base - 0.001 * n, split),
                record(f"B{n}B+", base + 0.01, split),
                record(f"A{n}B", base - 0.02 * n, split),
                record(f"A{n}B+", base + 0.01 + 0.005 * n, split),
            ]
    made.append(record("baseB", 0.5, "natural_manmade"))
    made += [record(f"A{n}B", 0.5 - 0.04 * n, "natural_manmade") for n in range(1, 8)]
    made += [record(f"R{n}B", 0.57 - 0.05 * n, "random:0") for n in range(1, 8)]
    return made


def given_study() -> list[Record]:
    """Copies of P and random layers on all classes, of ten stages, with three seeds.

    Fine-tuned, P gains 0.05 and 0.002 more for every n and seed; frozen, it gains 0.04
    less 0.01 for every n; random layers lose 0.02 for every n.
    """
    made = []
    for seed in range(3):
        base = 0.5 + 0.01 * seed
        made.append(record("baseW", base, "whole", seed, **RESNET_MINI))
        for n in range(1, 10):
            top1 = {
                f"P{n}W": base + 0.04 - 0.01 * n,
                f"P{n}W+": base + 0.05 + 0.002 * (n + seed),
                f"R{n}W": base - 0.02 * n,
            }
            made += [
                record(t, v, "whole", seed, **RESNET_MINI) for t, v in top1.items()
            ]
    return made


def store(
    folder: pathlib.Path,
    image_size: int = 4,
    class_names: tuple[str, ...] = ("ant", "bee"),
) -> Store:
    """A store of empty shards with three training and two validation images."""
    made = Store(
        folder=folder,
        source="folder:photos",
        image_size=image_size,
        encoding="jpeg",
        quality=90,
        class_names=class_names,
        families=None,
        parts={
            "train": StoredPart("train", (2, 1), 500, "a" * 64),
            "validation": StoredPart("validation", (2,), 300, "b" * 64),
        },
        skipped=({"split": "train", "class_name": "ant", "file_name": "x.jpg"},),
        warnings=("few images",),
        side_files={},
        fingerprint="c" * 64,
        versions={"python": "3.11"},
        command="yosinski-prepare",
        prepared_at="2026-01-02T03:04:05+00:00",
    )
    for name in ("labels", "file_names", "digests", "sums"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for part, labels in (("train", [0, 0, 1]), ("validation", [0, 1])):
        np.save(folder / f"labels/{part}.npy", np.array(labels, np.int32))
        digests = np.zeros((len(labels), 32), np.uint8)
        np.save(folder / f"digests/{part}.npy", digests)
        names = "".join(f"{i}.jpg\n" for i in range(len(labels)))
        (folder / f"file_names/{part}.txt").write_text(names)
        for path in made.shard_paths(part):
            path.touch()
    for name in ("classes", "ranks"):
        np.save(
            folder / f"sums/{name}.npy",
            np.full((2, image_size, image_size, 3), 7, np.uint32),
        )
    (folder / "store.json").write_bytes(description(made))
    return made
