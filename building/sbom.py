"""The software bill of materials (CycloneDX 1.6, JSON): the installed Python packages, and files from Maven.

    make sbom        writes sbom.cdx.json

Postgres, Envoy and the Java runtime are among the packages. Kafka's broker and the schema registry come from Maven:
`ates/embedded/*.lock` names their files, with the checksums that a download is held to.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from ates.embedded.downloads import Artifact, read_lock

LOCKS = ("kafka.lock", "registry.lock")


def python_packages() -> Bom:
    """Those of this environment, with licences and what depends on what."""
    options = ("--no-validate", "--sv", "1.6", "--of", "JSON", sys.executable)
    command = [sys.executable, "-m", "cyclonedx_py", "environment", *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found: Bom = Bom.from_json(json.loads(done.stdout))  # type: ignore[attr-defined]
    return found


def component(file: Artifact) -> Component:
    """A file of a Maven repository."""
    qualifiers = {"type": file.packaging} | ({"classifier": file.classifier} if file.classifier else {})
    purl = PackageURL("maven", file.group, file.name, file.version, qualifiers)
    return Component(
        type=ComponentType.LIBRARY,
        group=file.group,
        name=file.name,
        version=file.version,
        purl=purl,
        bom_ref=str(purl),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)],
    )


def bill_of_materials() -> str:
    """The document. Raises `ValueError` when it is not what CycloneDX' schema says."""
    bom = python_packages()
    for package in bom.components:  # homepages; and this directory, as where aTES itself is from
        package.external_references.clear()
    for lock in LOCKS:
        bom.components.update(map(component, read_lock(lock)))
    text = str(JsonV1Dot6(bom).output_as_string(indent=2))
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(str(error))
    return text


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(bill_of_materials() + "\n", encoding="utf-8")
