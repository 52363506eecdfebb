"""The wheel holds `ates` and nothing else, as real files, and works where there is no repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_SOURCE = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "results", "*.so")
NEEDED = {
    "ates/py.typed",
    "ates/projections/tasks.py",
    "ates/platform/db/migrations/0001_auth.sql",
    "ates/embedded/envoy.yaml.j2",
    "ates/embedded/kafka.lock",
    "ates/embedded/registry.lock",
    "ates/schemas/avsc/tasks.events-TaskCreated.avsc",
    "ates/web/static/ates.css",
    "ates/web/static/vendor/htmx.org/htmx.min.js",
    "ates/web/kit/pages/templates/base.html",
    "ates/web/tasks/templates/tasks/index.html",
    "ates/web/tasks/queries.sql",
}
IMPORTED = ("ates.agents.tasks", "ates.tables", "ates.schemas.subjects", "ates.web.tasks.app", "ates.embedded")


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints, far from the repository and from our settings."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("ATES_", "PYTHON"))}
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, which keeps the links: a build leaves its own folders behind."""
    source, built = tmp_path_factory.mktemp("source") / "ates", tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, source, symlinks=True, ignore=NOT_SOURCE)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", built, source, cwd=built)
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and with what it depends on but not with the repository."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    # A plain path: what is installed there counts, the file that leads from there to the repository does not.
    own = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", "--ignore-installed", wheel, cwd=folder)
    return folder


def test_a_wheel_holds_ates_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"ates", f"ates-{wheel.name.split('-')[1]}.dist-info"}


def test_a_wheel_holds_every_file_of_the_package_as_a_file(wheel: Path) -> None:
    here = {
        str(Path(folder, name).relative_to(ROOT))
        for folder, _, names in os.walk(ROOT / "ates", followlinks=True)
        for name in names
        if "__pycache__" not in folder and not name.endswith(".so")
    }
    packed = {info.filename: info for info in zipfile.ZipFile(wheel).infolist() if info.filename.startswith("ates/")}
    assert here >= NEEDED
    compiled = {name for name in packed if name.endswith(".so")}
    assert {name.partition(".")[0] for name in compiled} == {
        "ates/schemas/_plan", "ates/schemas/_headers", "ates/streams/_murmur2",
    }  # fmt: skip
    assert set(packed) - compiled == here
    for name, info in packed.items():
        assert (info.external_attr >> 28) & 0xF in (0, 0o10), f"{name} is no plain file"
        assert name in compiled or info.file_size == (ROOT / name).stat().st_size


def test_it_is_installed_and_found_where_it_was_installed(installed: Path) -> None:
    script = f"import importlib as i; [print(i.import_module(name).__file__) for name in {IMPORTED}]"
    files = run(installed / "bin" / "python", "-c", script, cwd=installed).split()
    assert len(files) == len(IMPORTED)
    assert all(Path(file).is_relative_to(installed) for file in files)


def test_its_command_works(installed: Path) -> None:
    said = run(installed / "bin" / "ates", "--help", cwd=installed)
    for command in ("up", "status", "down", "worker", "web", "topics", "schemas", "audit"):
        assert f"  {command} " in said
    assert "tasks.events" in run(installed / "bin" / "ates", "topics", "list", cwd=installed)


def test_what_lies_in_its_files_is_read_from_there(installed: Path) -> None:
    assert "TaskCreated" in run(installed / "bin" / "ates", "schemas", "list", cwd=installed)
