"""Records of runs: how they are stored, read and refused; the table of results."""

import csv
import dataclasses
import json
import os
import re

import fabricate
import pytest
from refusals import assert_refused

from yosinski_tf.study import records


@pytest.fixture
def record():
    return fabricate.record("A3B+", 0.5)


def test_a_record_is_read_back_as_it_was_written(tmp_path, record):
    record = dataclasses.replace(
        record,
        loss=None,
        class_names=["Katze", "Bär"],
        history=[{"step": 5, "loss": None, "top1": 0.1}, {"step": 9, "top1": 1 / 3}],
    )
    path = records.write_record(tmp_path, record)
    assert path == tmp_path / record.run_id / "record.json"
    assert records.read_record(path) == record


def test_the_newest_studies_in_a_folder_of_studies_are_named(tmp_path, record):
    for age, name in enumerate(["old", "it's new", "newer", "newest"]):
        records.write_record(tmp_path / name, record)
        os.utime(tmp_path / name, (age, age))
    words = (
        f"{tmp_path} needs networks of one study, found other studies in it: did you"
        f" mean --runs={tmp_path}/newest or --runs={tmp_path}/newer or"
        f""" '--runs={tmp_path}/it'"'"'s new'?"""
    )
    assert_refused(f"^{re.escape(words)}$", records.read_records, tmp_path)
    assert records.read_records(tmp_path / "old") == [record]
    (tmp_path / "empty").mkdir()
    assert records.read_records(tmp_path / "empty") == []


def test_fields_that_a_record_promises():
    promised = (
        "run_id status treatment kind n source_half target_half fine_tuned split"
        " split_digest dataset network num_classes recipe seed steps top1 top5 loss"
        " top1_mean_of_10_best history num_validation_images train_seconds"
        " images_per_second cohort weights_sha256 frozen_sha256_before"
        " frozen_sha256_after versions device command"
    ).split()
    assert set(promised) <= {field.name for field in dataclasses.fields(records.Record)}


def test_every_field_is_described():
    for field in dataclasses.fields(records.Record):
        assert f"\n      {field.name}: " in records.Record.__doc__


def test_writing_again_replaces_and_leaves_one_file(tmp_path, record):
    records.write_record(tmp_path, record)
    path = records.write_record(tmp_path, dataclasses.replace(record, top1=0.75))
    assert records.read_record(path).top1 == 0.75
    assert [file.name for file in path.parent.iterdir()] == ["record.json"]


def test_a_number_that_is_not_finite_is_not_stored(tmp_path, record):
    with pytest.raises(ValueError, match="JSON"):
        records.write_record(tmp_path, dataclasses.replace(record, loss=float("nan")))
    assert not list(tmp_path.rglob("*.json"))


def test_values_that_are_nested_too_deeply_are_refused(tmp_path, record):
    path = records.write_record(tmp_path, record)
    deep = "[" * 600 + "]" * 600
    text = path.read_text().replace('"recipe": {', f'"recipe": {{"x": {deep},')
    path.write_text(text)
    assert_refused("not valid JSON: maximum recursion", records.read_record, path)


@pytest.mark.parametrize(
    "name",
    [
        field.name
        for field in dataclasses.fields(records.Record)
        if field.name != "source_sha256"
    ],
)
def test_a_missing_field_is_named(tmp_path, record, name):
    path = records.write_record(tmp_path, record)
    fields = json.loads(path.read_text())
    del fields[name]
    path.write_text(json.dumps(fields))
    assert_refused(
        rf"missing fields \['{name}'\], unknown .*\[\]", records.read_record, path
    )


def test_only_copies_of_a_given_network_say_which(tmp_path, record):
    path = records.write_record(tmp_path, record)
    assert "source_sha256" not in json.loads(path.read_text())
    given = dataclasses.replace(record, source_sha256="ab12")
    path = records.write_record(tmp_path, given)
    assert json.loads(path.read_text())["source_sha256"] == "ab12"
    assert records.read_record(path) == given


def test_records_of_a_folder_come_in_order_of_their_ids(tmp_path, record):
    for run_id in ("b", "a", "c"):
        records.write_record(tmp_path, dataclasses.replace(record, run_id=run_id))
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "tensorboard" / "deep").mkdir(parents=True)
    (tmp_path / "tensorboard" / "deep" / "record.json").write_text("{}")
    assert [found.run_id for found in records.read_records(tmp_path)] == ["a", "b", "c"]


def test_records_by_their_ids(tmp_path, record):
    records.write_record(tmp_path, record)
    (tmp_path / "random-0_A4B_seed0").mkdir()
    assert records.records_by_id(tmp_path) == {record.run_id: record}


def test_a_missing_folder_has_no_records_and_cannot_be_reported(tmp_path):
    assert_refused("no study folder at .*none", records.read_records, tmp_path / "none")
    assert records.records_by_id(tmp_path / "none") == {}
    assert records.read_records(tmp_path) == []


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([0.5], 0.5),
        ([0.2, 0.4], 0.3),
        ([0.1 * k for k in range(12)], 0.65),
        ([1.0] * 10 + [0.0] * 90, 1.0),
    ],
)
def test_mean_of_the_ten_best(values, wanted):
    assert records.mean_of_best(values) == pytest.approx(wanted)


def test_results_have_a_row_per_run_with_every_scalar(tmp_path, record):
    path = tmp_path / "results.csv"
    base = fabricate.record("baseB", 0.625, loss=None)
    records.write_results(path, [record, base])
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert (
        list(rows[0])
        == (
            "run_id status treatment kind n source_half target_half fine_tuned"
            " preserved split split_digest dataset dataset_fingerprint network"
            " num_classes seed steps top1 top5 loss top1_mean_of_10_best"
            " num_train_images num_validation_images train_seconds images_per_second"
            " weights_sha256 frozen_sha256_before frozen_sha256_after backend device"
            " distribution replicas threads command finished_at"
        ).split()
    )
    assert [row["treatment"] for row in rows] == ["A3B+", "baseB"]
    assert [row["fine_tuned"] for row in rows] == ["True", "False"]
    assert [float(row["top1"]) for row in rows] == [0.5, 0.625]
    assert rows[1]["loss"] == rows[1]["source_half"] == ""


def test_results_keep_text_with_commas_and_quotes(tmp_path, record):
    command = 'yosinski-study --treatments=A3B,B3B --runs="my runs"'
    records.write_results(
        tmp_path / "results.csv", [dataclasses.replace(record, command=command)]
    )
    with open(tmp_path / "results.csv", newline="") as file:
        assert next(csv.DictReader(file))["command"] == command


def test_results_of_no_runs_are_the_header_alone(tmp_path):
    records.write_results(tmp_path / "results.csv", [])
    text = (tmp_path / "results.csv").read_text()
    assert text.startswith("run_id,status,treatment,") and text.count("\n") == 1


def test_a_copy_of_a_given_network_is_read_back(tmp_path):
    given = fabricate.record("P9W+", 0.5, "whole", **fabricate.RESNET_MINI)
    assert (given.kind, given.source_half) == ("given", "P")
    assert records.read_record(records.write_record(tmp_path, given)) == given


def test_a_record_copies_no_more_than_its_network_has(tmp_path):
    path = records.write_record(
        tmp_path, fabricate.record("R10W", 0.5, **fabricate.RESNET_MINI)
    )
    words = "resnet_mini has 10 stages: n from 1 to 9, found R10W.*delete its folder"
    assert_refused(words, records.read_record, path)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"stages": ["stem", "block1", "head"]}, ("stem", "block1", "head")),
        ({"layers": [{"name": "conv1"}, {"name": "fc8"}]}, ("conv1", "fc8")),
        ({}, ()),
        ({"layers": "odd"}, ()),
    ],
)
def test_the_stages_of_a_study(settings, names):
    record = fabricate.record("baseB", 0.5, network_settings=settings)
    assert records.stage_names(record) == names


def test_a_record_that_is_removed_while_it_is_read_is_skipped(tmp_path, monkeypatch):
    """As by another process with --retry_failed."""
    for name in ("A3B", "A4B"):
        records.write_record(tmp_path, fabricate.record(name, 0.5))
    real = records.read_record

    def late(path):
        if "A4B" in str(path):
            path.unlink()
        return real(path)

    monkeypatch.setattr(records, "read_record", late)
    (left,) = records.read_records(tmp_path)
    assert left.treatment == "A3B"
    records.write_record(tmp_path, fabricate.record("A4B", 0.5))
    assert records.find_record(tmp_path, fabricate.record("A4B", 0.5).run_id) is None
    monkeypatch.undo()
    assert records.find_record(tmp_path, left.run_id) == left


def test_a_broken_record_is_not_skipped(tmp_path):
    path = records.write_record(tmp_path, fabricate.record("A3B", 0.5))
    path.write_text("{")
    for read in (
        lambda: records.read_records(tmp_path),
        lambda: records.find_record(tmp_path, path.parent.name),
    ):
        assert_refused("is not valid JSON", read)
