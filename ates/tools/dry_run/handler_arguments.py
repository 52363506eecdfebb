"""The arguments of handlers beside state and message: the roster, a draw, the clock. Workers pass live ones
(`ates.workers`); a dry run passes copies, so that it changes nothing, and the same ones however often it begins again.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from functools import partial
from secrets import randbits
from typing import Any

from ates.domain.accounts.roster import Roster
from ates.domain.errors import Unprocessable
from ates.platform.log_reader import TopicLog
from ates.platform.settings import Settings
from ates.schemas.codec import Codec, SchemaNotLoaded
from ates.streams.effects import Handler
from ates.topology import AUTH_ACCOUNTS

PROVIDED = ("roster", "draw", "zone", "now", "partitions")


def names_of(handler: Handler) -> list[str]:
    """The arguments that `handler` takes beside state and message."""
    return list(inspect.signature(handler).parameters)[2:]


class HandlerArguments:
    """What one dry run passes. `roster` is read when a handler asks for it."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._settings = settings
        self._codec = codec
        self._seed = randbits(64)
        self._now = datetime.now(UTC)
        self._roster: Roster | None = None

    async def bind(self, handler: Handler) -> Callable[[], Handler]:
        """Makes `handler` with fresh copies of its arguments."""
        names = names_of(handler)
        if "roster" in names and self._roster is None:
            self._roster = await self._read_roster()
        return lambda: partial(handler, **{name: self._argument(name) for name in names})

    def _argument(self, name: str) -> Any:
        provided: dict[str, Any] = {
            "roster": deepcopy(self._roster),
            "draw": random.Random(self._seed).randrange,  # noqa: S311 -- shows what a draw may give
            "zone": self._settings.timezone,
            "now": lambda: self._now,
            "partitions": self._settings.partitions,
        }
        return provided[name]

    async def _read_roster(self) -> Roster:
        roster = Roster()
        for value in await asyncio.to_thread(_values, self._settings, AUTH_ACCOUNTS.name):
            try:
                roster.learn(await decoded(self._codec, AUTH_ACCOUNTS.name, value))
            except Unprocessable:
                continue  # a dead letter of its own
        return roster


async def decoded(codec: Codec, topic: str, value: bytes | None) -> Any:
    """The record in `value`. Raises `Unprocessable`, and `Unavailable` while the registry is away."""
    try:
        return codec.decode(topic, value)
    except SchemaNotLoaded as missing:
        await codec.load(missing.schema_id)
        return codec.decode(topic, value)


def _values(settings: Settings, topic: str) -> list[bytes | None]:
    log = TopicLog(settings)
    return [message.value() for batch in log.read(log.ends([topic])) for message in batch]
