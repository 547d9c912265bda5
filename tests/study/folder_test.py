"""Study folders: made once, and refused if they were made with other settings."""

import dataclasses
import json
import shutil

import fabricate
import numpy as np
import pytest
from commands import draw_folder
from PIL import Image
from refusals import assert_refused

from yosinski_tf.data.sources import by_name, image_set
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.machine.threads import Threads
from yosinski_tf.study.folder import (
    as_recorded,
    describe_images,
    description_of,
    load_images,
    make_study_folder,
)
from yosinski_tf.study.image_source import decoding_version, sign
from yosinski_tf.study.settings import (
    DataSource,
    check_folder,
    check_records,
    make_settings,
    moved_from,
    noted_learning_rate,
    noted_precision,
)
from yosinski_tf.system.errors import UserError

NETWORK = get_network("mini", widths=(4, 4, 4, 4, 4, 8, 8), dropout=0.5)
RECIPE = Recipe(steps=100, rate_drops=(70, 90))


def wanted(network=NETWORK, recipe=RECIPE, threads=None, **data):
    source = DataSource(**{"spec": "embedded", "image_size": 32, **data})
    return make_settings(source, network, recipe, threads)


def recipe(**changes):
    return dataclasses.replace(RECIPE, **changes)


@pytest.fixture
def images():
    pixels = np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3)
    labels = np.array([0, 1, 0, 1])
    return image_set.make_image_set(
        "made up", ["cat", "cup"], None, (pixels, labels), (pixels, labels)
    )


@pytest.fixture
def study(tmp_path, images):
    """A study folder, made when its source had the signature `looks`."""
    make_study_folder(tmp_path, wanted(), images, "looks")
    return tmp_path


@pytest.fixture
def load(monkeypatch, images):
    """The calls that read the source."""
    calls = []

    def load(spec, **options):
        calls.append((spec, options))
        return images

    monkeypatch.setattr(by_name, "load", load)
    return calls


def test_settings_are_stored_in_this_form():
    values = wanted(threads=2).to_json()
    assert json.dumps(values["dataset"]) == (
        '{"spec": "embedded", "image_size": 32, "data_dir": null, "held_out": null}'
    )
    assert values["network"] == json.loads(json.dumps(NETWORK.settings()))
    assert values["recipe"] == json.loads(json.dumps(RECIPE.settings()))
    assert list(values) == [
        *(
            "dataset",
            "network",
            "recipe",
            "threads",
            "threads_per_operation",
            "train_per_class",
        )
    ]
    assert (values["threads"], values["threads_per_operation"]) == (2, None)


def test_a_study_folder_is_made_once_and_its_images_are_read_once(
    tmp_path, load, images
):
    runs = tmp_path / "runs"
    check_folder(runs, wanted())
    first = load_images(runs, wanted())
    assert not runs.exists()
    make_study_folder(runs, wanted(), first)
    check_folder(runs, wanted())
    second = load_images(runs, wanted())
    assert second.fingerprint == images.fingerprint
    assert (second.train_images == images.train_images).all()
    assert len(load) == 1
    assert load[0][0] == "embedded"
    assert load[0][1]["image_size"] == 32
    assert json.loads((runs / "study.json").read_text()) == wanted().to_json()
    assert check_folder(runs, wanted()) == wanted()
    assert noted_precision(runs) == "float32"
    assert noted_learning_rate(runs) == 0.005


def test_a_data_set_is_described_without_reading_an_image(tmp_path, load, images):
    described, note = describe_images(tmp_path, wanted())
    assert described.class_names[0] == "natural_flower_cloud"
    assert len(described.class_names) == 40
    assert described.num_images == 40 * 500
    assert set(described.families) == {"natural", "manmade"}
    assert note == "" and load == []
    make_study_folder(tmp_path, wanted(), images)
    stored, note = describe_images(tmp_path, wanted())
    assert stored == description_of(images)
    assert (stored.class_names, stored.num_images) == (("cat", "cup"), 4 + 4)


@pytest.mark.parametrize("spec", ["tfds:imagenet2012", "tfds:imagenet2012:5.1.0"])
def test_imagenet_is_described_though_it_is_not_there(tmp_path, spec):
    missing = wanted(spec=spec, data_dir=str(tmp_path))
    described, note = describe_images(tmp_path / "runs", missing)
    assert described.name == spec
    assert described.num_images == 1_281_167 + 50_000
    assert described.class_names[65:67] == ("n01751748", "n01753488")
    assert described.families.count("natural") == 449
    assert "make a store of it" in note and "1,281,167 images" in note


@pytest.mark.parametrize("spec", ["tfds:imagenet2012_real", "tfds:cifar10", "folder:x"])
def test_other_data_sets_must_be_there_to_be_described(tmp_path, spec):
    place = str(tmp_path) if spec.startswith("tfds") else None
    with pytest.raises(UserError, match="no prepared data set|no folder"):
        describe_images(tmp_path, wanted(spec=spec, data_dir=place))


def _made_by_an_earlier_version(runs):
    path = runs / "dataset" / "dataset.json"
    fields = json.loads(path.read_text())
    del fields["decoding_version"]
    path.write_text(json.dumps(fields))


def test_photographs_of_an_earlier_version_stay_and_are_said_to_be_unturned(
    tmp_path, images
):
    settings = wanted(spec="folder:X", held_out=0.5)
    make_study_folder(tmp_path, settings, images, "looks")
    assert describe_images(tmp_path, settings)[1] == ""
    assert decoding_version(tmp_path) == 2
    _made_by_an_earlier_version(tmp_path)
    assert decoding_version(tmp_path) == 1
    note = describe_images(tmp_path, settings)[1]
    assert note.startswith("Note: of folder:") and "read by an earlier" in note
    assert "they are not turned upright" in note
    stored = load_images(tmp_path, settings, "looks")
    assert (stored.train_images == images.train_images).all()


def test_drawn_images_of_an_earlier_version_need_no_note(study):
    _made_by_an_earlier_version(study)
    assert describe_images(study, wanted())[1] == ""


def test_images_that_an_earlier_version_read_cannot_be_compared(
    study, monkeypatch, images
):
    _made_by_an_earlier_version(study)
    other = dataclasses.replace(images, fingerprint="e" * 64)
    monkeypatch.setattr(by_name, "load", lambda **unused: other)
    with pytest.raises(UserError, match="earlier version read, since photographs are"):
        load_images(study, wanted(), "touched")
    monkeypatch.setattr(by_name, "load", lambda **unused: images)
    assert load_images(study, wanted(), "touched").decoding_version == 1


def test_without_a_study_s_images_the_version_is_the_present_one(tmp_path):
    assert decoding_version(tmp_path) == 2


@pytest.mark.parametrize("lost", ["study.json", "dataset/dataset.json"])
def test_images_of_a_folder_that_is_not_complete_are_read_again(study, load, lost):
    (study / lost).unlink()
    found = load_images(study, wanted())
    assert len(load) == 1
    make_study_folder(study, wanted(), found)
    load_images(study, wanted())
    assert len(load) == 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"spec": "embedded:1"}, "dataset.spec was 'embedded', now 'embedded:1'"),
        ({"held_out": 0.1}, "dataset.held_out was None, now 0.1"),
        ({"recipe": recipe(steps=200)}, "recipe.steps was 100, now 200"),
        (
            {"recipe": recipe(rate_drops=(70, 80))},
            r"recipe.rate_drops\[1\] was 90, now 80",
        ),
        (
            {"recipe": recipe(rate_drops=())},
            r"recipe.rate_drops was \[70, 90\], now \[\]",
        ),
        (
            {"network": get_network("mini", widths=(4, 5, 4, 4, 4, 8, 8), dropout=0.5)},
            r"network.layers\[1\].filters was 4, now 5",
        ),
        (
            {"recipe": recipe(steps=200, momentum=0.5), "held_out": 0.25},
            "dataset.held_out was None, now 0.25; recipe.momentum was 0.9, now 0.5;"
            " recipe.steps was 100, now 200",
        ),
    ],
)
def test_every_difference_in_settings_is_named(study, changes, complaint):
    with pytest.raises(UserError, match=f"other settings: {complaint}: use"):
        check_folder(study, wanted(**changes))


@pytest.mark.parametrize("text", ["", "{", "\x00", "[]", "3", "null", "{}"])
def test_broken_settings_are_refused(tmp_path, text):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(UserError, match="cannot read .*study.json .*: choose another"):
        check_folder(tmp_path, wanted())
    assert noted_precision(tmp_path) is None


def test_a_folder_keeps_its_number_of_threads(tmp_path, images):
    held = make_study_folder(tmp_path, wanted(), images, threads=Threads(3, 1))
    assert held.threads == Threads(3, 1)
    # A later process that shares the cores with others.
    assert make_study_folder(tmp_path, wanted(), images, threads=Threads(1, 1)) == held
    assert check_folder(tmp_path, wanted()) == held
    assert check_folder(tmp_path, wanted(threads=3)) == held
    with pytest.raises(UserError, match="other settings: threads was 3, now 2: use"):
        check_folder(tmp_path, wanted(threads=2))


def test_a_given_number_of_threads_is_used(tmp_path, images):
    settings = wanted(threads=2)
    held = make_study_folder(tmp_path, settings, images, threads=Threads(1, 1))
    assert held.threads == Threads(2, 1)


def made_without(name, folder, images):
    """A study folder of three threads whose settings lack a name."""
    make_study_folder(folder, wanted(), images, threads=Threads(3, 1))
    path = folder / "study.json"
    stored = json.loads(path.read_text())
    del stored[name]
    path.write_text(json.dumps(stored))
    return folder


def test_threads_of_earlier_versions_share_all_operations(tmp_path, images):
    made = made_without("threads_per_operation", tmp_path, images)
    assert check_folder(made, wanted()).threads == Threads(3, 3)
    # A process that goes on with the folder does not change that.
    held = make_study_folder(made, wanted(), images, threads=Threads(2, 1))
    assert held.threads == Threads(3, 3)


def test_settings_without_threads_are_of_another_version(tmp_path, images):
    made = made_without("threads", tmp_path, images)
    assert_refused(r"missing fields \['threads'\]", check_folder, made, wanted())


@pytest.mark.parametrize(
    "place", ["data", "./data/", "{0}/data", "{0}/link", "x/../data"]
)
def test_one_folder_of_images_may_be_spelled_in_many_ways(
    tmp_path, monkeypatch, images, place
):
    (tmp_path / "data").mkdir()
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    make_study_folder(tmp_path / "runs", wanted(spec="folder:data"), images)
    here = wanted(spec=f"folder:{place.format(tmp_path)}")
    assert check_folder(tmp_path / "runs", here) == here == wanted(spec="folder:data")
    assert moved_from(tmp_path / "runs", here) is None
    # What is loaded, and what records say, is the name that the user gave.
    assert here.data_as_named.spec == f"folder:{place.format(tmp_path)}"


def test_the_seed_of_the_embedded_images_may_be_left_out():
    assert wanted(spec="embedded:0") == wanted() != wanted(spec="embedded:1")


def test_a_source_with_the_same_signature_is_not_read_again(study, load):
    load_images(study, wanted(), "looks")
    # Nor is a source that does not exist any more.
    load_images(study, wanted(), None)
    assert load == []


def test_a_source_with_another_signature_is_read_again_once(study, load):
    found = load_images(study, wanted(), "changed")
    assert len(load) == 1
    make_study_folder(study, wanted(), found, "changed")
    for known in ("looks", "changed"):
        load_images(study, wanted(), known)
    assert len(load) == 1


def test_a_source_that_has_changed_is_refused_though_its_images_are_stored(
    study, monkeypatch, images
):
    before = {path: path.read_bytes() for path in study.rglob("*.*")}
    other = dataclasses.replace(images, fingerprint="e" * 64)
    monkeypatch.setattr(by_name, "load", lambda **unused: other)
    with pytest.raises(UserError, match="has changed since the study folder .* eeeeee"):
        load_images(study, wanted(), "changed")
    assert {path: path.read_bytes() for path in study.rglob("*.*")} == before
    # Also if another process has made the folder since the images were read.
    assert_refused("has changed", make_study_folder, study, wanted(), other, "changed")


def test_a_folder_that_another_process_has_made_must_be_the_same(study, images):
    with pytest.raises(UserError, match="recipe.steps was 100, now 200"):
        make_study_folder(study, wanted(recipe=recipe(steps=200)), images)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A study folder of images in `here`."""
    draw_folder(tmp_path / "here", 4)
    here = wanted(spec=f"folder:{tmp_path}/here", image_size=16)
    found = load_images(tmp_path / "runs", here)
    make_study_folder(tmp_path / "runs", here, found, sign(here))
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
    """Starts again with the images at some place."""
    there = wanted(spec=f"folder:{place}", image_size=16)
    check_folder(runs, there)
    describe_images(runs, there)
    signed = sign(there)
    images = load_images(runs, there, signed)
    make_study_folder(runs, there, images, signed)
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
    # The new place need not exist any more, as the first one need not.
    shutil.rmtree(tmp_path / "mount")
    images = load_images(made, wanted(spec=f"folder:{tmp_path}/mount", image_size=16))
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
    assert_refused("no folder .*/nowhere", _again, made, tmp_path / "nowhere")
    assert {path: path.read_bytes() for path in made.rglob("*.*")} == before


def test_names_in_another_unicode_form_elsewhere_are_refused_as_such(tmp_path):
    names = {"class0": "O\u0308l", "class1": "ant"}  # as a Mac writes them
    draw_folder(tmp_path / "mac", 2)
    for part in ("train", "val"):
        for name, other in names.items():
            (tmp_path / "mac" / part / name).rename(tmp_path / "mac" / part / other)
    shutil.copytree(tmp_path / "mac", tmp_path / "other")
    for part in ("train", "val"):
        folder = tmp_path / "other" / part
        (folder / "O\u0308l").rename(folder / "\xd6l")
    runs = tmp_path / "runs"
    _again(runs, tmp_path / "mac")
    words = "the accents in its class names are written in another Unicode form"
    assert_refused(words, _again, runs, tmp_path / "other")


def test_a_folder_is_no_substitute_for_another_kind_of_source(made):
    with pytest.raises(UserError, match="dataset.spec was 'folder:.*, now 'embedded'"):
        check_folder(made, wanted(image_size=16))


def test_notes_of_a_source_that_are_too_deep_are_no_notes(made, tmp_path):
    (made / "dataset" / "source.json").write_text("[" * 100_000)
    _again(made, tmp_path / "here")


CLASSES = [f"class{index}" for index in range(8)]
SETTINGS = wanted().to_json()


def recorded(split, **changes):
    return fabricate.record(
        "A3B",
        0.5,
        split.name,
        **{
            "split_digest": split.digest,
            "recipe": SETTINGS["recipe"],
            "network_settings": SETTINGS["network"],
            "threads": 2,
            **changes,
        },
    )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"recipe": {**SETTINGS["recipe"], "steps": 7}}, "recipe.steps was 100, now 7"),
        ({"network_settings": {}}, "network.layers was"),
        ({"threads": 1}, "threads was 2, now 1"),
        ({"split_digest": "d" * 64}, "the split random:0 have changed .* dddddd"),
    ],
)
def test_records_of_something_else_are_refused(changes, complaint):
    split = make_split("random:0", CLASSES)
    settings = wanted(threads=2)
    check_records([recorded(split)], settings, [split])
    with pytest.raises(UserError, match=complaint):
        check_records([recorded(split, **changes)], settings, [split])


def test_a_split_file_is_known_by_its_halves_and_not_by_its_place(tmp_path):
    def halves(path, first):
        rest = [name for name in CLASSES if name not in first]
        path.write_text("\n".join(["[A]", *first, "[B]", *rest]))
        return make_split(f"file:{path}", CLASSES)

    one = halves(tmp_path / "one.txt", CLASSES[:4])
    record = recorded(one)
    moved = halves(tmp_path / "two.txt", CLASSES[:4])
    assert as_recorded(moved, [record]) == one
    changed = halves(tmp_path / "one.txt", CLASSES[1:5])
    assert as_recorded(changed, [record]) == changed
    with pytest.raises(
        UserError, match="halves of the split file:.*one.txt have changed"
    ):
        check_records([record], wanted(threads=2), [changed])
