"""The flag files: their headers are true, and the paper's are one protocol."""

import dataclasses
import re

import pytest
from commands import run
from places import ROOT

from yosinski_tf.binaries.job.shared_flags import RECIPE
from yosinski_tf.experiment.architectures import get_network, usual_images
from yosinski_tf.experiment.cohorts import make_cohorts
from yosinski_tf.experiment.networks import Conv
from yosinski_tf.experiment.recipes import Recipe
from yosinski_tf.experiment.runs import make_runs
from yosinski_tf.experiment.splits import make_split
from yosinski_tf.experiment.treatments import parse_treatments

FLAGS = ROOT / "flags"
PAPER = ("paper", "paper_complete", "paper_preserve", "paper_reduced")
# Flags that may differ between the paper's flag files.
OWN = {"runs", "plan", "split", "treatments"}
OWN_REDUCED = OWN | {"steps", "rate_drops"}
# The size of cohorts is not part of the protocol.
OWN_PRESERVE = OWN | {"cohort_size"}
# Rows of the table in flags/README.md whose cells begin with a number.
NUMBERS = (
    *("batch_size", "steps", "learning_rate", "momentum", "weight_decay"),
    *("bias_rate", "image_size", "crop_size", "validate_every", "widths"),
)


def settings(name):
    lines = (FLAGS / f"{name}.flags").read_text().splitlines()
    given = [line for line in lines if line.startswith("--")]
    found = {}
    for line in given:
        flag, _, value = line.removeprefix("--").partition("=")
        assert flag not in found, f"{flag} twice in {name}"
        found[flag] = value
    return found


def dry_run(name, *more):
    return run("study", f"--flagfile={FLAGS / name}.flags", "--dry_run", *more)


@pytest.mark.parametrize("path", sorted(FLAGS.glob("*.flags")), ids=lambda p: p.stem)
def test_every_flag_file_says_what_it_is_for(path):
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    text = "\n".join(header)
    for word in ("Reproduces", "Expect", "Time", "Command"):
        assert re.search(rf"^# {word} +(?![A-Z]+$)\S", text, re.M), word
    assert max(map(len, header)) <= 84


def test_the_papers_flag_files_are_one_protocol():
    main = {k: v for k, v in settings("paper").items() if k not in OWN}
    for name in PAPER:
        own = {"paper_reduced": OWN_REDUCED, "paper_preserve": OWN_PRESERVE}.get(
            name, OWN
        )
        others = {k: v for k, v in settings(name).items() if k not in own}
        assert others == {k: v for k, v in main.items() if k not in own}, name
    assert settings("paper")["runs"] == settings("paper_complete")["runs"]
    assert settings("paper")["runs"] != settings("paper_reduced")["runs"]


def test_preserved_layers_of_one_source_are_one_cohort():
    given = settings("paper_preserve")
    classes = [str(number) for number in range(4)]
    split, whole = (make_split(name, classes) for name in (given["split"], "whole"))
    treatments = parse_treatments(given["treatments"].split(","))
    runs = make_runs([(split, treatments)], whole, [0], with_bases=True)
    copies = [c for c in make_cohorts(runs, int(given["cohort_size"])) if c.bases]
    sources = [{run.treatment.source for run in cohort.runs} for cohort in copies]
    assert sources == [{"A"}, {"B"}]
    assert sum(len(cohort.runs) for cohort in copies) == 22


def test_every_field_of_a_recipe_is_a_flag():
    assert list(RECIPE) == [field.name for field in dataclasses.fields(Recipe)]


def _number(text):
    """The first number of a cell, `1,100 steps`; None if it has none."""
    found = re.search(r"\d[\d,]*(\.\d+)?(e-?\d+)?", text)
    return float(found[0].replace(",", "")) if found else None


def _in_force(name):
    """The settings of a flag file, with defaults for the others."""
    given = settings(name)
    network = given.get("network", "mini")
    usual = usual_images(network)
    size = given.get("image_size", usual["image_size"])
    crop = given.get("image_size", usual["crop_size"])
    layers = get_network(network).layers[:7]
    widths = [
        layer.filters if isinstance(layer, Conv) else layer.units for layer in layers
    ]
    own = {"image_size": size, "crop_size": crop, "widths": str(widths)[1:-1]}
    return {**dataclasses.asdict(Recipe()), **own, **given}


def test_the_table_of_the_protocol_is_what_the_flag_files_say():
    readme = (FLAGS / "README.md").read_text()
    table = readme[readme.index("| what | flag |") :].split("\n\n")[0]
    heading, _, *lines = (row.strip("| ").split("|") for row in table.splitlines())
    rows = {cells[1].strip(" `-"): cells for cells in lines}
    checked = []
    for name in ("paper", "quickstart", "tiny_imagenet", "caffenet_sample"):
        (place,) = [at for at, head in enumerate(heading) if name in head]
        for flag in NUMBERS:
            parts = [rows[flag][place]]
            wanted = [float(part) for part in str(_in_force(name)[flag]).split(",")]
            if flag == "widths":
                parts = parts[0].split(", ")
            cells = [_number(part) for part in parts]
            if None not in cells:  # as in "the same"
                assert cells == wanted, (flag, name)
                checked.append(flag)
    assert set(checked) == set(NUMBERS)
    assert len(checked) >= 3 * len(NUMBERS)


def test_the_protocol_is_the_authors():
    wanted = {
        "network": "caffenet",
        "num_outputs": "1000",
        "image_size": "256",
        "crop_size": "227",
        "mirror": "",
        "mean": "image",
        "batch_size": "256",
        "steps": "450000",
        "learning_rate": "0.01",
        "rate_drops": "100000,200000,300000,400000",
        "drop_factor": "0.1",
        "momentum": "0.9",
        "weight_decay": "5e-4",
        "bias_rate": "2",
        "validate_every": "1000",
    }
    assert wanted.items() <= settings("paper").items()
    reduced = settings("paper_reduced")
    assert reduced["steps"] == "200000"
    assert reduced["rate_drops"] == "64000,128000,192000"


@pytest.mark.parametrize(
    ("name", "networks", "time", "weights"),
    [
        ("paper", 158, "1,453 days", "39 GB"),
        ("paper_complete", 298, "2,740 days", "73 GB"),
        ("paper_preserve", 24, "221 days", "5.9 GB"),
        ("paper_reduced", 12, "49 days", "2.9 GB"),
    ],
)
def test_dry_run_without_imagenet(tmp_path, name, networks, time, weights):
    done = dry_run(
        name,
        f"--runs={tmp_path / 'runs'}",
        f"--data_dir={tmp_path}",
        "--rate=145",
        "--processes=1",
    )
    assert done.returncode == 0, done.stderr
    assert f"{networks} networks, 0 done, {networks} to train in" in done.stdout
    assert "1,281,167 images for training and 50,000 for validation" in done.stdout
    assert f"Time: about {time} at the given 145 images/s" in done.stdout
    assert f"{weights} weights" in done.stdout
    header = (FLAGS / f"{name}.flags").read_text()
    assert f"{networks} networks" in re.sub(r"\n# +", " ", header) or networks == 12
    assert f"{time} of one GPU" in header and f"{weights} of weights" in header
    assert max(map(len, done.stdout.splitlines()[5:-2])) < 100
    assert not (tmp_path / "runs").exists()


def test_the_work_of_the_quickstart(tmp_path):
    done = dry_run("quickstart", f"--runs={tmp_path / 'runs'}")
    assert done.stdout.startswith("152 networks, 0 done, 152 to train in 16 cohorts.")
    assert "Work: 4.4e+12 multiply-accumulates for training." in done.stdout


def test_dry_run_gives_the_order(tmp_path):
    done = dry_run("paper", f"--runs={tmp_path / 'r'}", f"--data_dir={tmp_path}")
    cohorts = done.stdout.partition("networks  (after")[2]
    rows = re.findall(r"^ *(\d+)  (\S+) +(\d+)  (.*)$", cohorts, re.M)
    by_id = {cohort: (int(place), rest) for place, cohort, _, rest in rows}
    assert sum(int(count) for _, _, count, _ in rows) == 158
    first, _ = by_id["random-1_A_seed0_first"]
    place, rest = by_id["random-1_B_seed0_copies_1"]
    assert rest == f"({first}) A1B+..A7B+"
    assert first < place
    assert "Time: unknown" in done.stdout and "--rate=" in done.stdout
