"""Schemas in the registry: every subject with its versions, and two versions side by side."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ates.platform.registry import Registry, Schema
from ates.schemas.avro import full_name
from ates.schemas.compatibility import objections
from ates.schemas.difference import chosen, field_changes, side_by_side
from ates.schemas.subjects import SUBJECTS
from ates.web.kit import inputs
from ates.web.kit.identity.security import requires
from ates.web.kit.keys import SETTINGS
from ates.web.kit.pages import pages

_VERSION_MAX = 2**31 - 1


@requires("topics.read")
async def index(request: web.Request) -> web.Response:
    """Every subject that aTES declares, with its versions."""
    async with Registry(request.app[SETTINGS]) as registry:
        found = await asyncio.gather(*(registry.versions(subject) for subject in SUBJECTS))
    subjects = {subject: list(versions) for subject, versions in zip(SUBJECTS, found, strict=True)}
    return pages.render(request, "topics/schemas.html", {"subjects": subjects})


@requires("topics.read")
async def subject(request: web.Request) -> web.Response:
    """Two versions of a subject beside each other: the last two, or `old` and `new`."""
    name = request.match_info["subject"]
    versions = await _versions(request, name)
    old, new = _chosen(request, name, list(versions))
    context = {
        "subject": name,
        "record": full_name(versions[new]) if versions[new] else name,
        "versions": list(versions),
        "old": old,
        "new": new,
        "lines": side_by_side(versions[old], versions[new]),
        "changes": field_changes(versions[old], versions[new]),
        "objections": objections(versions[old], versions[new]) if versions[old] and versions[new] else [],
    }
    return pages.render(request, "topics/schema.html", context)


@requires("topics.read")
async def subject_api(request: web.Request) -> web.Response:
    """Every version of a subject, and what differs between the last two, or between `old` and `new`."""
    name = request.match_info["subject"]
    versions = await _versions(request, name)
    old, new = _chosen(request, name, list(versions))
    changes = [change.to_json() for change in field_changes(versions[old], versions[new])]
    items = [{"version": number, "schema": schema} for number, schema in versions.items()]
    return web.json_response({"subject": name, "items": items, "old": old, "new": new, "changes": changes})


async def _versions(request: web.Request, name: str) -> dict[int, Schema]:
    """Raises `Unavailable`."""
    async with Registry(request.app[SETTINGS]) as registry:
        return await registry.versions(name) if name in SUBJECTS else {}


def _chosen(request: web.Request, subject: str, numbers: list[int]) -> tuple[int, int]:
    """The versions to compare. Raises as `difference.chosen` does, and `Unprocessable`."""
    asked = {name: request.query.get(name, "").strip() for name in ("old", "new")}
    old, new = (inputs.number(text, name, _VERSION_MAX) if text else None for name, text in asked.items())
    return chosen(subject, numbers, old, new)
