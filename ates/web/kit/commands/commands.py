"""From a request to a command on its topic: ids, hashes, the envelope; and whether it was sent before."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from aiohttp import web

from ates.domain.commands import Command
from ates.domain.errors import Rejected
from ates.schemas import envelope
from ates.schemas.codec import type_of
from ates.web.kit.commands.encoder import Encoder
from ates.web.kit.commands.kafka import Outgoing, Producers
from ates.web.kit.commands.outcomes import Decision, Outcomes
from ates.web.kit.identity.security import identity_of
from ates.web.kit.inputs import idempotency_key
from ates.web.kit.keys import CLOCK, TRACEPARENT
from ates.web.kit.tracing import TRACER


class Fields(TypedDict):
    """What every command carries."""

    command_id: str
    actor_id: str
    request_hash: str
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class Intent:
    """Who asks for what: all that identifies a command before it is made. `span` is the request's, if it is traced."""

    command_id: str
    actor_id: str
    request_hash: str
    issued_at: datetime
    traceparent: str
    span: str | None = None

    def fields(self) -> Fields:
        """The fields that every command carries."""
        return {
            "command_id": self.command_id,
            "actor_id": self.actor_id,
            "request_hash": self.request_hash,
            "issued_at": self.issued_at,
        }

    def derived_id(self, what: str) -> str:
        """An id of something that this command makes: the same whenever the command is the same."""
        return str(uuid.uuid5(uuid.UUID(self.command_id), what))


def command_id(sender: str, method: str, path: str, key: str | None) -> str:
    """The same for the same request under the same key; random without a key."""
    if key is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(uuid.UUID(sender), f"{method} {path}\n{key}"))


def request_hash(body: Mapping[str, Any]) -> str:
    """SHA-256 in hex of what was asked for, however it was spelled."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def intent(request: web.Request, body: Mapping[str, Any], *, path: str = "", key: str | None = None) -> Intent:
    """What `request` asks for. Pages give the `path` of the API call that they stand for, and their form's key."""
    sender = identity_of(request).account_id
    now = request.app[CLOCK]()
    return Intent(
        command_id=command_id(sender, request.method, path or request.path, key or idempotency_key(request)),
        actor_id=sender,
        request_hash=request_hash(body),
        issued_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
        traceparent=request[TRACEPARENT],
        span=request[TRACEPARENT] if TRACER in request.app else None,
    )


class Commands:
    """Sends one service's commands and waits for what becomes of them."""

    def __init__(self, service: str, topic: str, encoder: Encoder, producers: Producers, outcomes: Outcomes) -> None:
        self._source = f"/ates/{service}"
        self._topic = topic
        self._encoder = encoder
        self._producers = producers
        self._outcomes = outcomes

    async def execute(
        self, asked: Intent, key: str, record: Command, deadline: float, topic: str = ""
    ) -> Decision | None:
        """Send `record` unless it was decided before; its decision, or None when undecided at `deadline`.

        `topic` is for a command that goes elsewhere than this service's own.

        Raises `Rejected` for a refusal or a reused key, `Unavailable` when Kafka is away.
        """
        decided = await self._outcomes.find(asked.command_id)
        if decided is None:
            topic = topic or self._topic
            await self._producers.send(topic, self._outgoing(topic, asked, key, record), _left(deadline))
            decided = await self._outcomes.wait(asked.command_id, deadline)
        return _accepted(asked, decided)

    async def execute_everywhere(
        self, asked: Intent, make: Callable[[int, int], Command], deadline: float
    ) -> Decision | None:
        """Send `make(partition, partitions)` to every partition, all or nothing; then as `execute`."""
        rows = await self._outcomes.rows(asked.command_id)
        if not rows:
            partitions = await self._producers.partitions(self._topic)
            records = [
                self._outgoing(self._topic, asked, asked.command_id, make(partition, partitions), partition)
                for partition in range(partitions)
            ]
            await self._producers.send_together(self._topic, records, _left(deadline))
        return _accepted(asked, await self._outcomes.wait(asked.command_id, deadline))

    def _outgoing(self, topic: str, asked: Intent, key: str, record: Command, partition: int | None = None) -> Outgoing:
        one = partition is None
        headers = envelope.build(
            id=asked.command_id if one else envelope.caused_id(asked.command_id, topic, partition or 0),
            type=type_of(record),
            source=self._source,
            time=asked.issued_at,
            subject=key,
            traceparent=asked.traceparent,
            span=asked.span,
        )
        return Outgoing(key.encode(), self._encoder.encode(topic, record), headers, partition)


def _left(deadline: float) -> float:
    return deadline - asyncio.get_running_loop().time()


def _accepted(asked: Intent, decided: Decision | None) -> Decision | None:
    if decided is None:
        return None
    if decided.request_hash != asked.request_hash:
        raise Rejected(
            "idempotency_key_reused",
            "This Idempotency-Key was used for another request.",
            command_id=asked.command_id,
        )
    if decided.status == "rejected":
        raise decided.refusal()
    return decided


COMMANDS = web.AppKey("commands", Commands)
