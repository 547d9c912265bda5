"""A network that diverges, on images of which one is there twice."""

import json
import shutil

import pytest
from commands import TINY, draw_folder, run


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The flags of a command whose only network diverges, and how it ended."""
    home = tmp_path_factory.mktemp("diverged")
    images = draw_folder(home / "images", classes=2)
    shutil.copy(images / "train/class0/1.png", images / "val/class0/again.png")
    flags = [
        *(f"--runs={home / 'runs'}", f"--dataset=folder:{images}", *TINY),
        *("--split=whole", "--treatments=baseW"),
    ]
    return home / "runs", flags, run("base", *flags, "--learning_rate=3e9")


def test_the_command_says_what_to_try_and_ends_with_1(study):
    _, _, done = study
    assert done.returncode == 1
    assert done.stderr.endswith(
        "Diverged at step 2: whole_baseW_seed0\n"
        "A loss or a weight was not finite: train with a lower --learning_rate, such as"
        " 1e+09 (it was 3e+09), in another --runs folder.\n"
    )


def test_copies_are_told_before_the_training(study):
    runs, _, done = study
    first, second, *_ = done.stdout.splitlines()
    assert first == (
        "Warning: 1 of 7 validation images are also training images (for example"
        " val/class0/again.png = train/class0/1.png): top-1 is too high: remove the"
        " copies."
    )
    assert second.startswith("1 networks, 0 done, 1 to train")
    counted = json.loads((runs / "dataset/dataset.json").read_text())["copies"]
    assert counted["in_training"] == 1


def test_the_same_command_ends_with_1_again(study):
    # Without the flag the rate is that of the folder, whatever the default is.
    runs, flags, _ = study
    done = run("base", *flags)
    assert done.returncode == 1
    assert f"All 1 networks in {runs} have diverged." in done.stdout
    assert "Diverged at step 2" in done.stderr and "such as 1e+09" in done.stderr
