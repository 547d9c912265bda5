"""Any text, bytes or JSON is either a value that round-trips or one sentence."""

import contextlib
import dataclasses
import io
import json
import pathlib
import string

import numpy as np
import pytest
from fabricate import record
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from yosinski_tf.binaries.job.shared_flags import whole_numbers
from yosinski_tf.data import decoding
from yosinski_tf.data.prepare import filelist
from yosinski_tf.data.sources import by_name
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.networks import EightLayers
from yosinski_tf.experiment.paper_plans import named_plan
from yosinski_tf.experiment.recipes import Recipe, parse_rate_drops
from yosinski_tf.experiment.runs import make_runs
from yosinski_tf.experiment.splits import make_split, read_halves
from yosinski_tf.experiment.treatments import parse_treatment
from yosinski_tf.models import surgery
from yosinski_tf.report import study_facts
from yosinski_tf.results.network_result import finished_networks
from yosinski_tf.study.records import read_record, write_record
from yosinski_tf.study.settings import DataSource, check_folder, make_settings
from yosinski_tf.system.errors import UserError

NAMES = ("ant", "bee", "cat", "dog", "eel")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([10**400, -(10**400), 1e308, "\ud800", "../x", "first:x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
RECORDS = {
    name: dataclasses.asdict(record(name, 0.5)) for name in ("baseB", "A3B", "R2B")
}
# These many examples found all mistakes so far.
settings.register_profile("some", max_examples=40, deadline=None)
settings.load_profile("some")
ANY_FOLDER = [HealthCheck.function_scoped_fixture]


@contextlib.contextmanager
def refused():
    """Accepts a UserError of one line; other errors fail the test."""
    try:
        yield
    except UserError as error:
        assert str(error)
        assert str(error).isprintable()


@pytest.fixture
def path(tmp_path) -> pathlib.Path:
    """The path of the record of A3B."""
    folder = tmp_path / RECORDS["A3B"]["run_id"]
    folder.mkdir()
    return folder / "record.json"


@given(
    st.text()
    | st.text("ABPRWbase0123456789+~ \n³", max_size=7)
    | st.from_regex(r"([ABPRW]|base)[0-9]{0,2}[ABW]?\+?", fullmatch=True)
)
@settings(max_examples=200)
@example("A3B+")
@example("R7W")
@example("baseA")
def test_treatments(text):
    with refused():
        treatment = parse_treatment(text)
        assert str(treatment) == text
        assert treatment.target in "ABW" and treatment.n in range(1000)


@given(
    st.text()
    | st.text(string.printable)
    | st.builds(
        "{}:{}".format,
        st.sampled_from(["random", "first", "file", "whole"]),
        st.integers().map(str) | st.text(),
    )
)
def test_splits(text):
    with refused():
        split = make_split(text, NAMES)
        assert make_split(split.name, NAMES) == split
        # The folder of a run is directly in the study folder.
        (run,) = make_runs(
            [(split, [parse_treatment("baseW")])], split, [0], with_bases=True
        )
        assert pathlib.PurePath("runs", run.run_id).parent == pathlib.PurePath("runs")


@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                *("[A]", "[B]", "[ B ]", "# x", "ant", "b c #d", "../e", "[", ""),
                *('"[A]"', '"a #b" #c', '"', '"""', '"x" y"'),
            ]
        )
        | st.text(max_size=6),
        max_size=9,
    ).map(lambda lines: "\n".join(lines).encode(errors="surrogatepass"))
)
@settings(suppress_health_check=ANY_FOLDER)
def test_files_of_two_halves(tmp_path, content):
    file = tmp_path / "halves.txt"
    file.write_bytes(content)
    with refused():
        halves = read_halves(file)
        assert set(halves) == {"A", "B"} and all(halves.values())
        lines = []
        for half, names in halves.items():
            lines += [f"[{half}]", *(f'"{name}"' for name in names)]
        file.write_text("\n".join(lines), "utf-8")
        assert read_halves(file) == halves
    with refused():
        make_split(f"file:{file}", NAMES)


LINES = st.lists(
    st.sampled_from(
        [
            *("a.jpg 0", "n1/b.jpg 1", "./n1/c d.jpg\t0", "n1/e.jpg 1\r", "", "n1 0"),
            *("../up.jpg 0", "n1/../../up.jpg 0", "out/up.jpg 0", "link.jpg 0"),
            *("/etc/passwd 0", "a.jpg", "a.jpg 9999999", "a.jpg \u00b2", "~/x.jpg 0"),
        ]
    )
    | st.text(max_size=9)
    | st.builds("{} {}".format, st.text("/.na1b", max_size=9), st.integers()),
    max_size=5,
).map(lambda lines: "\n".join(lines).encode(errors="surrogatepass"))


@given(LINES | st.binary(max_size=40), LINES, st.none() | LINES)
@example(b"n1/b.jpg 1\na.jpg 0", b"a.jpg 0\nn1/b.jpg 1", b"x\ny")
@example(b"../up.jpg 0", b"a.jpg 0", None)
@example(b"out/up.jpg 0", b"a.jpg 0", None)
@example(b"a.jpg 0", b"link.jpg 0", None)
@settings(max_examples=150, suppress_health_check=ANY_FOLDER)
def test_lists_of_files(tmp_path, train, val, names):
    root = tmp_path / "images"
    if not root.exists():
        (root / "n1").mkdir(parents=True)
        inside = ("a.jpg", "n1/b.jpg", "n1/c d.jpg", "n1/e.jpg")
        for path in (*(root / name for name in inside), tmp_path / "up.jpg"):
            path.touch()
        (root / "out").symlink_to(tmp_path)
        (root / "link.jpg").symlink_to(tmp_path / "up.jpg")
    for name, content in (("train", train), ("val", val), ("synsets", names)):
        path = root / f"{name}.txt"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
    with refused():
        found = filelist.open_filelist(str(root))
        assert len(found.class_names) > 0
        for images in found.parts.values():
            assert set(images.labels.tolist()) == set(range(len(found.class_names)))
            for row, name in enumerate(images.file_names):
                path = images.origin.content(name, images.stamps[row])
                real = pathlib.Path(path).resolve()
                assert real.is_relative_to(root.resolve()) and real.is_file(), name


@given(
    st.lists(
        st.text(max_size=8)
        | st.integers().map(str)
        | st.floats().map("{}%".format)
        | st.just("9" * 5000),
        max_size=4,
    ),
    st.integers() | st.integers(1, 10_000) | st.just(10**400),
)
def test_drops_of_the_rate(texts, steps):
    with refused():
        drops = parse_rate_drops(texts, steps)
        assert parse_rate_drops([str(drop) for drop in drops], steps) == drops
        Recipe(steps=steps, rate_drops=drops)


@given(
    st.lists(
        st.text(max_size=8) | st.integers(0, 2**33).map(str) | st.just("9" * 5000),
        max_size=4,
    )
)
def test_lists_of_whole_numbers(texts):
    with refused():
        numbers = whole_numbers("seeds", texts)
        assert whole_numbers("seeds", [str(number) for number in numbers]) == numbers


@given(st.text() | st.sampled_from(["released", "complete", "reduced", "Reduced "]))
def test_plans(text):
    with refused():
        assert len(named_plan(text)) > 0


@given(
    st.fixed_dictionaries(
        {},
        optional={
            field.name: st.floats() | st.integers()
            for field in dataclasses.fields(Recipe)
            if field.type in (int, float)
        },
    )
)
def test_recipes(values):
    with refused():
        recipe = Recipe(**values)
        assert Recipe(**recipe.settings()) == recipe


@given(
    st.text() | st.sampled_from(["mini", "caffenet"]),
    st.lists(st.integers(), max_size=9)
    | st.lists(st.integers(1), min_size=7, max_size=7),
    st.floats(),
)
def test_networks(name, widths, dropout):
    with refused():
        network = get_network(name, widths=tuple(widths), dropout=dropout)
        assert (
            EightLayers.from_settings(json.loads(json.dumps(network.settings())))
            == network
        )


@given(st.data())
def test_descriptions_of_networks(data):
    found = json.loads(json.dumps(get_network("mini").settings()))
    place = data.draw(st.sampled_from(["", "name", "layers", "layer", "width"]))
    odd = data.draw(JSON)
    if place == "":
        found = odd
    elif place == "layer":
        found["layers"][data.draw(st.integers(0, 7))] = odd
    elif place == "width":
        layer = found["layers"][data.draw(st.integers(0, 7))]
        layer[data.draw(st.sampled_from(sorted(layer)))] = odd
    else:
        found[place] = odd
    with refused():
        network = EightLayers.from_settings(found)
        assert EightLayers.from_settings(network.settings()) == network


@given(
    st.text()
    | st.builds("{}:{}".format, st.sampled_from(["embedded", "folder"]), st.text())
)
def test_names_of_data(text):
    assume(not text.startswith("tfds:"))
    with refused():
        assert by_name.describe(text).name == text


@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(suppress_health_check=ANY_FOLDER)
def test_files_that_might_be_records(path, content):
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_record(path)
    assert str(caught.value).isprintable()


@given(st.sampled_from(sorted(RECORDS)), st.data())
@settings(max_examples=100, suppress_health_check=ANY_FOLDER)
def test_records_with_odd_values(tmp_path, name, data):
    fields = dict(RECORDS[name])
    for field in data.draw(st.lists(st.sampled_from(sorted(fields)), max_size=3)):
        fields[field] = data.draw(
            JSON | st.sampled_from(sorted(map(str, fields.values())))
        )
    path = tmp_path / RECORDS[name]["run_id"] / "record.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(fields))
    with refused():
        found = read_record(path)
        assert read_record(write_record(tmp_path, found)) == found
        # A record that is accepted can be reported.
        selection = finished_networks([found])
        assert study_facts.facts([found], selection)
        study_facts.warnings([found])


@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(suppress_health_check=ANY_FOLDER)
def test_files_that_might_be_settings(tmp_path, content):
    (tmp_path / "study.json").write_bytes(content)
    wanted = make_settings(DataSource("embedded", 32), get_network("mini"), Recipe())
    with pytest.raises(UserError) as caught:
        check_folder(tmp_path, wanted)
    assert str(caught.value).isprintable()


def _stored() -> bytes:
    file = io.BytesIO()
    np.savez(file, **{"conv1/kernel": np.ones((2, 3), "f4"), "conv1/bias": np.ones(3)})
    return file.getvalue()


def _changed(content: bytes):
    """A file with some bytes replaced, and perhaps with its end cut off."""
    return st.tuples(
        st.lists(
            st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=6
        ),
        st.integers(0, len(content)) | st.just(len(content)),
    ).map(lambda drawn: _replaced(content, *drawn))


def _replaced(content: bytes, changes: list[tuple[int, int]], end: int) -> bytes:
    changed = bytearray(content)
    for place, value in changes:
        changed[place] = value
    return bytes(changed[:end])


@given(st.binary(max_size=60) | _changed(_stored()))
@settings(max_examples=100, suppress_health_check=ANY_FOLDER)
@pytest.mark.filterwarnings("ignore")
def test_weights(tmp_path, content):
    file = tmp_path / "weights.npz"
    file.write_bytes(content)
    with refused():
        weights = surgery.read_weights(file)
        assert all(values.dtype == np.float32 for values in weights.values())


def _pictures():
    for form in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "PPM"):
        file = io.BytesIO()
        Image.linear_gradient("L").resize((9, 9)).save(file, form)
        yield file.getvalue()


@given(st.binary(max_size=60) | st.one_of(*map(_changed, _pictures())))
@settings(max_examples=80)
@pytest.mark.filterwarnings("ignore")
def test_images(content):
    with refused():
        image = decoding.decode_image(content, "a picture", 8)
        assert image.shape == (8, 8, 3) and image.dtype == np.uint8
