"""Study folders: made once, refused when made with other settings."""

import dataclasses
import json
import shutil

import fabricate
import numpy as np
import pytest
from commands import draw_folder
from PIL import Image

from yosinski_tf.data.sources import by_name, image_set
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.machine.threads import Threads
from yosinski_tf.study import folder as study_folder
from yosinski_tf.study import records
from yosinski_tf.system.errors import UserError

DATASET = {"spec": "embedded", "image_size": 32, "data_dir": None, "held_out": None}
NETWORK = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 8), dropout=0.5)
RECIPE = Recipe(steps=100, rate_drops=(70, 90))


def wanted(network=NETWORK, recipe=RECIPE, threads=None, **dataset):
    return study_folder.settings({**DATASET, **dataset}, network, recipe, threads)


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

    monkeypatch.setattr(by_name, "load", load)
    return calls


def test_settings_are_plain_json_values_of_all_three():
    values = wanted()
    assert values == json.loads(json.dumps(values))
    assert values["dataset"]["spec"] == "embedded"
    assert values["network"]["layers"][0]["filters"] == 4
    assert values["recipe"]["rate_drops"] == [70, 90]


def test_a_study_is_prepared_once_and_its_images_read_once(tmp_path, load, images):
    runs = tmp_path / "runs"
    study_folder.check_folder(runs, wanted())
    first = study_folder.load_images(runs, wanted())
    # Nothing is written until it is asked for.
    assert not runs.exists()
    study_folder.make_study_folder(runs, wanted(), first)
    study_folder.check_folder(runs, wanted())
    second = study_folder.load_images(runs, wanted())
    assert second.fingerprint == images.fingerprint
    assert (second.train_images == images.train_images).all()
    assert len(load) == 1
    assert load[0][0] == "embedded"
    assert load[0][1]["image_size"] == 32
    assert json.loads((runs / "study.json").read_text()) == wanted()
    assert study_folder.check_folder(runs, wanted()) == wanted()


def test_classes_are_told_without_reading_an_image(tmp_path, load, images):
    described, note = study_folder.describe_images(tmp_path, wanted())
    assert (described.class_names[0], len(described.class_names)) == (
        "natural_flower_cloud",
        40,
    )
    assert described.num_images == 40 * 500
    assert set(described.families) == {"natural", "manmade"}
    assert note == "" and load == []
    study_folder.make_study_folder(tmp_path, wanted(), images)
    stored, note = study_folder.describe_images(tmp_path, wanted())
    assert stored == study_folder.description_of(images)
    assert (stored.class_names, stored.num_images) == (("cat", "cup"), 4 + 4)


@pytest.mark.parametrize("spec", ["tfds:imagenet2012", "tfds:imagenet2012:5.1.0"])
def test_imagenet_is_known_where_it_is_not(tmp_path, spec):
    missing = wanted(spec=spec, data_dir=str(tmp_path))
    described, note = study_folder.describe_images(tmp_path / "runs", missing)
    assert described.name == spec
    assert described.num_images == 1_281_167 + 50_000
    assert described.class_names[65:67] == ("n01751748", "n01753488")
    assert described.families.count("natural") == 449
    assert "make a store of it" in note and "1,281,167 images" in note


@pytest.mark.parametrize("spec", ["tfds:imagenet2012_real", "tfds:cifar10", "folder:x"])
def test_other_data_must_be_there_to_be_described(tmp_path, spec):
    place = str(tmp_path) if spec.startswith("tfds") else None
    with pytest.raises(UserError, match="no prepared data set|no folder"):
        study_folder.describe_images(tmp_path, wanted(spec=spec, data_dir=place))


def test_images_of_a_folder_that_was_not_finished_are_read_again(
    tmp_path, load, images
):
    study_folder.make_study_folder(tmp_path, wanted(), images)
    (tmp_path / "study.json").unlink()
    study_folder.load_images(tmp_path, wanted())
    assert len(load) == 1


def test_images_that_were_deleted_are_read_and_stored_again(tmp_path, load, images):
    study_folder.make_study_folder(tmp_path, wanted(), images)
    (tmp_path / "dataset" / "dataset.json").unlink()
    found = study_folder.load_images(tmp_path, wanted())
    study_folder.make_study_folder(tmp_path, wanted(), found)
    study_folder.load_images(tmp_path, wanted())
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
    study_folder.make_study_folder(tmp_path, wanted(), images)
    with pytest.raises(UserError, match=f"other settings: {complaint}: use"):
        study_folder.check_folder(tmp_path, wanted(**changes))


def test_every_difference_is_named(tmp_path, images):
    study_folder.make_study_folder(tmp_path, wanted(), images)
    other = wanted(
        recipe=dataclasses.replace(RECIPE, steps=200, momentum=0.5), held_out=0.25
    )
    with pytest.raises(UserError) as refusal:
        study_folder.check_folder(tmp_path, other)
    for name in ("dataset.held_out", "recipe.steps", "recipe.momentum"):
        assert name in str(refusal.value)


def test_a_folder_of_runs_without_settings_is_refused(tmp_path):
    records.write_record(tmp_path, fabricate.record("A3B", 0.5))
    with pytest.raises(UserError, match="holds runs but no study.json"):
        study_folder.check_folder(tmp_path, wanted())


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(UserError, match="--runs wants a folder, got the file"):
        study_folder.check_folder(path, wanted())


@pytest.mark.parametrize("text", ["", "{", "\x00"])
def test_broken_settings_are_refused(tmp_path, text):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(UserError, match="cannot read .*study.json"):
        study_folder.check_folder(tmp_path, wanted())


@pytest.mark.parametrize("text", ["[]", "3", "null", "{}"])
def test_settings_of_another_kind_are_refused(tmp_path, text):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(UserError, match="made with other settings"):
        study_folder.check_folder(tmp_path, wanted())


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, images):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to the study folder"):
        study_folder.make_study_folder(tmp_path / "file" / "runs", wanted(), images)


def test_finished_runs_by_their_ids(tmp_path):
    assert study_folder.finished(tmp_path / "none") == {}
    record = fabricate.record("A3B", 0.5)
    records.write_record(tmp_path, record)
    (tmp_path / "random-0_A4B_seed0").mkdir()
    assert study_folder.finished(tmp_path) == {record.run_id: record}


def test_the_number_of_threads_is_the_folders_for_good(tmp_path, images):
    held = study_folder.make_study_folder(
        tmp_path, wanted(), images, threads=Threads(3, 1)
    )
    assert (held["threads"], held["threads_per_operation"]) == (3, 1)
    # Whoever comes later, with other processes to share the cores among.
    again = study_folder.make_study_folder(
        tmp_path, wanted(), images, threads=Threads(1, 1)
    )
    assert again == held
    assert study_folder.check_folder(tmp_path, wanted())["threads"] == 3
    assert study_folder.check_folder(tmp_path, wanted(threads=3))["threads"] == 3
    with pytest.raises(UserError, match="other settings: threads was 3, now 2: use"):
        study_folder.check_folder(tmp_path, wanted(threads=2))


def test_threads_that_are_given_are_taken(tmp_path, images):
    settings = wanted(threads=2)
    held = study_folder.make_study_folder(
        tmp_path, settings, images, threads=Threads(1, 1)
    )
    assert held["threads"] == 2


def made_without(name, folder, images):
    """A study folder of three threads whose settings lack a name."""
    study_folder.make_study_folder(folder, wanted(), images, threads=Threads(3, 1))
    path = folder / "study.json"
    stored = json.loads(path.read_text())
    del stored[name]
    path.write_text(json.dumps(stored))
    return folder


def test_threads_of_earlier_versions_share_all_operations(tmp_path, images):
    made = made_without("threads_per_operation", tmp_path, images)
    assert study_folder.check_folder(made, wanted())["threads_per_operation"] == 3
    # Nor does whoever goes on with the folder change that.
    held = study_folder.make_study_folder(made, wanted(), images, threads=Threads(2, 1))
    assert held["threads_per_operation"] == 3


def test_settings_without_threads_are_of_another_version(tmp_path, images):
    made = made_without("threads", tmp_path, images)
    with pytest.raises(UserError, match="threads were not noted by the version"):
        study_folder.check_folder(made, wanted())


@pytest.mark.parametrize(
    "place", ["data", "./data/", "{0}/data", "{0}/link", "x/../data"]
)
def test_one_folder_of_images_may_be_spelled_in_many_ways(
    tmp_path, monkeypatch, images, place
):
    (tmp_path / "data").mkdir()
    (tmp_path / "x").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    study_folder.make_study_folder(
        tmp_path / "runs", wanted(spec="folder:data"), images
    )
    spec = f"folder:{place.format(tmp_path)}"
    study_folder.check_folder(tmp_path / "runs", wanted(spec=spec))
    assert not study_folder.moved_from(tmp_path / "runs", wanted(spec=spec))


def test_the_seed_of_the_embedded_images_may_be_left_out(tmp_path, images):
    study_folder.make_study_folder(tmp_path, wanted(), images)
    study_folder.check_folder(tmp_path, wanted(spec="embedded:0"))


def test_a_source_that_looks_as_it_did_is_not_read_again(tmp_path, load, images):
    study_folder.make_study_folder(tmp_path, wanted(), images, "looks")
    study_folder.load_images(tmp_path, wanted(), "looks")
    # Nor is one that is gone: the images are here.
    study_folder.load_images(tmp_path, wanted(), None)
    assert load == []


def test_a_source_that_looks_different_is_read_again_once(tmp_path, load, images):
    study_folder.make_study_folder(tmp_path, wanted(), images, "looks")
    found = study_folder.load_images(tmp_path, wanted(), "changed")
    assert len(load) == 1
    study_folder.make_study_folder(tmp_path, wanted(), found, "changed")
    for known in ("looks", "changed"):
        study_folder.load_images(tmp_path, wanted(), known)
    assert len(load) == 1


def test_a_source_that_has_changed_is_refused_though_its_images_are_stored(
    tmp_path, monkeypatch, images
):
    study_folder.make_study_folder(tmp_path, wanted(), images, "looks")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    other = dataclasses.replace(images, fingerprint="e" * 64)
    monkeypatch.setattr(by_name, "load", lambda **unused: other)
    with pytest.raises(UserError, match="has changed since the study folder .* eeeeee"):
        study_folder.load_images(tmp_path, wanted(), "changed")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
    # Neither by a process that read it before another one made the folder.
    with pytest.raises(UserError, match="has changed"):
        study_folder.make_study_folder(tmp_path, wanted(), other, "changed")


def test_a_folder_made_by_another_process_meanwhile_must_be_the_same(tmp_path, images):
    study_folder.make_study_folder(tmp_path, wanted(), images)
    other = wanted(recipe=dataclasses.replace(RECIPE, steps=200))
    with pytest.raises(UserError, match="recipe.steps was 100, now 200"):
        study_folder.make_study_folder(tmp_path, other, images)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A study folder of images in `here`."""
    draw_folder(tmp_path / "here", 4)
    here = wanted(spec=f"folder:{tmp_path}/here", image_size=16)
    found = study_folder.load_images(tmp_path / "runs", here)
    study_folder.make_study_folder(
        tmp_path / "runs", here, found, study_folder.sign(here)
    )
    return tmp_path / "runs"


def _read(monkeypatch):
    read = []
    real = by_name.load

    def load(spec, **options):
        read.append(spec)
        return real(spec, **options)

    monkeypatch.setattr(by_name, "load", load)
    return read


def _again(runs, place):
    """What a start does whose images are at some place."""
    there = wanted(spec=f"folder:{place}", image_size=16)
    study_folder.check_folder(runs, there)
    study_folder.describe_images(runs, there)
    signed = study_folder.sign(there)
    images = study_folder.load_images(runs, there, signed)
    study_folder.make_study_folder(runs, there, images, signed)
    return images


def test_a_folder_of_images_may_be_moved(made, tmp_path, monkeypatch):
    read = _read(monkeypatch)
    (tmp_path / "here").rename(tmp_path / "there")
    settings = (made / "study.json").read_bytes()
    found = _again(made, tmp_path / "there")
    # Files of the same names, sizes and times are not read again.
    assert read == [] and found.name == f"folder:{tmp_path}/here"
    assert (made / "study.json").read_bytes() == settings


def test_the_same_images_elsewhere_are_read_once_and_their_place_noted(
    made, tmp_path, monkeypatch
):
    read = _read(monkeypatch)
    draw_folder(tmp_path / "mount", 4)
    _again(made, tmp_path / "mount")
    assert read == [f"folder:{tmp_path}/mount"]
    _again(made, tmp_path / "mount")
    _again(made, tmp_path / "here")
    # Gone, it is not missed any more than the first place is.
    shutil.rmtree(tmp_path / "mount")
    images = study_folder.load_images(
        made, wanted(spec=f"folder:{tmp_path}/mount", image_size=16)
    )
    assert len(read) == 1 and images.name == f"folder:{tmp_path}/here"


def test_other_images_elsewhere_are_refused_naming_both_places(made, tmp_path):
    before = {path: path.read_bytes() for path in made.rglob("*.*")}
    for name, classes in (("other", 5), ("pixels", 4)):
        draw_folder(tmp_path / name, classes)
        if name == "pixels":
            black = Image.fromarray(np.zeros((16, 16, 3), np.uint8))
            black.save(tmp_path / name / "train" / "class0" / "0.png")
        with pytest.raises(UserError) as caught:
            _again(made, tmp_path / name)
        text = str(caught.value)
        assert f"{tmp_path}/{name} " in text and f"{tmp_path}/here" in text
        assert "name a folder with the same images" in text
        assert "choose another --runs folder" in text
    # A place that is not there is no such place.
    with pytest.raises(UserError, match="no folder .*/nowhere"):
        _again(made, tmp_path / "nowhere")
    assert {path: path.read_bytes() for path in made.rglob("*.*")} == before


def test_a_folder_is_no_substitute_for_another_kind_of_source(made):
    with pytest.raises(UserError, match="dataset.spec was 'folder:.*, now 'embedded'"):
        study_folder.check_folder(made, wanted(image_size=16))


def test_notes_of_a_source_that_are_too_deep_are_no_notes(made, tmp_path):
    (made / "dataset" / "source.json").write_text("[" * 100_000)
    _again(made, tmp_path / "here")


CLASSES = [f"class{index}" for index in range(8)]


def recorded(split, **changes):
    return fabricate.record(
        "A3B",
        0.5,
        split.name,
        **{
            "split_digest": split.digest,
            "recipe": wanted()["recipe"],
            "network_settings": wanted()["network"],
            "threads": 2,
            **changes,
        },
    )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"recipe": {**wanted()["recipe"], "steps": 7}}, "recipe.steps was 100, now 7"),
        ({"network_settings": {}}, "network.layers was"),
        ({"threads": 1}, "threads was 2, now 1"),
        ({"split_digest": "d" * 64}, "split random:0 has other classes .* dddddd"),
    ],
)
def test_records_of_something_else_are_refused(changes, complaint):
    split = make_split("random:0", CLASSES)
    settings = wanted(threads=2)
    study_folder.check_records([recorded(split)], settings, [split])
    with pytest.raises(UserError, match=complaint):
        study_folder.check_records([recorded(split, **changes)], settings, [split])


def test_a_split_file_is_known_by_its_halves_and_not_by_its_place(tmp_path):
    def halves(path, first):
        rest = [name for name in CLASSES if name not in first]
        path.write_text("\n".join(["[A]", *first, "[B]", *rest]))
        return make_split(f"file:{path}", CLASSES)

    one = halves(tmp_path / "one.txt", CLASSES[:4])
    record = recorded(one)
    moved = halves(tmp_path / "two.txt", CLASSES[:4])
    assert study_folder.as_recorded(moved, [record]) == one
    changed = halves(tmp_path / "one.txt", CLASSES[1:5])
    assert study_folder.as_recorded(changed, [record]) == changed
    with pytest.raises(UserError, match="one.txt has other classes in its halves than"):
        study_folder.check_records([record], wanted(threads=2), [changed])
