"""Whether a folder is an export of some weights."""

import json

import fabricate
import pytest

from yosinski_tf.export.description import DESCRIPTION_NAME, is_export_of

RECORD = fabricate.record("A3B", 0.5)
SAME = {
    "run_id": RECORD.run_id,
    "weights_sha256": RECORD.weights_sha256,
    "class_names": RECORD.class_names,
}


def test_an_export_of_the_same_weights_and_no_other(tmp_path):
    assert not is_export_of(tmp_path, RECORD)
    (tmp_path / DESCRIPTION_NAME).write_text(json.dumps({**SAME, "more": 1}))
    assert is_export_of(tmp_path, RECORD)
    for name in SAME:
        (tmp_path / DESCRIPTION_NAME).write_text(json.dumps({**SAME, name: "other"}))
        assert not is_export_of(tmp_path, RECORD)


@pytest.mark.parametrize("content", [b"[]", b"{", b"null", b"[" * 100_000, b"\xff"])
def test_a_broken_description_is_no_export(tmp_path, content):
    (tmp_path / DESCRIPTION_NAME).write_bytes(content)
    assert not is_export_of(tmp_path, RECORD)
