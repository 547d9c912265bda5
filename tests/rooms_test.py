"""Which rooms (folders of the package) a room may import, and where TensorFlow is."""

import ast
import pathlib

import pytest
from commands import python

import yosinski_tf

PACKAGE = "yosinski_tf"
FOLDER = pathlib.Path(yosinski_tf.__file__).parent

# In order: a room may import itself and every room that stands before it.
ROOMS = (
    ("system",),
    ("experiment", "machine"),
    ("models", "data.embedded", "data", "data.store", "data.sources", "data.batches"),
    ("data.prepare", "study"),
    ("training", "export", "results"),
    ("explain",),
    ("scheduling", "figures"),
    ("report", "benchmarks"),
    ("binaries.job", "binaries"),
)
FLOOR = {room: number for number, room in enumerate(sum(ROOMS, ()))}
# Only these modules import a tensor library at the top, so that processes that plan
# or report start at once and take little memory.
KERAS_ONLY = (
    "export.keras_model",
    "models.applications",
    "models.blocks",
    "models.caffe_sgd",
    "models.calibration",
    "models.cohort",
    "models.cohort_graph",
    "models.fresh_layers",
    "models.keras_file",
    "models.keras_graph",
    "models.layer_variables",
    "models.layers",
    "models.loss_scaling",
    "models.network_reading",
    "models.network_building",
    "models.onednn",
    "models.optimizers",
    "models.pixel_scaling",
    "models.pixels",
    "models.place_in_batch",
    "models.plain_network",
    "models.resnet_mini",
    "models.schedule",
    "models.stage_models",
    "models.training_model",
    "models.user_function",
    "training.train_state",
)
TENSORFLOW = (
    "benchmarks.input_pipeline",
    "benchmarks.keras_baseline",
    "benchmarks.photographs",
    "data.batches.feature_batches",
    "data.batches.order",
    "data.batches.pipeline",
    "data.batches.stored_batches",
    "data.embedded.tfds_builder",
    "explain.half_images",
    "explain.measuring",
    "explain.observer",
    "explain.study",
    "explain.tensorboard_pictures",
    "explain.unit_networks",
    "export.bmp",
    "export.decoding",
    "export.file_bytes",
    "export.gif",
    "export.headers",
    "export.pixel_checks",
    "export.saved_model",
    "export.upright",
    "export.webp",
    "training.checkpointer",
    "training.cohort_setup",
    "training.distribution",
    "training.half_batches",
    "training.provenance",
    "training.run_results",
    "training.tensorboard_log",
    "training.trainer",
)
HEAVY = {"tensorflow", "keras", "jax", "tensorboard", "tensorflow_datasets"}


def module_name(path):
    parts = path.relative_to(FOLDER).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


TREES = {
    module_name(path): ast.parse(path.read_text())
    for path in sorted(FOLDER.rglob("*.py"))
}
MODULES = sorted(TREES.keys() - FLOOR.keys() - {""})


def room(module):
    return module.rpartition(".")[0]


def imported(nodes):
    """The dotted names that some statements import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def everywhere(module):
    return set(imported(ast.walk(TREES[module])))


def at_the_top(module):
    return set(imported(TREES[module].body))


def inside(names):
    """Those of the names that are modules of the package, without its name."""
    return {module for module in MODULES if f"{PACKAGE}.{module}" in names}


def roots(names):
    return {name.split(".")[0] for name in names}


def test_the_package_root_holds_rooms_and_nothing_else():
    assert [path.name for path in FOLDER.glob("*.py")] == ["__init__.py"]
    folders = {path.parent for path in FOLDER.rglob("*.py")} - {FOLDER}
    names = {".".join(path.relative_to(FOLDER).parts) for path in folders}
    assert names == FLOOR.keys()
    assert len({name.split(".")[0] for name in FLOOR}) <= 16
    assert {"experiment.runs", "training.trainer", "binaries.study"} <= set(MODULES)


@pytest.mark.parametrize("name", FLOOR)
def test_a_room_says_what_it_is_for_and_imports_nothing_itself(name):
    assert len(TREES[name].body) == 1
    # Line ends may part the words.
    text = " ".join(ast.get_docstring(TREES[name]).split())
    assert "Comes in: " in text and "Goes out: " in text


@pytest.mark.parametrize("module", MODULES)
def test_rooms_import_one_way(module):
    for other in inside(everywhere(module)):
        assert FLOOR[room(other)] <= FLOOR[room(module)], (module, other)


def test_no_circle_of_imports():
    below = {module: inside(everywhere(module)) for module in MODULES}
    done = set()

    def visit(module, path):
        assert module not in path, " -> ".join([*path, module])
        if module not in done:
            for other in sorted(below[module]):
                visit(other, [*path, module])
            done.add(module)

    for module in MODULES:
        visit(module, [])


@pytest.mark.parametrize("module", [m for m in MODULES if "binaries" not in m])
def test_only_the_binaries_read_flags(module):
    assert "absl" not in roots(everywhere(module))


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("data.")])
def test_data_knows_nothing_of_networks(module):
    known = inside(everywhere(module))
    assert not any(room(name) in ("models", "study") for name in known)
    nouns = {name for name in known if room(name) == "experiment"}
    assert nouns <= {"experiment.ilsvrc"}


@pytest.mark.parametrize("module", KERAS_ONLY)
def test_networks_run_on_any_keras_backend(module):
    assert roots(everywhere(module)) & HEAVY == {"keras"}


@pytest.mark.parametrize("module", sorted({*MODULES} - {*KERAS_ONLY, *TENSORFLOW}))
def test_tensor_libraries_are_imported_late(module):
    assert roots(at_the_top(module)) & HEAVY == set()
    assert inside(at_the_top(module)) & {*KERAS_ONLY, *TENSORFLOW} == set()


def test_the_lists_of_tensor_modules_name_modules():
    assert {*MODULES} >= {*KERAS_ONLY, *TENSORFLOW}


def test_the_process_that_plans_never_imports_a_tensor_library():
    code = (
        "import sys\n"
        "import yosinski_tf.binaries.study, yosinski_tf.binaries.base\n"
        "import yosinski_tf.binaries.transfer, yosinski_tf.binaries.random\n"
        "import yosinski_tf.binaries.prepare, yosinski_tf.data.prepare.make_store\n"
        f"print(sorted(set(sys.modules) & {HEAVY!r}))\n"
    )
    ended = python(code)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "[]"


def test_no_module_has_a_name_that_says_nothing():
    for module in MODULES:
        last = module.split(".")[-1]
        assert last not in ("util", "utils", "helper", "helpers", "common", "misc")
