"""The codec of a front end: loaded in the background, so that a registry that is away delays no start."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import structlog

from ates.domain.errors import AtesError, Unavailable
from ates.schemas.codec import Codec
from ates.web.kit import background

_RETRY_SECONDS = 2.0
_log = structlog.get_logger()


class Encoder:
    """`codec.encode` that says `Unavailable` until the schemas' ids are known."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._reason = "schemas are not loaded yet"
        self._code = "registry_unavailable"

    async def not_ready(self) -> str:
        """Why nothing can be encoded now; empty when it can."""
        return self._reason

    def encode(self, topic: str, record: object) -> bytes:
        """The bytes of a domain record for `topic`."""
        if self._reason:
            raise Unavailable(self._code, "The schema registry cannot be asked for the moment. Nothing was sent.")
        return self._codec.encode(topic, record)

    def running(self) -> AbstractAsyncContextManager[None]:
        """Loading in the background until it is done or the block ends."""
        return background.running(self._load())

    async def _load(self) -> None:
        while self._reason:
            try:
                await self._codec.start()
                self._reason = ""
            except AtesError as error:
                self._reason = error.detail
                if isinstance(error, Unavailable):
                    self._code = error.code
                _log.warning("schemas are not loaded", code=error.code, reason=error.detail)
                await asyncio.sleep(_RETRY_SECONDS)
