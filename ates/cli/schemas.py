"""`ates schemas`: what the records look like, whether the registry takes them, and telling it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from ates.cli import output
from ates.domain.errors import Unprocessable
from ates.platform import log
from ates.platform.registry import COMPATIBILITY, Registry
from ates.platform.settings import load
from ates.retry import until_available
from ates.schemas import compatibility, difference, history
from ates.schemas.avro import Schema, full_name
from ates.schemas.subjects import SUBJECTS

_WAIT_S = 60.0
_wait = click.option(
    "--wait", "wait_s", type=float, default=_WAIT_S, show_default=True, help="Seconds to wait for the registry."
)


@click.group()
def schemas() -> None:
    """List, check and register Avro schemas."""


@schemas.command("list")
@output.as_json
def list_schemas(as_json: bool) -> None:
    """Show every subject, its record and fields, as this program writes them. Asks no registry.

    As JSON: subject -> its versions, oldest first.
    """
    if as_json:
        click.echo(json.dumps({subject: history.versions(subject) for subject in SUBJECTS}, ensure_ascii=False))
        return
    for subject in SUBJECTS:
        *old, schema = history.versions(subject)
        click.echo(f"{subject}  {full_name(schema)}  version {len(old) + 1}")
        for field in schema["fields"]:
            click.echo(f"    {field['name']:20} {compatibility.shown(field):24} {field['doc']}")


@schemas.command()
@_wait
@output.as_json
def check(wait_s: float, as_json: bool) -> None:
    """Compare with every version in the registry; exit 1 naming subject and field when one does not fit."""
    settings = load()
    log.configure(settings, "schemas")

    async def run() -> list[Finding]:
        async with Registry(settings) as registry:
            return await until_available(lambda: _check_all(registry), "the schema registry", wait_s)

    findings = asyncio.run(run())
    lines = (
        line
        for each in findings
        for line in (f"{each.subject}: {each.state}", *(f"    {it}" for it in each.objections))
    )
    output.say([asdict(finding) for finding in findings], "\n".join(lines), as_json)
    bad = [f"{finding.subject}: {'; '.join(finding.objections)}" for finding in findings if finding.objections]
    if bad:
        raise Unprocessable("schema_incompatible", f"incompatible: {' | '.join(bad)}")


@schemas.command()
@_wait
@output.as_json
def register(wait_s: float, as_json: bool) -> None:
    """Register every version, oldest first, under FULL_TRANSITIVE compatibility. Again is a no-op."""
    settings = load()
    log.configure(settings, "schemas")

    async def run() -> list[int]:
        async with Registry(settings) as registry:
            return await until_available(lambda: register_all(registry), "the schema registry", wait_s)

    count = len(asyncio.run(run()))
    output.say({"subjects": count}, f"{count} subjects registered", as_json)


@schemas.command()
@click.argument("subject")
@click.option("--old", type=int, help="Version to compare; by default the one before --new.")
@click.option("--new", type=int, help="Version to compare it with; by default the newest.")
@output.as_json
def diff(subject: str, old: int | None, new: int | None, as_json: bool) -> None:
    """Show what differs between two versions of a SUBJECT in the registry: fields first, then line by line."""
    settings = load()
    log.configure(settings, "schemas")

    async def run() -> dict[int, Schema]:
        async with Registry(settings) as registry:
            return await registry.versions(subject)

    versions = asyncio.run(run())
    before, after = difference.chosen(subject, list(versions), old, new)
    changes = difference.field_changes(versions[before], versions[after])
    lines = [f"{subject}: version {before} → {after}", *(f"    {c.kind} {c.field}: {c.text}" for c in changes)]
    lines += [f"{sign} {text}" for sign, text in difference.unified(versions[before], versions[after])]
    said = {"subject": subject, "old": before, "new": after, "changes": [change.to_json() for change in changes]}
    output.say(said, "\n".join(lines), as_json)


@schemas.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default="schemas/avsc")
@output.as_json
def write(folder: Path, as_json: bool) -> None:
    """Generate the checked-in .avsc files from the records; prints which of them changed."""
    changed = []
    for name, text in history.generated().items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(str(path))
    if changed or as_json:
        output.say({"written": changed}, "\n".join(changed), as_json)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the registry's versions of one subject mean for ours."""

    subject: str
    state: str
    objections: tuple[str, ...] = ()


async def register_all(registry: Registry) -> list[int]:
    """The ids of today's schemas, one for each subject, all of them registered. Idempotent.

    Reads go side by side, writes one after the other: Apicurio's database locks up on several at once.
    """
    known = await asyncio.gather(*(_known(registry, subject) for subject in SUBJECTS))
    return [schema_id or await _register(registry, subject) for subject, schema_id in zip(SUBJECTS, known, strict=True)]


async def _known(registry: Registry, subject: str) -> int | None:
    """The id of today's schema, None when anything is still to be done for `subject`."""
    ids = await asyncio.gather(*(registry.id_of(subject, schema) for schema in history.versions(subject)))
    if None in ids or await registry.compatibility(subject) != COMPATIBILITY:
        return None
    return ids[-1]


async def _register(registry: Registry, subject: str) -> int:
    first, *later = history.versions(subject)
    schema_id = await registry.register(subject, first)
    await registry.demand_compatibility(subject, COMPATIBILITY)
    for schema in later:
        schema_id = await registry.register(subject, schema)
    return schema_id


async def _check_all(registry: Registry) -> list[Finding]:
    return await asyncio.gather(*(_check(registry, subject) for subject in SUBJECTS))


async def _check(registry: Registry, subject: str) -> Finding:
    schema = history.versions(subject)[-1]
    theirs = await registry.versions(subject)
    if not theirs:
        return Finding(subject, "new")
    if schema_id := await registry.id_of(subject, schema):
        return Finding(subject, f"registered, id {schema_id}")
    verdicts = await asyncio.gather(*(_objections(registry, subject, schema, n, old) for n, old in theirs.items()))
    objections = tuple(line for verdict in verdicts for line in verdict)
    return Finding(subject, "INCOMPATIBLE" if objections else "changed, compatible", objections)


async def _objections(registry: Registry, subject: str, schema: Schema, version: int, theirs: Schema) -> list[str]:
    """Ours name the field; the registry's own words are shown when it alone objects."""
    ours = compatibility.objections(theirs, schema)
    return [f"version {version}: {line}" for line in ours or await registry.objections(subject, schema, version)]
