"""Halves of the classes: the authors' own, and the user's."""

import dataclasses
import hashlib
import importlib.util
import json
import pathlib

import pytest
from refusals import assert_refused

from yosinski_tf.experiment import ilsvrc
from yosinski_tf.experiment.splits import make_split, read_halves

WNIDS = tuple(ilsvrc.class_families())
PETS = ("ant", "bee", "cat", "dog", "eel")

# MD5 of the authors' lists of validation images and labels, halves A and B.
RELEASED = {
    "random:0": "2f10009e20d77eb7007cf70674958b94 cce39b383d681345c873faf2c0c28d33",
    "random:1": "9ab48b6420504e32ff4498e7d8569f8b 57522f5e2aa69547846089f5197c8a6b",
    "random:2": "03d05b6565ab9176baccdd05d746bfd1 18de8b37378e07e60dc602b6130eeeb2",
    "random:3": "46086440ddde128f169f23331998499d e5f9f0895fd0d49a8ac0b804ec891282",
    "natural_manmade": (
        "4fb63c72229ba07106a558127192cb9f f03be5732fb6bc7928ee53397b043613"
    ),
}
FAMILIES = ("natural", "manmade", "natural", "manmade", "natural")


def tfds_imagenet(name):
    # The package is located, not imported: that would import TensorFlow.
    package = importlib.util.find_spec("tensorflow_datasets")
    folder = pathlib.Path(package.submodule_search_locations[0])
    return (folder / "datasets/imagenet2012" / name).read_text().split()


def test_ilsvrc_classes():
    assert list(WNIDS) == tfds_imagenet("labels.txt")
    assert list(WNIDS) == sorted(set(WNIDS))
    families = ilsvrc.families(WNIDS)
    assert families.count("natural") == 449
    assert families.count("manmade") == 551
    # Only WordNet ids have families.
    assert ilsvrc.families(["n04550184", "n01440764"]) == ("manmade", "natural")
    assert ilsvrc.families(["n01440764", "tench"]) is None


@pytest.mark.parametrize("half", ["A", "B"])
@pytest.mark.parametrize("spec", list(RELEASED))
def test_halves_are_the_authors_own(spec, half):
    classes = make_split(spec, WNIDS).classes(half)
    new_label = {WNIDS[index]: label for label, index in enumerate(classes)}
    lines = [
        f"ILSVRC2012_val_{number:08d}.JPEG {new_label[wnid]}\n"
        for number, wnid in enumerate(tfds_imagenet("validation_labels.txt"), 1)
        if wnid in new_label
    ]
    digest = hashlib.md5("".join(lines).encode()).hexdigest()
    assert digest == RELEASED[spec].split()["AB".index(half)]


def test_random_split_of_few_classes():
    split = make_split("random:4", PETS)
    assert (split.half_a, split.half_b) == ((0, 2), (1, 3, 4))
    assert split.classes("A") == (0, 2)
    assert split.classes("B") == (1, 3, 4)
    assert split.classes("W") == (0, 1, 2, 3, 4)
    assert split.name == "random:4"
    assert_refused("needs to be A, B or W, found 'C'", split.classes, "C")


def test_split_is_a_value():
    split = make_split("random:0", PETS)
    assert hash(split) == hash(make_split("random:0", PETS))
    with pytest.raises(dataclasses.FrozenInstanceError):
        split.name = "other"


def test_natural_and_manmade_take_either_role():
    natural_first = make_split("natural_manmade", PETS, FAMILIES)
    manmade_first = make_split("manmade_natural", PETS, FAMILIES)
    assert natural_first.half_a == manmade_first.half_b == (0, 2, 4)
    assert natural_first.half_b == manmade_first.half_a == (1, 3)
    assert natural_first.digest != manmade_first.digest


def test_given_families_win_over_the_ilsvrc_lists():
    four = WNIDS[:4]  # all natural by the lists
    families = ("manmade", "manmade", "natural", "natural")
    assert make_split("natural_manmade", four, families).half_a == (2, 3)


def test_whole():
    split = make_split("whole", ("ant", "bee"))
    assert (split.half_a, split.half_b) == ((), ())
    assert split.classes("W") == (0, 1)
    assert_refused("split whole has no half A: choose another", split.classes, "A")


def test_first_examples_of_every_class():
    split = make_split("first:250", PETS)
    assert (split.name, split.slug) == ("first:250", "first-250")
    assert split.examples_per_class == 250
    assert split.classes("W") == (0, 1, 2, 3, 4)
    assert_refused("split first:250 has no half B: choose", split.classes, "B")
    assert make_split("whole", PETS).examples_per_class is None
    assert make_split("random:0", PETS).examples_per_class is None


def test_digest_of_first_examples_depends_on_their_number():
    names = b'{"W":["ant","bee","cat","dog","eel"],"first":%d}'
    for count in (1, 250):
        digest = hashlib.sha256(names % count).hexdigest()
        assert make_split(f"first:{count}", PETS).digest == digest


def test_halves_of_the_first_images():
    whole, half = (
        make_split(spec, PETS, train_per_class=30) for spec in ("whole", "random:0")
    )
    assert (whole.name, half.name) == ("whole", "random:0")
    assert whole.examples_per_class == half.examples_per_class == 30
    names = b'{"W":["ant","bee","cat","dog","eel"],"first":30}'
    assert whole.digest == hashlib.sha256(names).hexdigest()
    every = make_split("random:0", PETS)
    assert (half.half_a, half.half_b) == (every.half_a, every.half_b)
    names = {"A": [PETS[i] for i in half.half_a], "B": [PETS[i] for i in half.half_b]}
    text = json.dumps({**names, "first": 30}, separators=(",", ":"))
    assert half.digest == hashlib.sha256(text.encode()).hexdigest()
    assert_refused(
        "first:2 takes a number of training images",
        make_split,
        "first:2",
        PETS,
        None,
        9,
    )


def test_leading_zeros_change_nothing_and_the_largest_seed_is_taken():
    assert make_split("random:004", PETS) == make_split("random:4", PETS)
    assert make_split("first:0025", PETS) == make_split("first:25", PETS)
    assert len(make_split("random:4294967295", PETS).half_a) == 2


def test_slugs(tmp_path):
    path = tmp_path / "my pets, all.txt"
    path.write_text("[A]\nant\nbee\n[B]\ncat\ndog\neel\n")
    for spec, slug in (
        ("random:12", "random-12"),
        ("natural_manmade", "natural-manmade"),
        ("manmade_natural", "manmade-natural"),
        ("whole", "whole"),
        (f"file:{path}", "file-my-pets-all-bbeb2e"),
    ):
        assert make_split(spec, PETS, FAMILIES).slug == slug


def test_digest_depends_on_class_names_and_halves_only(tmp_path):
    path = tmp_path / "halves.txt"
    path.write_text("[B]\neel\nbee\ndog\n[A]\ncat\nant\n")
    drawn = make_split("random:4", PETS)
    assert drawn.digest == (
        hashlib.sha256(b'{"A":["ant","cat"],"B":["bee","dog","eel"]}').hexdigest()
    )
    assert make_split(f"file:{path}", PETS).digest == drawn.digest
    assert make_split("random:8", PETS).digest != drawn.digest
    assert make_split("random:4", ("ape", *PETS[1:])).digest != drawn.digest
    assert make_split("whole", PETS).digest != make_split("whole", PETS[:4]).digest


def test_what_a_file_may_hold_besides_names(tmp_path):
    path = tmp_path / "halves.txt"
    path.write_bytes(
        b"\xef\xbb\xbf# my halves\r\n\r\n [ A ] # insects\r\nant  # small\r\n"
        b"\tblack bee \r\n[B]\r\nc#\r\n  # nothing\r\ndog\r\n"
    )
    assert read_halves(path) == {"A": ["ant", "black bee"], "B": ["c#", "dog"]}


def test_names_in_quotation_marks_may_be_anything(tmp_path):
    path = tmp_path / "halves.txt"
    path.write_text(
        '[A]\n"#1" # first\n"[A]"\n"a #b"\n[B]\n"dog " \n""x""\n"y\nz" # "c"\n'
    )
    assert read_halves(path) == {
        "A": ["#1", "[A]", "a #b"],
        "B": ["dog ", '"x"', '"y', 'z"'],
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[A]\n#1\ncat\n[B]\n[A]\ndog", """"#1" and ".A." in quotation marks"""),
        ("[A]\n#1\ncat\n[B]\n'[A]'\ndog", 'have, .* .write "#1" with the'),
        ('[A]\n#1\ncat\n[B]\n"[A]"\nDog ', 'write "#1" with the quotation marks'),
        ('[A]\n"#1"\ncat\n[B]\n"[A]"', r"once .write \"dog \" with the quotation"),
        ('[A]\n"#1"\nCat\n[B]\n"[A]"\n"dog "', "'Cat' may be 'cat'"),
    ],
)
def test_what_is_wrong_with_a_name(tmp_path, text, words):
    path = tmp_path / "halves.txt"
    path.write_text(text)
    assert_refused(words, make_split, f"file:{path}", ("#1", "[A]", "cat", "dog "))


# As a Mac writes them, and as other systems do.
NFD = ("A\u0308hre", "Cafe\u0301", "O\u0308l", "plain")
NFC = ("\xc4hre", "Caf\xe9", "\xd6l", "plain")


@pytest.mark.parametrize("names", [NFC, NFD])
@pytest.mark.parametrize("written", [NFC, NFD])
def test_accents_may_be_written_in_either_way(tmp_path, names, written):
    path = tmp_path / "halves.txt"
    path.write_text("[A]\n{}\n{}\n[B]\n{}\n{}\n".format(*written), "utf-8")
    split = make_split(f"file:{path}", names)
    assert split.half_a == (0, 1)
    # The digest is that of the names in the data set: studies of before go on.
    letters = {
        NFC: rb'{"A":["\u00c4hre","Caf\u00e9"],"B":["\u00d6l","plain"]}',
        NFD: rb'{"A":["A\u0308hre","Cafe\u0301"],"B":["O\u0308l","plain"]}',
    }
    assert split.digest == hashlib.sha256(letters[names]).hexdigest()
    assert split.slug == f"file-halves-{split.digest[:6]}"


def test_a_class_named_twice_in_other_accents(tmp_path):
    path = tmp_path / "halves.txt"
    path.write_text("[A]\nA\u0308hre\n\xc4hre\n[B]\nCaf\xe9\n", "utf-8")
    assert_refused("'\xc4hre' twice, in half A", make_split, f"file:{path}", NFC)


def test_classes_of_earlier_studies_that_differ_in_their_accents_alone(tmp_path):
    path = tmp_path / "halves.txt"
    path.write_text("[A]\nO\u0308l\nplain\n[B]\n\xd6l\nant\n", "utf-8")
    split = make_split(f"file:{path}", ("O\u0308l", "ant", "plain", "\xd6l"))
    assert (split.half_a, split.half_b) == ((0, 2), (1, 3))


@pytest.mark.parametrize(
    "spec",
    ["", "random", "random:", "random:-1", "random:1.5", "random:x", "random:1 ",
     "natural-manmade", "Whole", "whole:1", "random:٣", "first", "first:",
     "first:-1", "first:1.5", "First:1", "first:1 "],
)  # fmt: skip
def test_bad_specs(spec):
    assert_refused("unknown split .*: give random:SEED, .*", make_split, spec, PETS)


@pytest.mark.parametrize(
    ("spec", "names", "families", "message"),
    [
        ("whole", PETS[:1], None, "needs at least 2 classes, found 1: choose"),
        ("random:0", (*PETS, "ant"), None, "for each class, found two named 'ant'"),
        ("natural_manmade", PETS, FAMILIES[:4], "natural or manmade for each of 5"),
        (
            *("natural_manmade", PETS, (*FAMILIES[:4], "wet")),
            "natural or manmade for each of 5 classes, found .*wet",
        ),
        ("natural_manmade", WNIDS[:4], None, "in each half, found 0 of 4 in half B"),
    ],
)
def test_classes_that_cannot_be_divided(spec, names, families, message):
    assert_refused(message, make_split, spec, names, families)
