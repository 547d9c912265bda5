"""Study folders: made once, refused when made with other settings."""

import dataclasses
import json

import fabricate
import numpy as np
import pytest

from yosinski_tf import records, study
from yosinski_tf.architectures import get_network
from yosinski_tf.data import image_set, sources
from yosinski_tf.errors import UserError
from yosinski_tf.recipes import Recipe

DATASET = {"spec": "embedded", "image_size": 32, "data_dir": None, "held_out": None}
NETWORK = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 8), dropout=0.5)
RECIPE = Recipe(steps=100, rate_drops=(70, 90))


def wanted(network=NETWORK, recipe=RECIPE, **dataset):
    return study.settings({**DATASET, **dataset}, network, recipe)


@pytest.fixture
def images():
    pixels = np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3)
    labels = np.array([0, 1, 0, 1])
    return image_set.make_image_set(
        "made up", ["cat", "cup"], None, (pixels, labels), (pixels, labels)
    )


@pytest.fixture
def load(monkeypatch, images):
    """Counts how often the source is read."""
    calls = []

    def load(spec, **options):
        calls.append((spec, options))
        return images

    monkeypatch.setattr(sources, "load", load)
    return calls


def test_settings_are_plain_json_values_of_all_three():
    values = wanted()
    assert values == json.loads(json.dumps(values))
    assert values["dataset"]["spec"] == "embedded"
    assert values["network"]["layers"][0]["filters"] == 4
    assert values["recipe"]["rate_drops"] == [70, 90]


def test_a_study_is_prepared_once_and_its_images_read_once(tmp_path, load, images):
    runs = tmp_path / "runs"
    study.check_folder(runs, wanted())
    first = study.load_images(runs, wanted())
    # Nothing is written until it is asked for.
    assert not runs.exists()
    study.prepare_folder(runs, wanted(), first)
    study.check_folder(runs, wanted())
    second = study.load_images(runs, wanted())
    assert second.fingerprint == images.fingerprint
    assert (second.train_images == images.train_images).all()
    assert len(load) == 1
    assert load[0][0] == "embedded"
    assert load[0][1]["image_size"] == 32
    assert json.loads((runs / "study.json").read_text()) == wanted()


def test_classes_are_told_without_reading_an_image(tmp_path, load, images):
    described, note = study.describe_images(tmp_path, wanted())
    assert (described.class_names[0], len(described.class_names)) == (
        "natural_flower_cloud",
        40,
    )
    assert described.num_images == 40 * 500
    assert set(described.families) == {"natural", "manmade"}
    assert note == "" and load == []
    study.prepare_folder(tmp_path, wanted(), images)
    stored, note = study.describe_images(tmp_path, wanted())
    assert stored == study.description_of(images)
    assert (stored.class_names, stored.num_images) == (("cat", "cup"), 4 + 4)


@pytest.mark.parametrize("spec", ["tfds:imagenet2012", "tfds:imagenet2012:5.1.0"])
def test_imagenet_is_known_where_it_is_not(tmp_path, spec):
    missing = wanted(spec=spec, data_dir=str(tmp_path))
    described, note = study.describe_images(tmp_path / "runs", missing)
    assert described.name == spec
    assert described.num_images == 1_281_167 + 50_000
    assert described.class_names[65:67] == ("n01751748", "n01753488")
    assert described.families.count("natural") == 449
    assert "no prepared data set" in note and "1,281,167 images" in note


@pytest.mark.parametrize("spec", ["tfds:imagenet2012_real", "tfds:cifar10", "folder:x"])
def test_other_data_must_be_there_to_be_described(tmp_path, spec):
    place = str(tmp_path) if spec.startswith("tfds") else None
    with pytest.raises(UserError, match="no prepared data set|no folder"):
        study.describe_images(tmp_path, wanted(spec=spec, data_dir=place))


def test_images_of_a_folder_that_was_not_finished_are_read_again(
    tmp_path, load, images
):
    study.prepare_folder(tmp_path, wanted(), images)
    (tmp_path / "study.json").unlink()
    study.load_images(tmp_path, wanted())
    assert len(load) == 1


def test_images_that_were_deleted_are_read_and_stored_again(tmp_path, load, images):
    study.prepare_folder(tmp_path, wanted(), images)
    (tmp_path / "dataset" / "dataset.json").unlink()
    found = study.load_images(tmp_path, wanted())
    study.prepare_folder(tmp_path, wanted(), found)
    study.load_images(tmp_path, wanted())
    assert len(load) == 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"spec": "embedded:1"}, "dataset.spec was 'embedded', now 'embedded:1'"),
        ({"held_out": 0.1}, "dataset.held_out was None, now 0.1"),
        (
            {"recipe": dataclasses.replace(RECIPE, steps=200)},
            "recipe.steps was 100, now 200",
        ),
        (
            {"recipe": dataclasses.replace(RECIPE, rate_drops=(70, 80))},
            r"recipe.rate_drops\[1\] was 90, now 80",
        ),
        (
            {"recipe": dataclasses.replace(RECIPE, rate_drops=())},
            r"recipe.rate_drops was \[70, 90\], now \[\]",
        ),
        (
            {"network": get_network("mini", widths=(4, 5, 4, 4, 4, 8, 8), dropout=0.5)},
            r"network.layers\[1\].filters was 4, now 5",
        ),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, images, changes, complaint):
    study.prepare_folder(tmp_path, wanted(), images)
    with pytest.raises(UserError, match=f"other settings: {complaint}: use"):
        study.check_folder(tmp_path, wanted(**changes))


def test_every_difference_is_named(tmp_path, images):
    study.prepare_folder(tmp_path, wanted(), images)
    other = wanted(
        recipe=dataclasses.replace(RECIPE, steps=200, momentum=0.5), held_out=0.25
    )
    with pytest.raises(UserError) as refusal:
        study.check_folder(tmp_path, other)
    for name in ("dataset.held_out", "recipe.steps", "recipe.momentum"):
        assert name in str(refusal.value)


def test_a_folder_of_runs_without_settings_is_refused(tmp_path):
    records.write_record(tmp_path, fabricate.record("A3B", 0.5))
    with pytest.raises(UserError, match="holds runs but no study.json"):
        study.check_folder(tmp_path, wanted())


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(UserError, match="--runs wants a folder, got the file"):
        study.check_folder(path, wanted())


@pytest.mark.parametrize("text", ["", "{", "\x00"])
def test_broken_settings_are_refused(tmp_path, text):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(UserError, match="cannot read .*study.json"):
        study.check_folder(tmp_path, wanted())


@pytest.mark.parametrize("text", ["[]", "3", "null", "{}"])
def test_settings_of_another_kind_are_refused(tmp_path, text):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(UserError, match="made with other settings"):
        study.check_folder(tmp_path, wanted())


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, images):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to the study folder"):
        study.prepare_folder(tmp_path / "file" / "runs", wanted(), images)


def test_finished_runs_by_their_ids(tmp_path):
    assert study.finished(tmp_path / "none") == {}
    record = fabricate.record("A3B", 0.5)
    records.write_record(tmp_path, record)
    (tmp_path / "random-0_A4B_seed0").mkdir()
    assert study.finished(tmp_path) == {record.run_id: record}
