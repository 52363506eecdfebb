"""What we ship of others' work is what they published: `web/static/vendor.lock.json` names every byte."""

from __future__ import annotations

import hashlib
import json

from ates.web.kit.pages.static import DIRECTORY

LOCK = json.loads((DIRECTORY / "vendor.lock.json").read_text())
FILES = {name: about for package in LOCK["packages"] for name, about in package["files"].items()}


def test_every_vendored_file_has_the_hash_of_the_lock() -> None:
    found = {name: hashlib.sha256((DIRECTORY / name).read_bytes()).hexdigest() for name in FILES}
    assert found == {name: about["sha256"] for name, about in FILES.items()}


def test_no_file_is_vendored_without_the_lock_knowing() -> None:
    present = {str(path.relative_to(DIRECTORY)) for path in (DIRECTORY / "vendor").rglob("*") if path.is_file()}
    assert present == set(FILES)


def test_every_package_comes_with_its_licence() -> None:
    for package in LOCK["packages"]:
        assert package["version"]
        assert any(name.endswith("/LICENSE") for name in package["files"]), package["name"]
