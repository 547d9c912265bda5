"""The command yosinski-benchmark: help, and every number at tiny sizes."""

import json

import pytest
from commands import succeed

OPTIONS = ["--records=500", "--rounds=1", "--steps=2", "--batch_size=8"]
OPTIONS += ["--image_size=32", "--crop_size=27"]


def test_help():
    told = succeed("benchmark", "--help").stdout
    assert "yosinski-benchmark train: training steps of one network" in told
    told = succeed("benchmark", "input", "--help").stdout
    assert all(word in told for word in ("--photographs ", "--rounds  ", "[20000]"))


def measure(word, folder, *arguments):
    """What a command printed, and its JSON."""
    done = succeed("benchmark", word, f"--work_dir={folder}", *arguments)
    found = json.loads((folder / f"{word}.json").read_text())
    assert found["command"].startswith(f"yosinski-benchmark {word} --work_dir=")
    assert {"date", "device", "versions", "settings"} < found.keys()
    return done, found


@pytest.mark.slow  # about 90 s: a process of TensorFlow for each round and memory
def test_every_number_of_the_input_is_there(tmp_path):
    done, found = measure("input", tmp_path, *OPTIONS)
    assert "| ours / usual |" in done.stdout
    assert found["settings"]["crop_size"] == 27 and found["settings"]["rounds"] == 1
    rates, ratios, first_batches, memory, disk = found["tables"].values()
    assert [row["variant"] for row in rates] == [
        *("bare decoder", "bare decoder, our windows", "bare decoder, tf.data"),
        *("ours", "ours, raw", "usual", "usual, labels first"),
    ]
    assert all(row["images/s"]["median"] > 0 for row in rates)
    assert [row["variant"] for row in ratios] == [
        "ours / bare decoder",
        "ours / bare decoder, our windows",
        "ours / bare decoder, tf.data",
        "ours / usual",
        "ours / usual, labels first",
        "ours, raw / ours",
    ]
    assert [row["variant"] for row in first_batches] == ["step 0", "step 1,000,000"]
    assert [row["variant"] for row in memory][:3] == ["ours", "ours, raw", "usual"]
    # 500 images to train on and 100 to validate on.
    assert memory[3]["MB"] == 600 * 32 * 32 * 3 / 1e6
    # Ten halves of 250 images, and twelve sets of 100 classes with at most 5: under
    # 16 times the records of the store, which is larger.
    _, store, copies = (row["MB"] for row in disk)
    assert 0 < copies < (10 * 250 + 100 + 200 + 10 * 500) / 500 * store
    # Made once: the second time it only measures.
    (made,) = tmp_path.glob("images_*/jpeg/store.json")
    before = made.stat().st_mtime_ns
    measure("input", tmp_path, *OPTIONS)
    assert made.stat().st_mtime_ns == before


@pytest.mark.slow  # about two minutes: twenty processes of TensorFlow
def test_every_number_of_a_half_is_there(tmp_path):
    options = ["--steps=2", "--rounds=1", "--treatments=baseB,A3B,B3B"]
    done, found = measure("study", tmp_path, *options)
    assert "| cohorts, float32 / plain Keras, alone |" in done.stdout
    half, ratios, trainings, arithmetic = found["tables"].values()
    assert [row["variant"] for row in half] == [
        *("cohorts, float32", "alone, float32", "cohorts, bfloat16", "alone, bfloat16"),
        *("alone, --feature_cache=off, float32", "plain Keras, alone"),
    ]
    assert all(row["minutes of the cores"]["median"] > 1 / 60 for row in half)
    # Base B alone, then both copies together; three trainings otherwise.
    assert [row["seconds"]["n"] for row in trainings] == [2, 3, 2, 3, 3, 3]
    assert arithmetic[0]["cohorts of"] == "1, 2"
    assert all(row["images/s"]["median"] > 0 for row in ratios)
