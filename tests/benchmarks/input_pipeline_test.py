"""The benchmark of the input pipeline: photographs, and the bare decoder."""

import dataclasses
import io
import tarfile

import pytest
import tensorflow as tf
from commands import draw_folder
from PIL import Image

from yosinski_tf.benchmarks import photographs
from yosinski_tf.benchmarks.input_pipeline import Request, bare_decoder, bare_map
from yosinski_tf.system.errors import UserError


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
    with pytest.raises(UserError, match="--records=.* needs about .* GB in .*--work"):
        photographs.make_stores(tmp_path / "work", "", 10**10, 256)
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize("decode", [bare_decoder, bare_map])
def test_the_bare_decoder_decodes_every_crop(decode):
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, "JPEG")
    files, windows = [buffer.getvalue()] * 101, tf.constant([[1, 2, 27, 27]] * 101)
    assert list(decode(tf.constant(files), windows, 3)) == [64, 3 * 101]
    # Past the first 64, which are only for warming up.
    files[100] = files[100][:200]
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(decode(tf.constant(files), windows, 3))


def test_other_images_are_kept_elsewhere(tmp_path):
    request = Request(
        work=tmp_path,
        photographs="",
        records=500,
        image_size=32,
        crop_size=27,
        batch_size=8,
        rounds=1,
        steps=2,
    )
    folders = {
        dataclasses.replace(request, **changes).folder
        for changes in ({}, {"rounds": 2}, {"crop_size": 8}, {"image_size": 64})
    }
    assert len(folders) == 2 and {path.parent for path in folders} == {tmp_path}
