"""CaffeNet at 227 x 227 on 20 real photographs, 10 in each half.

The photographs for training and validation are the same, one of each class. The
test shows that the paper's network learns them by heart with the paper's solver and
data protocol, and that its layers transfer.
"""

import json
import pathlib
import time

import numpy as np
import pytest
from commands import succeed
from places import PHOTOGRAPHS, ROOT
from stores import photographs

pytestmark = pytest.mark.slow

TREATMENTS = ("baseA", "A3B", "A3B+")


def _unpack(folder: pathlib.Path, every: int) -> pathlib.Path:
    """One class per photograph, named by its WordNet id; val is train again."""
    for wordnet_id, data in list(photographs().items())[::every]:
        for part in ("train", "val"):
            home = folder / part / wordnet_id
            home.mkdir(parents=True)
            (home / "photograph.jpg").write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The records of a base network and of two that copy from it."""
    if not PHOTOGRAPHS.exists():
        pytest.skip("needs 100 ImageNet photographs, which are not in the project")
    folder = tmp_path_factory.mktemp("photographs")
    images, runs = _unpack(folder / "images", every=5), folder / "runs"
    arguments = [f"--flagfile={ROOT / 'flags/caffenet_sample.flags'}"]
    arguments += [f"--dataset=folder:{images}", f"--runs={runs}"]
    started = time.monotonic()
    for binary, names in (("base", "baseA"), ("transfer", "A3B,A3B+")):
        succeed(binary, *arguments, f"--treatments={names}")
    seconds = time.monotonic() - started
    records = {
        name: json.loads((runs / f"random-0_{name}_seed0/record.json").read_text())
        for name in TREATMENTS
    }
    return runs, records, seconds


def test_caffenet_learns_photographs_by_heart_and_transfers(study, capsys):
    _, records, seconds = study
    with capsys.disabled():
        for name, record in records.items():
            print(
                f"\n{name}: top-1 {record['top1']:.2f},"
                f" {record['images_per_second']:.1f} images/s, cohort of"
                f" {record['cohort']['size']}",
                end="",
            )
        print(f"\nin all {seconds:.0f} s")
    for record in records.values():
        assert record["status"] == "finished"
        assert record["num_train_images"] == record["num_validation_images"] == 10
        # Chance is 0.1.
        assert record["top1"] > 0.95
        assert record["history"][0]["top1"] < 0.95


def test_what_was_trained_is_the_released_network(study):
    runs, records, _ = study
    recipe = records["baseA"]["recipe"]
    assert (recipe["image_size"], recipe["crop_size"]) == (256, 227)
    assert (recipe["mean"], recipe["mirror"]) == ("image", True)
    assert (recipe["momentum"], recipe["weight_decay"]) == (0.9, 5e-4)
    weights = np.load(runs / "random-0_baseA_seed0" / "weights.npz")
    assert sum(values.size for values in weights.values()) == 56_909_194
    assert records["baseA"]["network_settings"]["layers"][5]["dropout"] == 0.5


def test_frozen_layers_stay_and_fine_tuned_ones_move(study):
    runs, records, _ = study
    base, frozen, tuned = (
        np.load(runs / f"random-0_{name}_seed0" / "weights.npz") for name in TREATMENTS
    )
    for layer in ("conv1", "conv2", "conv3"):
        for part in ("kernel", "bias"):
            name = f"{layer}/{part}"
            assert frozen[name].tobytes() == base[name].tobytes()
            assert tuned[name].tobytes() != base[name].tobytes()
    record = records["A3B"]
    assert record["frozen_sha256_before"] == record["frozen_sha256_after"] is not None
