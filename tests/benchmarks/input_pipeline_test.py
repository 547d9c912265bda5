"""The benchmark of the input pipeline: photographs, and the bare decoder."""

import io
import tarfile

import pytest
import tensorflow as tf
from commands import draw_folder
from PIL import Image

from yosinski_tf.benchmarks import input_pipeline, photographs
from yosinski_tf.system.errors import UserError

REQUEST = input_pipeline.Request(
    work=None,
    photographs="",
    records=500,
    image_size=32,
    crop_size=27,
    batch_size=8,
    rounds=1,
    steps=2,
)


def test_photographs_of_a_folder_and_of_a_tar_file(tmp_path):
    folder = draw_folder(tmp_path / "images", 2)
    (folder / "readme.txt").write_text("no image")
    found = photographs.read_photographs(str(folder))
    assert len(found) == 2 * (6 + 3) and all(b"PNG" in file[:4] for file in found)
    with tarfile.open(tmp_path / "images.tar", "w") as tar:
        tar.add(folder, arcname=".")
    assert photographs.read_photographs(str(tmp_path / "images.tar")) == found
    (tmp_path / "empty").mkdir()
    for name, reason in (("empty", "found none"), ("none", "found .*No such file")):
        with pytest.raises(UserError, match=f"--photographs needs .*{reason}"):
            photographs.read_photographs(str(tmp_path / name))


def test_a_disk_too_small_is_seen_before_anything_is_made(tmp_path):
    with pytest.raises(UserError, match="--work_dir needs about .* TB more for"):
        photographs.make_stores(tmp_path / "work", "", 10**10, 256)
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize(
    ("decoder", "changes"),
    [("bare_decoder", {}), ("bare_decoder", {"our_windows": True}), ("bare_map", {})],
)
def test_the_bare_decoder_decodes_every_crop(decoder, changes):
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, "JPEG")
    files = [buffer.getvalue()] * 101
    decode = getattr(input_pipeline, decoder)
    found = list(decode(tf.constant(files), REQUEST, 3, **changes))
    assert found == [64, 3 * 101]
    # Past the first 64, which are only for warming up.
    files[100] = files[100][:200]
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(decode(tf.constant(files), REQUEST, 3, **changes))
