"""A built wheel holds all files of the package."""

import pathlib
import shutil
import subprocess
import sys
import zipfile

import yosinski_tf

PACKAGE = pathlib.Path(yosinski_tf.__file__).parent


def test_a_wheel_holds_the_tables_and_templates(tmp_path):
    # Building leaves folders behind, so it works on a copy.
    source = tmp_path / "source"
    shutil.copytree(
        PACKAGE, source / "yosinski_tf", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(PACKAGE.parent / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", f"--wheel-dir={tmp_path}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    held = {
        name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name
    }
    files = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert held == files
    assert "yosinski_tf/results/published_runs.csv" in held
    assert "yosinski_tf/report/templates/published.md.j2" in held
