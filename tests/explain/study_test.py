"""Which steps are taken, what is kept, and what cannot be measured."""

import errno
import json
import os

import numpy as np
import pytest
from fabricate import record

from yosinski_tf.data.sources import study_copy
from yosinski_tf.data.sources.image_set import make_image_set
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.explain import kept_fits, study
from yosinski_tf.explain.measuring import Taken
from yosinski_tf.explain.rows import Row
from yosinski_tf.study.records import write_record
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.files import DiskFull

NETWORK = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 8))
TAKEN = []


class Stub:
    """Takes two measures without computing anything."""

    STEPS = ("accuracy", "layers")
    broken = ()

    def __init__(self, study, unit):
        self._unit = unit

    def take(self, step):
        TAKEN.append((self._unit.direction, step))
        row = Row("random:0", self._unit.direction, 0, 1, "conv1", "R", step, 0.5)
        broken = TAKEN[-1] in self.broken
        problem = f"no weights of {self._unit.direction}: train again"
        return Taken([row], [problem] if broken else [])


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A study with one base, whose networks are measured by a stub."""
    monkeypatch.setattr(study, "Measurer", Stub)
    monkeypatch.setattr(Stub, "broken", ())
    TAKEN.clear()
    part = np.zeros((2, 16, 16, 3), np.uint8), np.arange(2)
    images = make_image_set("tiny", ["cat", "cup"], None, part, part)
    study_copy.save(tmp_path / "dataset", images)
    made = record(
        "baseA",
        0.5,
        dataset_fingerprint=images.fingerprint,
        network_settings=NETWORK.settings(),
    )
    write_record(tmp_path, made)
    source = {"spec": "folder:no-such-folder", "image_size": 16}
    settings = {"dataset": source, "network": {}, "recipe": {}, "threads": None}
    (tmp_path / "study.json").write_text(json.dumps(settings))
    return tmp_path


def measures(explained):
    return [(row.direction, row.measure) for row in explained.rows]


EVERY = [("BA", "accuracy"), ("BA", "layers"), ("AB", "accuracy"), ("AB", "layers")]


def test_only_what_is_missing_is_measured_and_counted(runs):
    assert measures(study.explain(runs, ["layers"])) == [
        ("BA", "layers"),
        ("AB", "layers"),
    ]
    TAKEN.clear()
    shown = []
    explained = study.explain(runs, progress=lambda *all: shown.append(all))
    assert TAKEN == [("BA", "accuracy"), ("AB", "accuracy")]
    assert measures(explained) == EVERY
    assert [each[1:3] for each in shown] == [(0, 2), (1, 2), (2, 2)]
    # Not known at first, though half of all was measured earlier.
    assert shown[0][3] is None and shown[1][3] is not None and shown[2][3] == 0
    # Fewer steps do not forget the others.
    TAKEN.clear()
    assert measures(study.explain(runs, ["layers"])) == EVERY
    assert TAKEN == []


def test_what_could_be_measured_is_shown_and_the_rest_tried_again(runs, monkeypatch):
    monkeypatch.setattr(Stub, "broken", [("BA", "accuracy"), ("BA", "layers")])
    explained = study.explain(runs)
    assert measures(explained) == EVERY
    # One sentence, though two steps need the same weights.
    assert explained.problems == ["no weights of BA: train again"]
    monkeypatch.setattr(Stub, "broken", ())
    TAKEN.clear()
    explained = study.explain(runs)
    assert explained.problems == [] and measures(explained) == EVERY
    assert TAKEN == [("BA", "accuracy"), ("BA", "layers")]


def test_fits_of_networks_that_were_trained_again_are_forgotten(runs):
    study.explain(runs)
    kept = kept_fits.path_of(runs, "random-0-baseA-s0_AB_0")
    kept_fits.keep(kept, {"baseA": []})
    study.explain(runs, ["layers"])
    assert kept_fits.read(kept) == {"baseA": ()}
    path = runs / "random-0-baseA-s0" / "record.json"
    fields = {**json.loads(path.read_text()), "weights_sha256": "e" * 64}
    path.write_text(json.dumps(fields))
    study.explain(runs, ["layers"])
    assert kept_fits.read(kept) == {}


def test_a_full_disk_ends_it_and_loses_nothing(runs, monkeypatch):
    def full(*unused):
        raise OSError(errno.ENOSPC, "No space left on device")

    study.explain(runs, ["accuracy"])
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(DiskFull, match="free some space"):
            study.explain(runs)
    TAKEN.clear()
    assert measures(study.explain(runs)) == EVERY
    assert TAKEN == [("BA", "layers"), ("AB", "layers")]


@pytest.mark.parametrize("damage", ["{", '{"digest": 3, "steps": []}', "[]"])
def test_a_damaged_file_of_kept_measures_is_measured_again(runs, damage):
    study.explain(runs)
    for kept in (runs / "explain").glob("*.json"):
        kept.write_text(damage)
    assert measures(study.explain(runs)) == EVERY
    assert len(TAKEN) == 8


def test_images_that_are_missing_or_others_are_refused(runs):
    described = runs / "dataset" / "dataset.json"
    fields = {**json.loads(described.read_text()), "fingerprint": "0" * 64}
    described.write_text(json.dumps(fields))
    with pytest.raises(UserError, match="found 000000000000: restore it, or choose"):
        study.explain(runs)
    (runs / "dataset").rename(runs / "moved")
    words = "found none: put the folder back .their source cannot be read either: .*no-"
    with pytest.raises(UserError, match=words):
        study.explain(runs)
    assert TAKEN == []
