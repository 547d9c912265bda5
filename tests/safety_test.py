"""No code in data is executed, and no path in data leads out of its folder."""

import ast
import hashlib
import io
import json
import os
import pathlib
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from bad_world import edited, finished_run, weights
from fabricate import record
from PIL import Image
from refusals import assert_refused

import yosinski_tf
from yosinski_tf.data import decoding
from yosinski_tf.data.sources import folder, study_copy
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.models import surgery
from yosinski_tf.report import write_report
from yosinski_tf.report.markdown import plain
from yosinski_tf.study.finished_run import read_finished_run
from yosinski_tf.study.records import read_record, write_record
from yosinski_tf.system.errors import UserError
from yosinski_tf.training import checkpoints

SOURCES = sorted(pathlib.Path(yosinski_tf.__file__).parent.rglob("*.py"))
RUN = "random-0_A3B_seed0"

# Modules that can execute what they read.
UNSAFE_MODULES = set(
    "pickle cPickle _pickle dill cloudpickle joblib shelve marshal yaml torch h5py"
    " runpy code codeop imp ctypes".split()
)
UNSAFE_CALLS = set(
    "eval exec compile __import__ breakpoint load_model load_weights model_from_json"
    " model_from_config layer_from_config deserialize deserialize_keras_object"
    " enable_unsafe_deserialization py_function numpy_function fromfile memmap"
    " system popen Popen check_output check_call fdopen_exec import_module".split()
)
# What looks unsafe and is not: a function of ours that reads records, the C library's
# allocator, called by its name, this program's own commands, started or imported by
# name, and Keras' callback that calls a function; arrays of numbers in a file of our
# own; Keras' layers, of descriptions that `check_objects` has read; modules that the
# user names on the command line.
KNOWN = {
    "feature_batches": ["tf.numpy_function", "np.memmap"],
    "keras_networks": ["user_modules.import_module"],
    "fresh_layers": ["keras.saving.deserialize_keras_object"],
    "keras_file": ["keras.models.load_model"],
    "keras_graph": ["keras.saving.deserialize_keras_object"],
    "user_function": ["import_module"],
    "user_modules": ["importlib.import_module"],
    "stored_batches": ["import ctypes", "tf.numpy_function"],
    "explaining": ["subprocess.Popen"],
    "target_half": ["subprocess.Popen"],
    "entry": ["importlib.import_module"],
    "distribution": ["keras.callbacks.LambdaCallback"] * 2,
}


class _Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: pathlib.Path):
        self.path = path

    def __reduce__(self):
        return (pathlib.Path.touch, (self.path,))


def _calls(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func
            if isinstance(name, ast.Attribute):
                yield ast.unparse(name), name.attr, node
            elif isinstance(name, ast.Name):
                yield name.id, name.id, node


def _unsafe(source: str) -> list[str]:
    """Statements of a source text that could execute code in data."""
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
        names = [name for name in names if not name.startswith("yosinski_tf")]
        found += [
            f"import {name}"
            for name in names
            if set(name.split(".")) & (UNSAFE_MODULES | UNSAFE_CALLS)
        ]
    for whole, last, call in _calls(tree):
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        # Keras' method compiles a model, not code.
        keras_compile = last == "compile" and whole != "compile"
        if last in UNSAFE_CALLS and not keras_compile:
            found.append(whole)
        if "saved_model.load" in whole or "Lambda" in whole:
            found.append(whole)
        if whole in ("np.load", "np.save", "numpy.load", "numpy.save"):
            if given.get("allow_pickle") != "False":
                found.append(f"{whole} that allows pickles")
        elif "allow_pickle" in given or given.get("shell") == "True":
            found.append(whole)
        if given.get("safe_mode") == "False":
            found.append(f"{whole} without safe_mode")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_module_runs_what_it_reads(path):
    assert _unsafe(path.read_text()) == KNOWN.get(path.stem, [])


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from keras.models import load_model",
        "keras.models.load_model(path)",
        "keras.layers.Lambda(f)",
        "model.load_weights(path)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.save(path, values)",
        "eval(text)",
        "compile(text, 'x', 'exec')",
        "tf.saved_model.load(path)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
        "import yaml",
        "import torch.nn",
    ],
)
def test_the_search_finds_unsafe_code(source):
    assert _unsafe(source)


@pytest.fixture
def trap(tmp_path) -> np.ndarray:
    """An array that writes a file when it is unpickled, as the first lines prove."""
    sprung = tmp_path / "sprung"
    array = np.array([_Trap(sprung)], object)
    np.save(tmp_path / "proof.npy", array, allow_pickle=True)
    np.load(tmp_path / "proof.npy", allow_pickle=True)
    assert sprung.exists()
    sprung.unlink()
    yield array
    assert not sprung.exists()


def _as_array(path: pathlib.Path, trap: np.ndarray) -> None:
    np.savez(path, **{**weights(), "conv1/kernel": trap})


def _as_a_whole(path: pathlib.Path, trap: np.ndarray) -> None:
    path.write_bytes(pickle.dumps(trap))


def _as_keras_file(path: pathlib.Path, trap: np.ndarray) -> None:
    """A `.keras` file with a Lambda layer, under the name of our weights."""
    code = {"class_name": "__lambda__", "config": {"code": "4wAAAAA="}}
    layer = {"class_name": "Lambda", "config": {"function": code}}
    config = {"class_name": "Sequential", "config": {"layers": [layer]}}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(config))
        file.writestr("metadata.json", json.dumps({"keras_version": "3.10.0"}))
        file.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")


@pytest.mark.parametrize("store", [_as_array, _as_a_whole, _as_keras_file])
def test_weights_run_nothing(tmp_path, trap, store):
    finished_run(tmp_path, "A3B")
    path = tmp_path / RUN / "weights.npz"
    store(path, trap)
    assert_refused("cannot read weights from .*weights.npz", surgery.read_weights, path)
    with pytest.raises(UserError, match="cannot read weights from .*weights.npz"):
        read_finished_run(tmp_path, RUN)


def test_a_mean_image_runs_nothing(tmp_path, trap):
    recipe = {"image_size": 16, "crop_size": 16, "mean": "image"}
    finished_run(tmp_path, "A3B", recipe=recipe)
    path = tmp_path / RUN / "mean_image.npy"
    for store in (np.save, _as_a_whole):
        store(path, trap)
        assert_refused("cannot read the mean image", read_finished_run, tmp_path, RUN)


def test_a_stored_data_set_runs_nothing(tmp_path, trap):
    about = {"name": "x", "class_names": ["a"], "families": None, "fingerprint": "f"}
    (tmp_path / "dataset.json").write_text(json.dumps(about))
    for name in ("train", "validation"):
        np.save(tmp_path / f"{name}_images.npy", np.zeros((1, 8, 8, 3), np.uint8))
        np.save(tmp_path / f"{name}_labels.npy", np.zeros(1, np.int32))
    assert study_copy.load(tmp_path).name == "x"
    np.save(tmp_path / "train_labels.npy", trap)
    assert_refused("cannot read the stored data set", study_copy.load, tmp_path)


def test_a_checkpoint_runs_nothing(tmp_path, trap):
    arrays = io.BytesIO()
    np.savez(arrays, weights=trap)
    meta = {"runs": ["run"], "settings": "same", "step": 7, "meta": {}}
    content = json.dumps(meta).encode() + b"\n" + arrays.getvalue()
    # The checksum is right: it does not protect against an attacker.
    digest = hashlib.sha256(content).hexdigest()
    path = tmp_path / "cohort.0123abcd.7.checkpoint"
    path.write_bytes(f"yosinski_tf checkpoint 1 sha256 {digest}\n".encode() + content)
    found = checkpoints.newest(tmp_path, "cohort", ["run"], "same")
    assert found.checkpoint is None
    (problem,) = found.problems
    assert "is damaged (ValueError: Object arrays cannot be loaded" in problem


@pytest.mark.parametrize("run_id", ["../../x", "/tmp/x", "..", "a/../b", "", "x\0y"])
def test_a_record_cannot_lead_to_another_folder(tmp_path, run_id):
    runs = edited(tmp_path, run_id=run_id)
    with pytest.raises(UserError, match=f"run_id .needs '{RUN}', found"):
        read_record(runs / RUN / "record.json")


@pytest.mark.parametrize("name", ["../../up", "/etc/passwd", "a b", "..", "~", "a\nb"])
def test_no_split_file_leads_its_runs_to_another_folder(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "yosinski_tf.experiment.splits.read_halves",
        lambda path: {"A": ["ant", "../bee"], "B": ["/cat", "dog"]},
    )
    split = make_split(f"file:{name}", ["ant", "../bee", "/cat", "dog"])
    assert "/" not in split.slug
    assert split.slug.startswith("file-")


def test_images_are_read_through_links_and_in_odd_names(tmp_path):
    """The folder is the user's own, so a link to an image elsewhere is an image."""
    for part in ("train", "val"):
        for name in ("<b>", "$(touch x)"):
            home = tmp_path / "data" / part / name
            home.mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(home / "`touch x`;.png")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "elsewhere.png")
    (tmp_path / "data/train/<b>/link.png").symlink_to("../../../elsewhere.png")
    found = folder.open_folder(str(tmp_path / "data"))
    assert found.class_names == ("$(touch x)", "<b>")
    images, labels = found.read("train", 8, lambda count: None)
    assert labels.tolist() == [0, 1, 1]
    assert images[:, 0, 0].tolist() == [[0, 0, 0], [0, 0, 0], [255, 0, 0]]


def test_an_archive_of_photographs_leads_nowhere(tmp_path):
    """Its members are read and never unpacked; their names are not used as paths."""
    from yosinski_tf.benchmarks.photographs import read_photographs

    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    place = tmp_path / "archive" / "photographs.tar"
    place.parent.mkdir()
    with tarfile.open(place, "w") as tar:
        for name in ("../up.jpg", f"{tmp_path}/absolute.jpg", "a.jpg"):
            member = tarfile.TarInfo(name)
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
        for kind, target in (
            (tarfile.SYMTYPE, "../secret.jpg"),
            (tarfile.SYMTYPE, str(secret)),
            (tarfile.LNKTYPE, str(secret)),
            (tarfile.FIFOTYPE, ""),
        ):
            member = tarfile.TarInfo("link.jpg")
            member.type, member.linkname = kind, target
            tar.addfile(member)
    before = sorted(tmp_path.rglob("*"))
    found = read_photographs(str(place))
    assert sorted(tmp_path.rglob("*")) == before
    assert sorted(found) == sorted(
        [b"../up.jpg", f"{tmp_path}/absolute.jpg".encode(), b"a.jpg"]
    )


def test_no_program_is_started_for_an_image(tmp_path, monkeypatch):
    """Pillow would start Ghostscript for PostScript, whatever the file's name."""
    started = tmp_path / "started"
    for name in ("gs", "gswin64c"):
        (tmp_path / name).write_text(f"#!/bin/sh\n: > {started}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    content = (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    )
    assert_refused("it is not an image", decoding.decode_image, content, "a.png", 8)
    assert not started.exists()


def test_markup_in_names_is_escaped_in_a_summary(tmp_path):
    odd = "folder:/x/<script>alert(1)</script> ![p](http://x/p.png) `a` *b*|c\n# d"
    write_record(tmp_path, record("baseB", 0.5, dataset=odd, device="<img src=x>"))
    summary = write_report.write_report(tmp_path).summary.read_text()
    assert (
        "- data set: folder:/x/&lt;script>alert(1)&lt;/script>"
        " ![p]\\(http://x/p.png) \\`a\\` \\*b\\*\\|c # d\n"
    ) in summary
    assert "- device: &lt;img src=x>\n" in summary
    assert "<script" not in summary and "<img" not in summary
    # Plain text is not escaped.
    text = "rate_drops [70, 90]; A3B+ ± 0.1% (n = 4), natural_manmade -> 'x'."
    assert plain(text) == text
