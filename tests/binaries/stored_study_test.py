"""Studies on a store: the same weights as from the same images in a folder."""

import json
import shutil

import numpy as np
import pytest
import stores
from commands import TINY, draw_folder, refuse, run, succeed

OPTIONS = [*TINY, "--image_size=20", "--crop_size=16", "--mirror", "--mean=image"]
OPTIONS += ["--treatments=baseB"]


@pytest.fixture(scope="module")
def store(tmp_path_factory, images):
    out = tmp_path_factory.mktemp("store") / "store"
    return stores.make(f"folder:{images}", out, image_size=20)


@pytest.fixture(scope="module")
def study(tmp_path_factory, store):
    runs = tmp_path_factory.mktemp("study") / "runs"
    # Without --image_size, the size is that of the store.
    options = [option for option in OPTIONS if "image_size" not in option]
    succeed("study", f"--runs={runs}", f"--dataset=store:{store.folder}", *options)
    return runs


def weights(runs):
    found = {}
    for path in sorted(runs.glob("*/weights.npz")):
        with np.load(path) as arrays:
            found |= {(path.parent.name, k): v.tobytes() for k, v in arrays.items()}
    return found


def test_weights_are_those_of_the_same_images_in_a_folder(
    tmp_path, images, store, study
):
    succeed("study", f"--runs={tmp_path}", f"--dataset=folder:{images}", *OPTIONS)
    assert len(weights(study)) == 16
    assert weights(study) == weights(tmp_path)
    name = "random-0_baseB_seed0/record.json"
    mine, theirs = (json.loads((f / name).read_text()) for f in (study, tmp_path))
    for same in ("top1", "top5", "loss", "mean_pixel", "recipe", "weights_sha256"):
        assert mine[same] == theirs[same]
    assert mine["dataset_fingerprint"] == store.fingerprint
    assert mine["dataset"] == f"store:folder:{images}"


def test_a_study_holds_no_copy_of_the_images(study):
    files = [path.name for path in (study / "dataset").iterdir()]
    assert files == ["dataset.json"]


def arguments(runs, store, *more):
    return [f"--runs={runs}", f"--dataset=store:{store}", *OPTIONS, *more]


@pytest.mark.slow  # about 15 s
def test_a_store_may_be_moved_but_not_changed(tmp_path, store, study):
    runs, place = tmp_path / "runs", tmp_path / "moved"
    shutil.copytree(study, runs)
    shutil.copytree(store.folder, place)
    shutil.rmtree(runs / "random-0_baseB_seed0")
    succeed("study", *arguments(runs, place))
    assert weights(runs) == weights(study)
    pointer = json.loads((runs / "dataset" / "dataset.json").read_text())
    assert pointer["store"] == str(place)

    images = draw_folder(tmp_path / "images", 6)
    (images / "train" / "class0" / "0.png").unlink()
    shutil.rmtree(place)
    stores.make(f"folder:{images}", place, image_size=20)
    shutil.rmtree(runs / "random-0_baseB_seed0")
    assert "has changed since" in refuse("study", *arguments(runs, place))


@pytest.mark.slow
def test_a_damaged_store_fails_its_cohort_with_one_sentence(tmp_path, store):
    place = tmp_path / "store"
    shutil.copytree(store.folder, place)
    for shard in place.glob("images-train*"):
        shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    done = run("study", *arguments(tmp_path / "runs", place))
    assert done.returncode == 1
    assert f"failed random-0_B_seed0_first: store {place} is damaged" in done.stderr
    assert "Traceback" not in done.stderr
