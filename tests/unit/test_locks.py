"""requirements/*.lock say exactly what is installed, and agree with the ranges of pyproject.toml."""

from __future__ import annotations

import re
import runpy
from importlib.metadata import requires

import pytest
from lockfiles import FOLDER, ROOT, locked, version
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("core", "dev", "build")


def ranges(extra: str) -> list[Requirement]:
    """The requirements of pyproject.toml, with those of the extra of that name, and of the extras that it includes."""
    wanted = [Requirement(line) for line in requires("ates") or []]
    found = [one for one in wanted if "extra ==" not in str(one.marker) or f'extra == "{extra}"' in str(one.marker)]
    included = {name for one in found if one.name == "ates" for name in one.extras}
    return [one for one in found if one.name != "ates"] + [
        one for one in wanted if any(f'extra == "{name}"' in str(one.marker) for name in included)
    ]


def wrong(wanted: list[Requirement], lock: str) -> list[str]:
    pins = locked(lock)
    return [
        str(one)
        for one in wanted
        if not pins.get(canonicalize_name(one.name))
        or not all(one.specifier.contains(version(pin)) for pin in pins[canonicalize_name(one.name)])
    ]


@pytest.mark.parametrize(("lock", "extra"), [("core", ""), ("dev", "dev")])
def test_every_range_has_a_pin_inside_it(lock: str, extra: str) -> None:
    wanted = ranges(extra)
    assert len(wanted) > 20
    assert wrong(wanted, lock) == []


def test_the_image_builds_with_the_tools_that_are_asked_for() -> None:
    lines = (FOLDER / "build.in").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if not line.startswith("#")]
    assert wrong(wanted, "build") == []
    backend = runpy.run_path(str(ROOT / "building" / "backend.py"))
    assert {backend["CYTHON"], backend["ZIG"]} < set(lines)


@pytest.mark.parametrize("lock", ["core", "build"])
def test_all_locks_name_one_version_of_a_package(lock: str) -> None:
    every = locked("dev")
    shared = {name: pins for name, pins in locked(lock).items() if name in every}
    assert len(shared) >= 3
    assert {name: list(map(version, pins)) for name, pins in shared.items()} == {
        name: list(map(version, every[name])) for name in shared
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_its_hashes_and_no_host_is_named(lock: str) -> None:
    text = (FOLDER / f"{lock}.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^--?(i|index|extra|find|trusted)", text, re.MULTILINE)
    pins = re.split(r"^(?=[a-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[1:]
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", pin) for pin in pins)


def test_make_and_the_image_install_nothing_else() -> None:
    makefile, dockerfile = ((ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "Dockerfile"))
    commands = re.sub(r"\\\n\s*|PIP := .*", "", makefile + dockerfile)
    installs = re.findall(r"(?:\$\(PIP\)|pip install|pip wheel)((?:(?!\$\(PIP\)|&&).)+)", commands)
    assert len(installs) == 7
    for install in installs:
        assert re.search("--require-hashes|--no-deps|--no-index", install), install
