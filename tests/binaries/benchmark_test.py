"""The benchmark of the input pipeline, on images small and few."""

import io
import json
import tarfile

import pytest
import tensorflow as tf
from commands import draw_folder, run
from PIL import Image

OPTIONS = ["--records=500", "--rounds=1", "--steps=2", "--batch_size=8"]
OPTIONS += ["--image_size=32", "--crop_size=27"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            [],
            "as the first word, one of input, train, study, got ''",
        ),
        (["output"], "got 'output'"),
        (["input", "--crop_size=300"], "--crop_size is 300: wanted at most the image"),
        (["input", "--records=3"], "records"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path, arguments, words):
    done = run("benchmark", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_help():
    done = run("benchmark", "input", "--help")
    assert done.returncode == 0 and "--photographs" in done.stdout


def test_photographs_of_a_folder_and_of_a_tar_file(tmp_path):
    photographs = pytest.importorskip("yosinski_tf.benchmarks.photographs")
    folder = draw_folder(tmp_path / "images", 2)
    (folder / "readme.txt").write_text("no image")
    found = photographs.read_photographs(str(folder))
    assert len(found) == 2 * (6 + 3) and all(b"PNG" in file[:4] for file in found)
    with tarfile.open(tmp_path / "images.tar", "w") as tar:
        tar.add(folder, arcname=".")
    assert photographs.read_photographs(str(tmp_path / "images.tar")) == found
    with pytest.raises(Exception, match="--photographs has no image"):
        (tmp_path / "empty").mkdir()
        photographs.read_photographs(str(tmp_path / "empty"))
    with pytest.raises(Exception, match="--photographs cannot be read"):
        photographs.read_photographs(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("decoder", "changes"),
    [("bare_decoder", {}), ("bare_decoder", {"as_ours": True}), ("bare_map", {})],
)
def test_the_bare_decoder_decodes_every_crop(decoder, changes):
    variants = pytest.importorskip("yosinski_tf.benchmarks.input_variants")
    setting = variants.Setting(image_size=32, crop_size=27, batch_size=8, classes=())
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, "JPEG")
    files = [buffer.getvalue()] * 101
    decode = getattr(variants, decoder)
    found = list(decode(tf.constant(files), setting, 3, **changes))
    assert found == [64, 3 * 101]
    # Past the first 64, which are only for warming up.
    files[100] = files[100][:200]
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(decode(tf.constant(files), setting, 3, **changes))


@pytest.mark.slow  # about 60 s: processes of TensorFlow for each round and memory
def test_every_number_is_there(tmp_path):
    arguments = ["input", f"--work_dir={tmp_path}", *OPTIONS]
    done = run("benchmark", *arguments)
    assert done.returncode == 0, done.stderr
    assert "| ours / usual |" in done.stdout
    found = json.loads((tmp_path / "input.json").read_text())
    assert found["command"].startswith("yosinski-benchmark input --work_dir=")
    assert set(found["rates"]) == {
        *("bare decoder", "bare decoder, our windows", "bare decoder, tf.data"),
        *("ours", "ours, raw", "usual", "usual, careful"),
    }
    for rate in found["rates"].values():
        assert rate["images_per_second"]["median"] > 0
    pairs = [(ratio["of"], ratio["to"]) for ratio in found["ratios"]]
    assert pairs == [
        ("ours", "bare decoder"),
        ("ours", "bare decoder, our windows"),
        ("ours", "bare decoder, tf.data"),
        ("ours", "usual"),
        ("ours", "usual, careful"),
        ("ours, raw", "ours"),
    ]
    assert set(found["first_batch_seconds"]) == {"step 0", "step 1,000,000"}
    # Ten halves of 250 images, and twelve sets of 100 classes with at most 5.
    copies = 10 * 250 + 100 + 200 + 10 * 500
    disk = found["disk"]
    assert disk["copies_bytes"] == pytest.approx(
        copies * disk["record_bytes"] / 500, abs=1
    )
    assert disk["index_lists_on_disk_bytes"] == 0
    # Made once: the second time it only measures.
    made = (tmp_path / "jpeg" / "store.json").stat().st_mtime_ns
    again = run("benchmark", *arguments)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "jpeg" / "store.json").stat().st_mtime_ns == made
    other = run("benchmark", *arguments, "--records=600")
    assert other.returncode == 2 and "holds other images" in other.stderr
