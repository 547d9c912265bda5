"""Which module may import which, and how late TensorFlow is imported."""

import ast
import pathlib
import subprocess
import sys

import pytest

import yosinski_tf

PACKAGE = "yosinski_tf"
FOLDER = pathlib.Path(yosinski_tf.__file__).parent

# What needs a tensor library: everything else is imported without one.
KERAS_ONLY = {
    "blocks",
    "layers",
    "loss_scaling",
    "graphs",
    "models",
    "objectives",
    "optimizers",
    "train_state",
    "watches",
}
TENSORFLOW = {
    "benchmarks.ceiling",
    "benchmarks.input_variants",
    "benchmarks.keras_baseline",
    "benchmarks.photographs",
    "benchmarks.step_variants",
    "data.batch_map",
    "data.embedded_tfds",
    "data.feature_batches",
    "data.order",
    "data.pipeline",
    "data.stored_batches",
    "distribution",
    "export",
    "feature_cache",
    "outcome",
    "preparation",
    "provenance",
    "tensorboard_log",
    "training",
}
HEAVY = {"tensorflow", "keras", "jax", "tensorboard", "tensorflow_datasets"}


def module_name(path):
    parts = path.relative_to(FOLDER).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


TREES = {
    module_name(path): ast.parse(path.read_text())
    for path in sorted(FOLDER.rglob("*.py"))
}


def imported(nodes):
    """Dotted names that some statements import."""
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
    """Those of the names that are modules of the package."""
    short = {name.removeprefix(f"{PACKAGE}.") for name in names}
    return {name for name in short if name in TREES and f"{PACKAGE}.{name}" in names}


def roots(names):
    return {name.split(".")[0] for name in names}


def test_the_modules_are_found():
    assert {"treatments", "data.pipeline", "binaries.study", "training"} <= set(TREES)
    assert "jobs" in inside(everywhere("training"))
    assert "training" in inside(everywhere("scheduler"))
    assert "training" not in inside(at_the_top("scheduler"))


def test_no_module_imports_itself_in_a_circle():
    below = {module: inside(everywhere(module)) for module in TREES}
    done = set()

    def visit(module, path):
        assert module not in path, " -> ".join([*path, module])
        if module not in done:
            for other in sorted(below[module]):
                visit(other, [*path, module])
            done.add(module)

    for module in TREES:
        visit(module, [])


@pytest.mark.parametrize("module", sorted(TREES))
def test_flags_and_binaries_stay_at_the_door(module):
    names = everywhere(module)
    if not module.startswith("binaries"):
        assert "absl" not in roots(names)
        assert not any(name.startswith("binaries") for name in inside(names))


@pytest.mark.parametrize("module", sorted(m for m in TREES if m.startswith("data.")))
def test_data_knows_nothing_of_networks(module):
    others = {
        name for name in inside(everywhere(module)) if not name.startswith("data.")
    }
    assert others <= {"data", "errors", "files", "ilsvrc", "machine", "records"}


@pytest.mark.parametrize(
    "module",
    ["treatments", "networks", "architectures", "recipes", "splits", "plan", "records"],
)
def test_the_papers_nouns_stand_on_nothing_but_each_other(module):
    nouns = {"errors", "ilsvrc", "treatments", "networks", "recipes", "splits"}
    assert inside(everywhere(module)) <= nouns | {"files", "typed"}
    assert roots(everywhere(module)) & HEAVY == set()


@pytest.mark.parametrize("module", sorted(KERAS_ONLY))
def test_networks_run_on_any_keras_backend(module):
    assert roots(everywhere(module)) & HEAVY == {"keras"}


@pytest.mark.parametrize("module", sorted(set(TREES) - KERAS_ONLY - TENSORFLOW))
def test_tensor_libraries_are_imported_late(module):
    assert roots(at_the_top(module)) & HEAVY == set()
    heavy = KERAS_ONLY | TENSORFLOW
    assert inside(at_the_top(module)) & heavy == set()


def test_the_lists_above_name_modules():
    assert set(TREES) >= KERAS_ONLY | TENSORFLOW


def test_the_parent_process_never_imports_a_tensor_library():
    code = (
        "import sys\n"
        "import yosinski_tf.scheduler, yosinski_tf.study, yosinski_tf.report\n"
        "import yosinski_tf.binaries.study, yosinski_tf.binaries.base\n"
        "import yosinski_tf.binaries.transfer, yosinski_tf.binaries.random\n"
        "import yosinski_tf.binaries.prepare, yosinski_tf.data.prepare\n"
        f"print(sorted(set(sys.modules) & {HEAVY!r}))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "[]"


def test_module_names_say_what_they_are_for():
    for module in TREES:
        last = module.split(".")[-1]
        assert last not in ("util", "utils", "helper", "helpers", "common", "misc")
