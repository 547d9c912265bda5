"""Training: cohorts against networks alone, freezing, resuming, records.

Weights are compared bit for bit, on a processor in float32.
"""

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tiny
from tiny import LAYERS, RECIPE, SPLIT, folder_of, make_job, record_of, weights_of

from yosinski_tf.data.sources import study_copy
from yosinski_tf.data.sources.image_set import make_image_set
from yosinski_tf.experiment.architectures import get_network
from yosinski_tf.experiment.cohorts import Cohort, make_cohorts
from yosinski_tf.experiment.runs import make_runs
from yosinski_tf.experiment.treatments import all_treatments, parse_treatment
from yosinski_tf.export import saved_model
from yosinski_tf.models import surgery, training_model
from yosinski_tf.study import finished_run, records
from yosinski_tf.system.errors import UserError
from yosinski_tf.training import cohort_setup, stopwatch, trainer
from yosinski_tf.training.job import Job, Stopped

FINE_TUNED = ("B1B+", "B5B+", "A6B+", "A7B+")
# Frozen treatments of target B, and some fine-tuned ones.
TREATMENTS = [
    t
    for t in all_treatments(["B"])
    if (t.n in (0, 1, 3, 7) if not t.fine_tuned else str(t) in FINE_TUNED)
]


@pytest.fixture(scope="module")
def study(tmp_path_factory, images):
    """These treatments, in the largest cohorts."""
    runs = tmp_path_factory.mktemp("study")
    cohorts = make_cohorts(
        make_runs([(SPLIT, TREATMENTS)], tiny.WHOLE, [3], with_bases=True)
    )
    assert [len(cohort.runs) for cohort in cohorts] == [4, 1, 10]
    for each in cohorts:
        job = Job(each, tiny.NETWORK, RECIPE, runs, images, "yosinski-test --x")
        trainer.train(job)
    return runs


ALONE = ("baseB", "R7B", "A3B", "A6B+")


@pytest.fixture(scope="module")
def alone(tmp_path_factory, images, study):
    """Some of these runs, each trained alone, from the same base networks."""
    runs = tmp_path_factory.mktemp("alone")
    for treatment in ALONE:
        own = runs / treatment
        for base in ("baseA", "baseB"):
            if base != treatment:
                shutil.copytree(folder_of(study, base), folder_of(own, base))
        trainer.train(make_job(own, images, [treatment]))
    return runs


@pytest.mark.parametrize("treatment", ALONE)
def test_a_network_of_a_cohort_is_the_network_trained_alone(study, alone, treatment):
    tiny.assert_same(
        weights_of(study, treatment), weights_of(alone / treatment, treatment)
    )
    together, apart = (
        record_of(runs, treatment) for runs in (study, alone / treatment)
    )
    assert together.weights_sha256 == apart.weights_sha256
    assert together.cohort["size"] > apart.cohort["size"] == 1
    for one, other in zip(together.history, apart.history, strict=True):
        for key in ("step", "top1", "top5", "learning_rate"):
            assert one[key] == other[key]
        for key in ("loss", "train_loss"):
            assert one[key] == pytest.approx(other[key], rel=1e-5)


@pytest.mark.parametrize(
    "treatment", [t for t in TREATMENTS if t.frozen_layers], ids=str
)
def test_training_changes_all_layers_but_frozen_ones(study, treatment):
    trained = weights_of(study, str(treatment))
    frozen, free = LAYERS[: treatment.n], LAYERS[treatment.n :]
    if treatment.source == "R":
        source = weights_of(study, "R7B")
        for layer in frozen:
            assert not trained[f"{layer}/bias"].any()
    else:
        source = weights_of(study, f"base{treatment.source}")
    for layer in frozen:
        for part in ("kernel", "bias"):
            name = f"{layer}/{part}"
            assert trained[name].tobytes() == source[name].tobytes()
    for layer in free:
        # Biases start at zero.
        assert trained[f"{layer}/bias"].any()
    record = record_of(study, str(treatment))
    digest = surgery.digest(source, frozen)
    assert record.frozen_sha256_before == record.frozen_sha256_after == digest


@pytest.mark.parametrize("treatment, copied", [("baseA", 0), ("A3B", 3), ("R7B", 7)])
def test_the_initial_weights_of_a_finished_run_are_drawn_again(
    study, images, treatment, copied
):
    setup = cohort_setup.set_up(make_job(study, images, [treatment]))
    before = setup.model.weights(treatment)
    run = finished_run.read_finished_run(study, tiny.make_run(treatment).run_id)
    again = finished_run.initial_weights(run)
    assert {name.split("/")[0] for name in again} == {*LAYERS[copied:]}
    tiny.assert_same(again, {name: before[name] for name in again})
    assert not np.array_equal(again["fc8/kernel"], run.weights["fc8/kernel"])
    one, same, other = (finished_run.redrawn_weights(run, n) for n in (0, 0, 1))
    tiny.assert_same(one, same)
    kernels = [f"{layer}/kernel" for layer in LAYERS]
    for drawn in (before, run.weights, other):
        assert not any(np.array_equal(one[name], drawn[name]) for name in kernels)
    assert [v.shape for v in one.values()] == [v.shape for v in run.weights.values()]


@pytest.mark.parametrize("treatment", FINE_TUNED)
def test_fine_tuned_layers_start_at_the_base_and_all_change(study, treatment):
    treatment = parse_treatment(treatment)
    trained = weights_of(study, str(treatment))
    source = weights_of(study, f"base{treatment.source}")
    for layer in LAYERS[: treatment.n]:
        for part in ("kernel", "bias"):
            name = f"{layer}/{part}"
            assert trained[name].tobytes() != source[name].tobytes()
        start, end = source[f"{layer}/kernel"], trained[f"{layer}/kernel"]
        # After a few small steps they are still close to the base.
        assert np.abs(end - start).max() < 0.5 * np.abs(start).max()
    for layer in LAYERS[treatment.n :]:
        assert trained[f"{layer}/bias"].any()
        start, end = source[f"{layer}/kernel"], trained[f"{layer}/kernel"]
        if start.shape == end.shape:
            assert np.abs(end - start).max() > 0.5 * np.abs(start).max()
    record = record_of(study, str(treatment))
    assert record.frozen_sha256_before is record.frozen_sha256_after is None


def test_all_networks_of_a_cohort_differ(study):
    found = records.read_records(study)
    assert len(found) == 15
    assert len({record.weights_sha256 for record in found}) == 15
    heads = [surgery.digest(weights_of(study, r.treatment), ["fc8"]) for r in found]
    assert len(set(heads)) == 15


def test_keras_traces_a_step_once(tmp_path, images, monkeypatch):
    traced, step = [], training_model.TrainingModel.train_step

    def counted(self, batch):
        traced.append(self)
        return step(self, batch)

    monkeypatch.setattr(training_model.TrainingModel, "train_step", counted)
    trainer.train(make_job(tmp_path, images, ["baseB", "R3B"]))
    assert len(traced) == 1


def test_no_iterator_of_a_training_is_autotuned(tmp_path, images, study, monkeypatch):
    shutil.copytree(folder_of(study, "baseB"), folder_of(tmp_path, "baseB"))
    tuned, iterate = [], trainer.tf.data.Dataset.__iter__

    def noted(batches):
        tuned.append(batches.options().autotune.enabled)
        return iterate(batches)

    monkeypatch.setattr(trainer.tf.data.Dataset, "__iter__", noted)
    # Iterators of steps, of validations, and of outputs that are computed once.
    trainer.train(
        dataclasses.replace(make_job(tmp_path, images, ["B3B"]), feature_cache="on")
    )
    assert len(tuned) >= 4 and set(tuned) == {False}


def test_only_a_gpu_gets_deterministic_kernels(tmp_path, images, study, monkeypatch):
    asked = []
    tf = trainer.tf.config
    monkeypatch.setattr(
        tf.experimental, "enable_op_determinism", lambda: asked.append(True)
    )
    job = dataclasses.replace(make_job(tmp_path, images, ["baseA"]), deterministic=True)
    trainer.train(job)
    assert asked == []
    tiny.assert_same(weights_of(tmp_path, "baseA"), weights_of(study, "baseA"))
    monkeypatch.setattr(tf, "list_physical_devices", lambda kind: [kind])
    missing = dataclasses.replace(job, images=tmp_path / "none")
    with pytest.raises(UserError):
        trainer.train(missing)
    assert asked == [True]


def test_another_seed_gives_other_weights_in_every_layer(tmp_path, images, study):
    run = dataclasses.replace(tiny.make_run("baseA"), seed=4)
    job = make_job(tmp_path, images, ["baseA"])
    job = dataclasses.replace(job, cohort=Cohort("cohort", (run,)))
    (record,) = trainer.train(job)
    other = surgery.read_weights(tmp_path / record.run_id / "weights.npz")
    for name, values in weights_of(study, "baseA").items():
        assert values.tobytes() != other[name].tobytes()


def test_a_record_of_a_transfer_network(study):
    record = record_of(study, "A3B")
    assert (record.run_id, record.status) == ("random-0_A3B_seed3", "finished")
    assert (record.treatment, record.kind, record.n) == ("A3B", "transfer", 3)
    assert (record.source_half, record.target_half) == ("A", "B")
    assert record.fine_tuned is False
    assert (record.split, record.split_digest) == ("random:0", SPLIT.digest)
    assert record.dataset == "noise"
    assert len(record.dataset_fingerprint) == 64
    assert record.network == "mini"
    assert record.network_settings == json.loads(json.dumps(tiny.NETWORK.settings()))
    assert record.num_classes == 5
    assert record.class_names == [tiny.CLASSES[c] for c in SPLIT.half_b]
    assert record.recipe == json.loads(json.dumps(RECIPE.settings()))
    assert record.recipe["mean"] == "pixel"
    assert (record.seed, record.steps) == (3, 10)
    counts = (record.num_train_images, record.num_validation_images)
    assert counts == (5 * 11, 5 * 3)
    assert record.train_seconds > 0
    assert record.images_per_second == pytest.approx(80 / record.train_seconds)
    assert record.cohort["id"] == "random-0_B_seed3_copies"
    assert record.cohort["size"] == len(record.cohort["runs"]) == 10
    assert record.run_id in record.cohort["runs"]
    assert record.cohort["total_seconds"] >= record.train_seconds
    assert {"python", "tensorflow", "keras", "numpy"} <= record.versions.keys()
    assert (record.backend, record.command) == ("tensorflow", "yosinski-test --x")
    assert record.device
    assert record.finished_at[10] == "T" and record.finished_at.endswith("+00:00")


def test_records_of_a_random_and_of_a_base_network(study):
    random, base = record_of(study, "R3B"), record_of(study, "baseA")
    assert (random.kind, random.n, random.source_half) == ("random", 3, "R")
    assert (base.kind, base.n, base.source_half) == ("base", 0, None)
    assert (base.target_half, base.num_classes) == ("A", 4)
    assert base.num_train_images == 4 * 11


def test_the_history_of_a_run(study):
    for record in records.read_records(study):
        history = record.history
        assert [entry["step"] for entry in history] == [4, 8, 10]
        rates = [entry["learning_rate"] for entry in history]
        assert rates == pytest.approx([0.01, 0.001, 0.001])
        for entry in history:
            assert set(entry) == {
                *("step", "train_loss", "learning_rate", "top1", "top5", "loss"),
                "images_per_second",
            }
            count = record.num_validation_images
            for share in (entry["top1"], entry["top5"]):
                assert share * count == pytest.approx(round(share * count), abs=1e-4)
            assert 0 <= entry["top1"] <= entry["top5"] <= 1
            # After a few steps, near the loss of a guess, ln 4 or ln 5.
            assert 0.5 < entry["loss"] < 5
            assert 0.5 < entry["train_loss"] < 5
        last = history[-1]
        assert (record.top1, record.top5) == (last["top1"], last["top5"])
        assert record.loss == last["loss"]
        best = sum(entry["top1"] for entry in history) / 3
        assert record.top1_mean_of_10_best == pytest.approx(best)
    # The first four steps of a network from random weights.
    assert record_of(study, "baseB").history[0]["train_loss"] < 2 * math.log(5)


def test_stored_weights_have_the_digest_of_the_record(study):
    for record in records.read_records(study):
        weights = weights_of(study, record.treatment)
        assert surgery.digest(weights, LAYERS) == record.weights_sha256
        assert sorted(weights) == sorted(
            f"{layer}/{part}" for layer in LAYERS for part in ("kernel", "bias")
        )
    # No temporary file, checkpoint or mean image is left beside them.
    for pattern in ("**/*.part", "cohorts/*", "**/mean_image.npy"):
        assert not list(study.glob(pattern))


def test_the_mean_pixel_is_that_of_the_target_half(study, images):
    stored = study_copy.load(images)
    inside = np.isin(stored.train_labels, SPLIT.half_b)
    mean = stored.train_images[inside].mean(axis=(0, 1, 2), dtype=np.float64)
    assert record_of(study, "A3B").mean_pixel == pytest.approx(mean.tolist())
    assert record_of(study, "baseA").mean_pixel != record_of(study, "A3B").mean_pixel


def train_with_stops(job):
    """Trains to the end, stopped later and later; returns the number of stops."""
    for stops in range(20):
        left = iter([False] * stops)
        try:
            trainer.train(job, should_stop=lambda left=left: next(left, True))
            return stops
        except Stopped:
            continue
    raise AssertionError("it did not come to an end")


@pytest.mark.parametrize(
    ("names", "mean"),
    [
        # Two networks, with dropout in a trunk and in heads.
        (["R7B", "baseB"], "pixel"),
        pytest.param(["baseB"], "image", marks=pytest.mark.slow),  # About 10 s.
    ],
)
def test_a_stopped_training_ends_with_the_same_bits(tmp_path, images, names, mean):
    recipe = dataclasses.replace(tiny.LONG_RECIPE, mean=mean)
    whole, parts = (
        make_job(tmp_path / name, images, names, recipe) for name in ("whole", "parts")
    )
    trainer.train(whole)
    assert train_with_stops(parts) >= 2
    tiny.assert_same_runs(whole.runs, parts.runs, names)
    for name in names:
        one, other = (record_of(job.runs, name) for job in (whole, parts))
        assert [entry["step"] for entry in other.history] == [100, 150]
        assert other.frozen_sha256_before == other.frozen_sha256_after
        assert (one.steps, one.top1, one.loss) == (150, other.top1, other.loss)
        assert other.train_seconds > 0
    assert not list(parts.runs.glob("cohorts/*"))


@pytest.mark.parametrize(
    ("rate", "reported"),
    [(1.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), (1e30, [4, 8, 10])],
    ids=["one_step_a_call", "many_steps_a_call"],
)
def test_progress_never_passes_the_last_step(
    tmp_path, images, monkeypatch, rate, reported
):
    monkeypatch.setattr(stopwatch, "SECONDS_PER_REPORT", 1e-9)
    monkeypatch.setattr(trainer, "_ASSUMED_RATE", rate)
    steps = []
    trainer.train(
        make_job(tmp_path, images, ["baseA"], RECIPE),
        report=lambda progress: steps.append(progress.step),
    )
    assert steps == reported


def test_a_training_is_the_same_again_beside_a_checkpoint_of_others(
    tmp_path, images, study
):
    tiny.stop_training(make_job(tmp_path, images, ["R1A"]))
    trainer.train(make_job(tmp_path, images, ["baseA"]))
    tiny.assert_same_runs(tmp_path, study, ["baseA"])


def test_a_checkpoint_of_another_base_is_not_continued(tmp_path, images, study):
    folder = shutil.copytree(folder_of(study, "baseA"), folder_of(tmp_path, "baseA"))
    # Fine-tuned, without frozen layers, whose digest would differ.
    job = make_job(tmp_path, images, ["A6B+"])
    tiny.stop_training(job)
    weights = weights_of(tmp_path, "baseA")
    weights["conv1/kernel"] *= 2
    np.savez(folder / "weights.npz", **weights)
    digest = surgery.digest(weights, LAYERS)
    record = dataclasses.replace(record_of(tmp_path, "baseA"), weights_sha256=digest)
    records.write_record(tmp_path, record)
    reports = []
    trainer.train(job, report=reports.append)
    (note,) = [progress.note for progress in reports if progress.note]
    assert "the base of random-0_A6B+_seed3 was trained again since" in note
    assert note.endswith("training starts again")


def test_a_training_continues_with_the_same_backend_only(monkeypatch, images):
    job, stored = make_job(images, images, ["baseA"]), study_copy.load(images)
    one = cohort_setup.settings_digest(job, stored)
    assert cohort_setup.settings_digest(job, stored) == one
    monkeypatch.setattr(cohort_setup.keras.backend, "backend", lambda: "jax")
    assert cohort_setup.settings_digest(job, stored) != one


def test_a_missing_base_network_or_data_set_is_refused(tmp_path, images):
    with pytest.raises(UserError, match="random-0_baseA_seed3"):
        trainer.train(make_job(tmp_path, images, ["A3B"]))
    with pytest.raises(UserError, match="no data set at .*none"):
        trainer.train(make_job(tmp_path, tmp_path / "none", ["baseA"]))


def test_the_training_loss_is_the_mean_since_the_last_validation(
    tmp_path, images, study
):
    recipe = dataclasses.replace(RECIPE, validate_every=10)
    (record,) = trainer.train(make_job(tmp_path, images, ["baseA"], recipe))
    tiny.assert_same(weights_of(tmp_path, "baseA"), weights_of(study, "baseA"))
    losses = [entry["train_loss"] for entry in record_of(study, "baseA").history]
    # These are means of 4, 4 and 2 steps.
    assert record.history[0]["train_loss"] == pytest.approx(
        (4 * losses[0] + 4 * losses[1] + 2 * losses[2]) / 10, rel=1e-5
    )
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


CAFFENET = get_network("caffenet", widths=(4, 4, 4, 4, 4, 8, 8), num_outputs=12)


@pytest.fixture(scope="module")
def less_a_mean_image(tmp_path_factory, images):
    """Runs whose recipe subtracts a mean image."""
    runs = tmp_path_factory.mktemp("mean_image")
    recipe = dataclasses.replace(RECIPE, mean="image")
    for names in (["baseA"], ["A3B", "R2B"]):
        trainer.train(make_job(runs, images, names, recipe))
    return runs


def test_the_mean_image_of_the_half_is_stored_with_the_weights(
    less_a_mean_image, images, study
):
    stored = study_copy.load(images)
    for treatment, half in (("A3B", SPLIT.half_b), ("baseA", SPLIT.half_a)):
        inside = np.isin(stored.train_labels, half)
        mean = stored.train_images[inside].mean(axis=0, dtype=np.float64)
        path = folder_of(less_a_mean_image, treatment) / "mean_image.npy"
        found = np.load(path, allow_pickle=False)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, mean, rtol=1e-6)
        record = record_of(less_a_mean_image, treatment)
        assert record.recipe["mean"] == "image"
        assert record.mean_pixel == pytest.approx(found.mean((0, 1)).tolist())
    assert record.weights_sha256 != record_of(study, "baseA").weights_sha256


@pytest.mark.parametrize(
    "mean", ["pixel", pytest.param("image", marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_a_narrow_caffenet_through_record_and_export(tmp_path, images, mean):
    recipe = dataclasses.replace(
        RECIPE, image_size=54, crop_size=45, mean=mean, learning_rate=1e-4
    )
    # Its strides need 39 pixels: the stored images are made larger.
    stored, folder = study_copy.load(images), tmp_path / "images"
    train_images, validation_images = (
        np.kron(each, np.ones((1, 3, 3, 1), np.uint8))
        for each in (stored.train_images, stored.validation_images)
    )
    training = train_images, stored.train_labels
    validation = validation_images, stored.validation_labels
    larger = make_image_set("noise", tiny.CLASSES, None, training, validation)
    study_copy.save(folder, larger)
    for names in (["baseA"], ["A3B", "A3B+"]):
        job = make_job(tmp_path / "runs", folder, names, recipe)
        trainer.train(dataclasses.replace(job, network=CAFFENET))
    record = record_of(job.runs, "A3B")
    assert record.network == "caffenet" and record.num_classes == 5
    assert record.frozen_sha256_before == record.frozen_sha256_after
    weights = weights_of(job.runs, "A3B")
    assert weights["fc8/bias"].shape == (12,)
    assert weights["conv2/kernel"].shape == (5, 5, 2, 4)
    # Eight steps at a rate that hardly moves it from the released bias.
    assert weights["conv4/bias"] == pytest.approx(1, abs=0.1)

    out = saved_model.export(job.runs, record.run_id, tmp_path / "model")
    inside = np.isin(stored.validation_labels, SPLIT.half_b)
    signatures = tf.saved_model.load(str(out)).signatures
    inputs = tf.constant(validation_images[inside])
    answer = signatures["serving_default"](images=inputs)
    labels = np.searchsorted(SPLIT.half_b, stored.validation_labels[inside])
    logits = answer["logits"].numpy().astype(np.float64)
    assert logits.shape == (15, 5)
    np.testing.assert_allclose(answer["probabilities"].numpy().sum(1), 1, rtol=1e-5)
    # Probabilities are over the classes only, the validation was over all outputs.
    share = np.exp(logits - logits.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    np.testing.assert_allclose(answer["probabilities"], share, rtol=1e-4)
    assert set(answer["class_names"].numpy()) <= {c.encode() for c in tiny.CLASSES}
    assert (logits.argmax(1) == labels).mean() >= record.top1 - 1e-6


@pytest.mark.slow
def test_an_export_subtracts_the_mean_image_of_the_training(
    tmp_path, images, less_a_mean_image
):
    shutil.copytree(folder_of(less_a_mean_image, "baseA"), folder_of(tmp_path, "baseA"))
    record = record_of(tmp_path, "baseA")
    stored = study_copy.load(images)
    inside = np.isin(stored.validation_labels, SPLIT.half_a)
    pixels = stored.validation_images[inside]
    labels = np.searchsorted(SPLIT.half_a, stored.validation_labels[inside])

    def loss_of(folder):
        signatures = tf.saved_model.load(str(folder)).signatures
        answer = signatures["serving_default"](images=tf.constant(pixels))
        share = answer["probabilities"].numpy()[np.arange(len(labels)), labels]
        return float(-np.log(share.astype(np.float64)).mean())

    folder = saved_model.export(tmp_path, record.run_id, tmp_path / "model")
    assert loss_of(folder) == pytest.approx(record.loss, rel=1e-5)
    mean = folder_of(tmp_path, "baseA") / "mean_image.npy"
    # Mirrored, it still has the same mean pixel.
    np.save(mean, np.load(mean)[::-1, ::-1])
    other = saved_model.export(tmp_path, record.run_id, tmp_path / "other")
    assert loss_of(other) != pytest.approx(record.loss, rel=1e-5)
    np.save(mean, np.load(mean) + 1)
    with pytest.raises(UserError, match="is not the mean image of its record"):
        saved_model.export(tmp_path, record.run_id, tmp_path / "third")
    mean.write_bytes(b"garbage")
    with pytest.raises(UserError, match="cannot read the mean image .*it is damaged"):
        saved_model.export(tmp_path, record.run_id, tmp_path / "third")
    mean.unlink()
    with pytest.raises(UserError, match="cannot read the mean image"):
        saved_model.export(tmp_path, record.run_id, tmp_path / "third")
