"""A finished run as a SavedModel: its files, its answers, what it refuses."""

import io
import json
import pathlib
import tarfile

import numpy as np
import pytest
import tensorflow as tf
from commands import python
from fabricate import record
from PIL import Image
from places import PHOTOGRAPHS

from yosinski_tf.data import decoding
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.export import decoding as in_graph
from yosinski_tf.export import saved_model
from yosinski_tf.models import cohort, surgery
from yosinski_tf.study.records import write_record
from yosinski_tf.system.errors import UserError

NAMES = ["tench", "cup", "électron", "café noir", "dog"]
RUN = "random-0-A3B-s0"
NETWORK = get_network("mini", widths=(4, 6, 6, 6, 6, 12, 8), lrn=True)
MEAN = [110.5, 120.25, 99.0]


def _weights(num_classes):
    """Weights that predict different classes for different images."""
    random = np.random.default_rng(9)
    weights = {}
    shapes = NETWORK.weight_shapes(32, num_classes)
    for layer in NETWORK.stage_names:
        shape = shapes[f"{layer}/kernel"]
        scale = np.sqrt(2 / np.prod(shape[:-1]))
        weights[f"{layer}/kernel"] = random.normal(0, scale, shape).astype("f4")
        weights[f"{layer}/bias"] = random.normal(0, 0.1, shape[-1:]).astype("f4")
    return weights


def _finished_run(runs, names=NAMES, **changes):
    """A run with images of 36 x 36 pixels and crops of 32 x 32."""
    weights = _weights(len(names))
    made = record(
        "A3B",
        0.5,
        **{
            "network_settings": json.loads(json.dumps(NETWORK.settings())),
            "num_classes": len(names),
            "class_names": list(names),
            "mean_pixel": MEAN,
            "recipe": {"image_size": 36, "crop_size": 32, "precision": "bfloat16"},
            "weights_sha256": surgery.digest(weights, NETWORK.stage_names),
            **changes,
        },
    )
    path = write_record(runs, made).with_name("weights.npz")
    np.savez(path, **weights)
    return made


def _photograph(height, width, seed=0):
    """Noise with the spectrum of a photograph, and a hard edge; uint8."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    spectrum = np.fft.fft2(random.normal(size=(height, width, 3)), axes=(0, 1))
    spectrum /= np.maximum(frequency, 1 / width)[:, :, None]
    values = np.fft.ifft2(spectrum, axes=(0, 1)).real
    values = 128 + 50 * values / values.std()
    values[height // 3 :, : width // 2] += 80
    return np.clip(values, 0, 255).astype(np.uint8)


def _file(pixels, kind, **options):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, kind, **options)
    return data.getvalue()


def _keras_logits(pixels, num_classes=5):
    """The Keras model on 36 x 36 images."""
    model = cohort.build_network(
        NETWORK, _weights(num_classes), input_size=32, mean=MEAN
    )
    return model.predict(pixels[:, 2:34, 2:34], verbose=0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    _finished_run(folder)
    return folder


@pytest.fixture(scope="module")
def folder(runs):
    return saved_model.export(runs, RUN, runs / "export" / RUN)


@pytest.fixture(scope="module")
def loaded(folder):
    return tf.saved_model.load(str(folder))


def test_the_folder_describes_the_export(folder, runs):
    assert folder == runs / "export" / RUN
    assert [path.name for path in folder.parent.iterdir()] == [RUN]
    text = (folder / "labels.txt").read_text("utf-8")
    assert text == "tench\ncup\nélectron\ncafé noir\ndog\n"
    description = json.loads((folder / "export.json").read_text())
    assert description["run_id"] == RUN
    assert description["class_names"] == NAMES
    assert (description["image_size"], description["crop_size"]) == (36, 32)
    assert description["precision_in_training"] == "bfloat16"
    assert description["weights_sha256"] == surgery.digest(
        _weights(5), NETWORK.stage_names
    )


def test_images_of_the_training_size_answer_as_the_keras_model(loaded):
    images = np.stack([_photograph(36, 36, seed) for seed in range(9)])
    images[range(9), :, :, [0, 1, 2] * 3] //= 8
    answer = loaded.signatures["serving_default"](images=tf.constant(images))
    logits = _keras_logits(images)
    np.testing.assert_allclose(answer["logits"], logits, rtol=0, atol=1e-5)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = exponents / exponents.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    assert answer["probabilities"].dtype == tf.float32
    best = [NAMES[index] for index in logits.argmax(axis=1)]
    assert len(set(best)) >= 3
    assert [name.decode() for name in answer["predicted_class"].numpy()] == best
    assert [name.decode() for name in answer["class_names"].numpy()] == NAMES


def test_images_of_another_size_are_warped_and_cropped(loaded):
    images = np.stack([_photograph(70, 90, seed) for seed in range(3)])
    answer = loaded.signatures["serving_default"](images=tf.constant(images))
    warped = [decoding.warp(Image.fromarray(image), 36) for image in images]
    np.testing.assert_allclose(
        answer["logits"], _keras_logits(np.stack(warped)), rtol=0, atol=0.02
    )


def test_files_of_several_sizes_and_kinds_in_one_batch(loaded):
    pixels = [_photograph(50, 80, 1), _photograph(36, 36, 2), _photograph(400, 700, 3)]
    files = [
        _file(pixels[0], "JPEG", quality=90),
        _file(pixels[1], "PNG"),
        _file(pixels[2], "JPEG", quality=90),
    ]
    answer = loaded.signatures["jpeg_bytes"](jpeg=tf.constant(files))
    expected = _keras_logits(
        np.stack([decoding.decode_image(data, "file", 36) for data in files])
    )
    np.testing.assert_allclose(answer["logits"], expected, rtol=0, atol=0.02)
    same = loaded.signatures["serving_default"](images=tf.constant(pixels[1][None]))
    np.testing.assert_allclose(answer["logits"][1], same["logits"][0], atol=1e-5)
    assert answer["predicted_class"].shape == (3,)


def test_a_file_that_is_no_image_is_named_by_its_place(loaded):
    classify = loaded.signatures["jpeg_bytes"]
    good = _file(_photograph(36, 36), "PNG")
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"image 1 of the batch \(from 0\) is no image of a known kind: give a",
    ):
        classify(jpeg=tf.constant([good, b"not an image"]))


def test_floats_answer_as_the_same_whole_numbers(loaded):
    images = np.stack([_photograph(50, 40, seed) for seed in range(2)])
    whole = loaded.signatures["serving_default"](images=tf.constant(images))
    for pixels in (images + np.float32(0.4), images.astype(np.int32)):
        answer = loaded.signatures["float_pixels"](pixels=np.minimum(pixels, 255))
        np.testing.assert_array_equal(answer["logits"], whole["logits"])


@pytest.mark.parametrize(
    "wrong", [np.float32(1 / 255), np.float64(-1), np.int32(2), np.float32(np.nan)]
)
def test_pixels_of_another_range_are_refused(loaded, wrong):
    with pytest.raises(tf.errors.InvalidArgumentError, match="pixels needs finite"):
        loaded.signatures["float_pixels"](pixels=_photograph(36, 36)[None] * wrong)


def test_pixels_of_another_type_are_refused(loaded):
    fractions = _photograph(36, 36)[None] / np.float32(255)
    classify = loaded.signatures["serving_default"]
    # TensorFlow itself casts NumPy arrays, before the model sees them.
    with pytest.raises(tf.errors.InvalidArgumentError, match="images needs uint8 pix"):
        classify(images=fractions)
    with pytest.raises(tf.errors.InvalidArgumentError, match="uint8 tensor"):
        classify(images=tf.constant(fractions))


@pytest.mark.slow
def test_photographs_are_turned_unless_an_earlier_version_trained(tmp_path, folder):
    _finished_run(tmp_path)
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "dataset.json").write_text('{"fingerprint": "0"}')
    earlier = saved_model.export(tmp_path, RUN, tmp_path / "model")
    for place, turned in ((folder, True), (earlier, False)):
        about = json.loads((place / "export.json").read_text())
        assert about["photographs_turned_upright"] == turned
        _check_turned(tf.saved_model.load(str(place)).signatures, turned)


def _check_turned(signatures, turned):
    exif = Image.Exif()
    exif[0x0112] = 3  # Upside down.
    upright = _photograph(36, 36)
    file = _file(upright[::-1, ::-1], "PNG", exif=exif)
    seen = upright if turned else upright[::-1, ::-1]
    answer = signatures["jpeg_bytes"](jpeg=tf.constant([file]))
    expected = signatures["serving_default"](images=tf.constant(seen[None]))
    np.testing.assert_array_equal(answer["logits"], expected["logits"])


def test_weights_are_kept_by_layer_name(loaded):
    weights = _weights(5)
    assert sorted(loaded.weights) == sorted(weights)
    for name, values in weights.items():
        np.testing.assert_array_equal(loaded.weights[name], values)


_WITHOUT_KERAS = """
import json, pathlib, sys
sys.modules["keras"] = None  # an installation without Keras
import tensorflow as tf
folder, image = sys.argv[1:]
classify = tf.saved_model.load(folder).signatures["jpeg_bytes"]
answer = classify(jpeg=tf.constant([pathlib.Path(image).read_bytes()]))
print(json.dumps({
    "logits": answer["logits"].numpy().tolist(),
    "predicted": [name.decode() for name in answer["predicted_class"].numpy()],
    "modules": [
        name for name, module in sys.modules.items()
        if module and name.split(".")[0] in ("keras", "yosinski_tf")
    ],
}))
"""


def test_it_needs_neither_keras_nor_this_package(folder, tmp_path):
    pixels = _photograph(36, 36)
    (tmp_path / "image.png").write_bytes(_file(pixels, "PNG"))
    done = python(_WITHOUT_KERAS, folder, tmp_path / "image.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["modules"] == []
    logits = _keras_logits(pixels[None])
    np.testing.assert_allclose(answer["logits"], logits, rtol=0, atol=1e-5)
    assert answer["predicted"] == [NAMES[logits.argmax()]]


@pytest.mark.parametrize("size", [(300, 400), (64, 64), (20, 31)])
def test_warp_is_pillow_s_to_a_thousandth(size):
    image = _photograph(*size)
    ours = in_graph.warp(tf.constant(image), 32).numpy().astype(int)
    pillow = decoding.warp(Image.fromarray(image), 32).astype(int)
    difference = np.abs(ours - pillow)
    assert difference.mean() < 2e-3
    assert difference.max() <= 1


def test_warp_leaves_images_of_the_size_as_they_are():
    image = np.random.default_rng(2).integers(0, 256, (2, 32, 32, 3), np.uint8)
    np.testing.assert_array_equal(in_graph.warp(tf.constant(image), 32), image)


def _difference(data, size=32):
    """Mean absolute difference to the pixels that training sees, of 255."""
    ours = in_graph.decode(tf.constant(data), size).numpy().astype(int)
    return np.abs(ours - decoding.decode_image(data, "file", size)).mean()


@pytest.mark.parametrize("size", [(300, 400), (96, 96), (193, 800), (800, 900)])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg_files_become_the_pixels_of_the_data_pipeline(size, subsampling):
    data = _file(_photograph(*size), "JPEG", quality=85, subsampling=subsampling)
    assert _difference(data) < 2e-3


def test_grey_and_transparent_files_become_rgb():
    grey = _photograph(50, 60)[:, :, 0]
    clear = np.dstack([_photograph(50, 60), grey])
    for data in (_file(grey, "JPEG"), _file(grey, "PNG"), _file(clear, "PNG")):
        assert _difference(data) < 2e-3


def test_the_first_frame_of_an_animation_counts():
    frames = [_photograph(50, 60, seed) for seed in (1, 2)]
    more = {"save_all": True, "append_images": [Image.fromarray(frames[1])]}
    assert _difference(_file(frames[0], "GIF", **more)) < 2e-3


def test_real_photographs():
    if not PHOTOGRAPHS.exists():
        pytest.skip("needs ImageNet photographs, which are not part of the project")
    with tarfile.open(PHOTOGRAPHS) as tar:
        members = [member for member in tar.getmembers() if member.isfile()][:12]
        files = [tar.extractfile(member).read() for member in members]
    for data in files:
        # Pillow 13 resizes tall images in the other order.
        with Image.open(io.BytesIO(data)) as image:
            bound = 2e-3 if image.height <= image.width else 0.3
        assert _difference(data, 64) < bound


def test_two_classes(tmp_path):
    _finished_run(tmp_path, names=["a", "b"])
    folder = saved_model.export(tmp_path, RUN, tmp_path / "model")
    images = np.random.default_rng(3).integers(0, 256, (2, 36, 36, 3), np.uint8)
    answer = tf.saved_model.load(str(folder)).signatures["serving_default"](
        images=tf.constant(images)
    )
    np.testing.assert_allclose(
        answer["logits"], _keras_logits(images, 2), rtol=0, atol=1e-5
    )


def test_exporting_again_does_nothing(folder, runs):
    before = (folder / "saved_model.pb").stat().st_mtime_ns
    assert saved_model.export(runs, RUN, folder) == folder
    assert (folder / "saved_model.pb").stat().st_mtime_ns == before


def test_an_empty_folder_is_filled_and_another_left_alone(runs, tmp_path):
    (tmp_path / "empty").mkdir()
    assert saved_model.export(runs, RUN, tmp_path / "empty") == tmp_path / "empty"
    assert (tmp_path / "empty" / "saved_model.pb").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("draft")
    with pytest.raises(UserError, match="mine holds something else"):
        saved_model.export(runs, RUN, tmp_path / "mine")
    with pytest.raises(UserError, match="thesis.txt holds something else"):
        saved_model.export(runs, RUN, tmp_path / "mine" / "thesis.txt")
    with pytest.raises(UserError, match="cannot write the export .* with room"):
        saved_model.export(runs, RUN, tmp_path / "mine" / "thesis.txt" / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "mine"]
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_full_disk_leaves_nothing_behind(runs, tmp_path, monkeypatch):
    def save(module, folder, signatures):
        (pathlib.Path(folder) / "saved_model.pb").write_text("half")
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", save)
    with pytest.raises(UserError, match="write out .No space left on device.: free"):
        saved_model.export(runs, RUN, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_another_backend_is_refused(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(UserError, match="found jax: set KERAS_BACKEND=tensorflow"):
        saved_model.export(runs, RUN, tmp_path / "out")


def test_an_export_of_other_weights_is_not_replaced(folder, tmp_path):
    _finished_run(tmp_path, names=["a", "b"])
    with pytest.raises(UserError, match="holds something else"):
        saved_model.export(tmp_path, RUN, folder)
