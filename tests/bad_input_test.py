"""Bad input through the binaries: one sentence, no change on disk."""

import pathlib

import pytest
from commands import TINY, draw_folder, run


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> pathlib.Path:
    return draw_folder(tmp_path_factory.mktemp("images") / "data", 6)


def _bad_inputs(images: pathlib.Path, folder: pathlib.Path) -> dict:
    """Name -> (binary, arguments, words that the one sentence must hold)."""
    overlap, missing = folder / "overlap.txt", folder / "missing.txt"
    overlap.write_text("[A]\nclass0\nclass1\n[B]\nclass1\nclass2\n")
    missing.write_text("[A]\nclass0\nclass1\n[B]\nclass2\nclass3\n")
    three = draw_folder(folder / "three", 3)
    empty = draw_folder(folder / "empty", 5)
    for image in (empty / "train" / "class2").iterdir():
        image.unlink()
    broken = draw_folder(folder / "broken", 5)
    victim = broken / "train" / "class1" / "4.png"
    victim.write_bytes(victim.read_bytes()[:40])
    data = f"--dataset=folder:{images}"
    a_file = folder / "file"
    a_file.write_text("")
    return {
        "treatment": ("study", [data, "--treatments=A3C"], ["'A3C'", "A3B"]),
        "n": ("study", [data, "--treatments=A8B"], ["'A8B'", "1", "7"]),
        "kind": ("base", [data, "--treatments=A3B"], ["A3B", "yosinski-transfer"]),
        "split": ("study", [data, "--split=halves"], ["'halves'", "random:SEED"]),
        "half of all": ("study", [data, "--split=first:2"], ["first:2", "half A"]),
        "plan": ("study", [data, "--plan=paper"], ["'paper'", "released"]),
        "two plans": (
            "study",
            [data, "--plan=released", "--treatments=A3B"],
            ["--plan=released", "--treatments"],
        ),
        "preserved": ("study", [data, "--treatments=A6B~2"], ["'A6B~2'", "8"]),
        "dataset": ("study", ["--dataset=mnist"], ["'mnist'", "embedded"]),
        "network": ("study", [data, "--network=vgg"], ["'vgg'", "mini"]),
        "outputs": ("base", [data, "--num_outputs=1"], ["--num_outputs", "2"]),
        "small": ("base", [data, "--network=caffenet", "--crop_size=16"], ["39"]),
        "mean": ("base", [data, "--mean=median"], ["--mean", "median", "pixel"]),
        "activation": ("study", [data, "--activation=tanh"], ["'tanh'", "relu"]),
        "flag value": ("study", [data, "--steps=many"], ["steps", "many"]),
        "flag range": ("study", [data, "--learning_rate=-1"], ["learning_rate", "0"]),
        "unknown flag": ("study", [data, "--stepz=5"], ["stepz"]),
        "stray argument": ("study", [data, "A3B"], ["'A3B'", "--"]),
        "flag file": ("study", ["--flagfile=nowhere.flags"], ["nowhere.flags"]),
        "seeds": ("study", [data, "--seeds=one"], ["seeds", "'one'"]),
        "overlap": ("study", [data, f"--split=file:{overlap}"], ["class1"]),
        "missing": ("study", [data, f"--split=file:{missing}"], ["class4"]),
        "too few": (
            "study",
            [f"--dataset=folder:{three}"],
            ["3 classes", "at least 4"],
        ),
        "empty class": ("study", [f"--dataset=folder:{empty}"], ["class2"]),
        "unreadable": ("study", [f"--dataset=folder:{broken}"], ["class1/4.png"]),
        "runs is a file": ("study", [data, f"--runs={a_file}"], [str(a_file)]),
        "no study": ("report", [f"--runs={folder}/nothing"], ["nothing", "--runs"]),
    }


def test_bad_input_is_one_sentence_and_changes_nothing(tmp_path, images):
    runs = tmp_path / "runs"
    wrong = []
    for name, (binary, arguments, words) in _bad_inputs(images, tmp_path).items():
        given = [] if any("--runs" in a for a in arguments) else [f"--runs={runs}"]
        if binary != "report":
            given += [a for a in TINY if a.split("=")[0] not in str(arguments)]
        done = run(binary, *given, *arguments)
        lines = done.stderr.strip().splitlines()
        good = (
            done.returncode == 2
            and len(lines) == 1
            and "Traceback" not in done.stderr
            and all(word in done.stderr for word in words)
            and not runs.exists()
        )
        if not good:
            wrong.append((name, done.returncode, done.stderr))
    assert not wrong
