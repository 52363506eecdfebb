"""Lag and rate over the last hour: looks every half minute, kept in this process; pages and API show them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from aiohttp import web

from ates.domain.errors import Rejected, Unavailable
from ates.tools.topics.browser import Topics
from ates.tools.topics.overview import Reader, overview
from ates.tools.topics.trends import EVERY_SECONDS, HOUR, Series, Trends, look_of
from ates.web.kit.identity.security import requires
from ates.web.kit.keys import CLOCK
from ates.web.kit.pages import pages
from ates.web.kit.pages.lines import Lines, lines, spark
from ates.web.topics.keys import TRENDS, topics_of

SPARK_WIDTH, SPARK_HEIGHT = 90, 20
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Chart:
    """A line with its title, and its newest value."""

    title: str
    href: str
    lines: Lines
    last: float | None


async def watch(topics: Topics, trends: Trends, clock: Callable[[], datetime]) -> None:
    """Look at the topics again and again. While Kafka is away there is a gap."""
    while True:
        try:
            found = await overview(topics.cluster)
        except (Rejected, Unavailable) as error:
            _log.debug("topics could not be looked at", reason=str(error))
        else:
            trends.add(look_of(clock(), found))
        await asyncio.sleep(EVERY_SECONDS)


@requires("topics.read")
async def topic(request: web.Request) -> web.Response:
    """Records a second, and the lag of each group, of one topic."""
    name, trends = request.match_info["topic"], request.app[TRENDS]
    await _known(request, name)
    rate, lags = trends.rate(name), trends.lags_of_topic(name)
    charts = [("Offsets a second", "", rate)]
    charts += [(f"Lag of {each}", f"/topics/groups/{each}", found) for each, found in lags.items()]
    table = _table({"Offsets a second": rate, **lags})
    context = {"topic": name, **_charts(request, charts), "table": table}
    return pages.render(request, "topics/last_hour.html", context)


@requires("topics.read")
async def group(request: web.Request) -> web.Response:
    """A consumer group: its partitions with their owners, and its lag."""
    name, topics = request.match_info["group"], topics_of(request)
    readers = await _readers(topics, name)
    owners = await asyncio.to_thread(topics.cluster.members, name)
    lags = request.app[TRENDS].lags_of_group(name)
    charts = [(f"Lag on {each}", f"/topics/{each}/last-hour", found) for each, found in lags.items()]
    about = {"group": name, "readers": readers, "owners": owners}
    context = {**about, **_charts(request, charts), "table": _table(lags)}
    return pages.render(request, "topics/group.html", context)


@requires("topics.read")
async def topic_api(request: web.Request) -> web.Response:
    """The same of one topic as numbers: offsets a second, and the lag of each group in records, each half minute."""
    name, trends = request.match_info["topic"], request.app[TRENDS]
    await _known(request, name)
    lags = {group: _json(found) for group, found in trends.lags_of_topic(name).items()}
    rate = _json(trends.rate(name))
    return web.json_response({"topic": name, "every_seconds": EVERY_SECONDS, "offsets_per_second": rate, "lag": lags})


@requires("topics.read")
async def group_api(request: web.Request) -> web.Response:
    """The lag of a consumer group by topic, in records, each half minute of the last hour."""
    name = request.match_info["group"]
    readers = await _readers(topics_of(request), name)
    lags = {topic: _json(found) for topic, found in request.app[TRENDS].lags_of_group(name).items()}
    now = {topic: reader.lag for topic, reader in readers.items()}
    return web.json_response({"group": name, "every_seconds": EVERY_SECONDS, "now": now, "lag": lags})


def sparks(request: web.Request, names: Iterable[str]) -> dict[str, list[str]]:
    """Topic -> paths of its rate, as small as a word."""
    now, trends = request.app[CLOCK](), request.app[TRENDS]
    values = {name: [(point.at, point.value) for point in trends.rate(name)] for name in names}
    return {name: spark(found, now - HOUR, now, SPARK_WIDTH, SPARK_HEIGHT) for name, found in values.items()}


async def _known(request: web.Request, topic: str) -> None:
    """Raises `Rejected` `topic_not_found`."""
    await asyncio.to_thread(topics_of(request).cluster.partitions, topic)


async def _readers(topics: Topics, group: str) -> dict[str, Reader]:
    """Topic -> how far the group has read it. Raises `Rejected` `group_not_found`."""
    found = await overview(topics.cluster)
    readers = {topic.name: reader for topic in found for reader in topic.readers if reader.group == group}
    if not readers:
        raise Rejected("group_not_found", f"No consumer group {group} has read a topic.")
    return readers


def _charts(request: web.Request, series: Iterable[tuple[str, str, Series]]) -> dict[str, Any]:
    """Title, address and values of each chart, drawn."""
    now = request.app[CLOCK]()
    charts = [
        Chart(title, href, lines([(point.at, point.value) for point in found], now - HOUR, now), _newest(found))
        for title, href, found in series
    ]
    return {"charts": charts, "since": request.app[TRENDS].since, "every": round(EVERY_SECONDS)}


def _newest(series: Series) -> float | None:
    return next((point.value for point in reversed(series) if point.value is not None), None)


def _table(series: Mapping[str, Series]) -> dict[str, Any]:
    """The same as a table: names, and rows of a moment with its values, newest first."""
    values: dict[datetime, dict[str, float]] = {}
    for name, found in series.items():
        for point in found:
            if point.value is not None:
                values.setdefault(point.at, {})[name] = point.value
    return {"names": list(series), "rows": sorted(values.items(), reverse=True)}


def _json(series: Series) -> list[dict[str, Any]]:
    return [
        {"at": point.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "value": point.value}
        for point in series
        if point.value is not None
    ]
