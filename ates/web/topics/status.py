"""Is everything well? Every process, every consumer group, every schema on one page. Asks, and keeps nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp
from aiohttp import web

from ates.domain.errors import Unavailable
from ates.platform.registry import Registry
from ates.schemas.subjects import SUBJECTS
from ates.tools.topics.overview import Topic, overview
from ates.web.kit.identity.security import requires
from ates.web.kit.keys import SETTINGS
from ates.web.kit.pages import filters, pages
from ates.web.topics.keys import topics_of

_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Process:
    """`reason` says why it is not ready, `notices` what is to be looked at though it goes on; `address` is host:port,
    of the inside."""

    name: str
    address: str
    ready: bool
    reason: str
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group: its state, and its lag by topic."""

    name: str
    state: str
    lags: Mapping[str, int]

    @property
    def lag(self) -> int:
        return sum(self.lags.values())


@dataclass(frozen=True, slots=True)
class Status:
    """`schemas`: subject → its newest version in the registry; None when the registry does not answer."""

    processes: list[Process]
    groups: list[Group]
    schemas: dict[str, int] | None

    @property
    def headline(self) -> str:
        """The most urgent of what is to be said, in a few words."""
        away = sum(not process.ready for process in self.processes)
        missing = [name for name, version in (self.schemas or {}).items() if not version]
        troubles = (
            (away > 0, f"{filters.count(away, 'process', 'processes')} not ready"),
            (self.schemas is None, "The schema registry does not answer"),
            (bool(missing), f"{filters.count(len(missing), 'subject')} not registered"),
            (not self.processes, "Nobody to ask"),
        )
        return ", ".join(text for it_is, text in troubles if it_is) or "The whole flock is ready"


@requires("topics.read")
async def page(request: web.Request) -> web.Response:
    """The same for people."""
    return pages.render(request, "topics/status.html", {"status": await _status(request)})


@requires("topics.read")
async def report(request: web.Request) -> web.Response:
    """Every process with the reason why it is not ready, the lag of each consumer group, the version of each schema."""
    found = await _status(request)
    schemas = found.schemas
    return web.json_response(
        {
            "processes": [asdict(process) for process in found.processes],
            "groups": [{"group": g.name, "state": g.state, "lag": g.lag, "topics": dict(g.lags)} for g in found.groups],
            "schemas": None
            if schemas is None
            else [{"subject": name, "version": number} for name, number in schemas.items()],
        }
    )


async def _status(request: web.Request) -> Status:
    processes = request.app[SETTINGS].processes
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as http:
        asked = asyncio.gather(*(_process(http, name, address) for name, address in processes))
        found, topics, schemas = await asyncio.gather(asked, overview(topics_of(request).cluster), _schemas(request))
    return Status(found, _groups(topics), schemas)


async def _process(http: aiohttp.ClientSession, name: str, address: str) -> Process:
    try:
        async with http.get(f"http://{address}/readyz") as answer:
            said: dict[str, Any] = await answer.json()
            notices = tuple(str(notice) for notice in said.get("notices", ()))
            return Process(name, address, answer.status == 200, str(said.get("reason", "")), notices)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        reason = "no answer" if isinstance(error, TimeoutError) else "not listening"
        return Process(name, address, False, reason)


def _groups(topics: list[Topic]) -> list[Group]:
    lags: dict[tuple[str, str], dict[str, int]] = {}
    for topic in topics:
        for reader in topic.readers:
            lags.setdefault((reader.group, reader.state), {})[topic.name] = reader.lag
    return [Group(name, state, by_topic) for (name, state), by_topic in sorted(lags.items())]


async def _schemas(request: web.Request) -> dict[str, int] | None:
    try:
        async with asyncio.timeout(_SECONDS), Registry(request.app[SETTINGS]) as registry:
            found = await asyncio.gather(*(registry.versions(subject) for subject in SUBJECTS))
    except (Unavailable, TimeoutError):
        return None
    return {subject: max(versions, default=0) for subject, versions in zip(SUBJECTS, found, strict=True)}
