"""Apache Beam makes the same stores as one machine."""

import pytest
from commands import run
from stores import content, make, request

from yosinski_tf.data.prepare.beam_shards import beam_runner
from yosinski_tf.data.prepare.make_store import make_store
from yosinski_tf.data.store import record_files
from yosinski_tf.data.store.format import open_store
from yosinski_tf.data.unreadable import Unreadable
from yosinski_tf.system.errors import UserError

beam = pytest.importorskip("apache_beam", reason="needs the extra beam")


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_the_same_records_byte_for_byte(tmp_path, images, encoding):
    source = f"folder:{images}"
    alone = make(source, tmp_path / "alone", encoding=encoding)
    wanted = request(source, tmp_path / "beam", encoding=encoding)
    seen = []
    runner = beam_runner("DirectRunner", ["direct_num_workers=1"])
    piped = make_store(wanted, runner=runner, report=lambda *now: seen.append(now))
    assert len(alone.shard_paths("train")) == 5
    assert content(piped.folder) == content(alone.folder)
    assert piped.fingerprint == alone.fingerprint
    assert ("preparing", 27, 27) in seen


def test_unreadable_images_are_named(tmp_path, images):
    (images / "train/bee/0.png").write_text("no image")
    wanted = request(f"folder:{images}", tmp_path / "beam")
    with pytest.raises(Unreadable) as raised:
        make_store(wanted, runner=beam_runner("DirectRunner", []))
    assert [name for name, _ in raised.value.images] == ["train/bee/0.png"]


def test_a_pipeline_that_fails_is_one_sentence(tmp_path, images, monkeypatch):
    def full(writer, record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record_files.Writer, "write", full)
    wanted = request(f"folder:{images}", tmp_path / "beam")
    with pytest.raises(UserError, match="the Beam pipeline failed .*No space left"):
        make_store(wanted, runner=beam_runner("DirectRunner", []))
    assert not (tmp_path / "beam").exists()


def test_options_reach_beam_through_the_binary(tmp_path, images):
    source = f"folder:{images}"
    alone = make(source, tmp_path / "alone")
    flags = (f"--source={source}", "--image_size=16", "--encoding=raw")
    options = "direct_num_workers=2,direct_running_mode=multi_threading"
    out = tmp_path / "beam"
    ended = run(
        "prepare",
        *(*flags, "--shard_records=4", f"--out={out}"),
        *("--beam_runner=DirectRunner", f"--beam_options={options}"),
    )
    assert ended.returncode == 0, ended.stderr
    assert open_store(out).fingerprint == alone.fingerprint


def test_an_unknown_runner():
    with pytest.raises(UserError, match="--beam_runner=Nobody is not a runner that"):
        beam_runner("Nobody", [])
