"""Guessing passwords is slowed down; the owner of a login goes on where they are known.

Failures are counted for the pair of login and address, for the address, and for the login. A guesser is stopped for a
minute at one address, and waits longer and longer for a login whatever addresses they use. A browser, or else an
address, from which the login has succeeded before does not wait for what others did to it.

Wrong codes of a second factor count the same, and for the account: who tries one knows the password.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from ates.domain.accounts.rules import LOGIN_LENGTH_MAX
from ates.domain.errors import Rejected
from ates.web.auth.sql import SQL

WINDOW_SECONDS = 900
# Logins that wait for their turn to be checked: from one address, and in all.
WAITING_ADDRESS_MAX, WAITING_MAX = 24, 96


class Limit(NamedTuple):
    """From the failure number `failures` within the window on, wait for `seconds`, doubled each time up to `most`."""

    failures: int
    seconds: int
    most: int


PAIR, ADDRESS, LOGIN, CODE = Limit(10, 60, 60), Limit(200, 60, 60), Limit(50, 1, 15), Limit(10, 30, 900)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody at `address` tries to log in as `login`, whether or not there is one. `device`: the browser's secret."""

    login: str
    address: str
    device: str = ""

    @property
    def _login(self) -> str:
        return self.login.lower()[:LOGIN_LENGTH_MAX]

    @property
    def pair(self) -> str:
        return f"pair:{self._login} {self.address}"

    @property
    def browser(self) -> str:
        digest = hashlib.sha256(self.device.encode("utf-8", "surrogatepass")).hexdigest()
        return f"device:{self._login} {digest}"

    @property
    def places(self) -> list[str]:
        return [self.pair, self.browser]

    @property
    def own(self) -> list[str]:
        """The subjects whose failures are forgiven when the attempt succeeds."""
        return self.places

    def limits(self, known: set[str]) -> dict[str, Limit]:
        """Subject -> its limit, when the login has succeeded before at the places `known`."""
        if self.browser in known:
            return {self.browser: PAIR}
        here = {self.pair: PAIR, f"address:{self.address}": ADDRESS}
        return here if self.pair in known else {**here, f"login:{self._login}": LOGIN}


@dataclass(frozen=True, slots=True)
class CodeAttempt(Attempt):
    """The same with a code of the second factor. No place is exempt from waiting."""

    @property
    def own(self) -> list[str]:
        return [*self.places, self._codes]

    @property
    def _codes(self) -> str:
        return f"code:{self._login}"

    def limits(self, known: set[str]) -> dict[str, Limit]:
        return {self.pair: PAIR, f"address:{self.address}": ADDRESS, self._codes: CODE}


async def _limits(connection: Any, attempt: Attempt) -> dict[str, Limit]:
    rows = await connection.fetch(SQL["places.known"], attempt.places)
    return attempt.limits({row["subject"] for row in rows})


async def check(connection: Any, attempt: Attempt) -> None:
    """Raise `Rejected` `too_many_attempts` (429) with `retry_after` in seconds while they have to wait."""
    seconds = await connection.fetchval(SQL["attempts.blocked_for"], list(await _limits(connection, attempt)))
    if seconds is not None:
        detail = f"Too many failed attempts. Try again in {max(seconds, 1)} seconds."
        raise Rejected("too_many_attempts", detail, retry_after=max(seconds, 1))


async def failed(connection: Any, attempt: Attempt) -> None:
    """Count a wrong password or code."""
    for subject, limit in sorted((await _limits(connection, attempt)).items()):
        await connection.execute(SQL["attempts.failed"], subject, limit.failures, WINDOW_SECONDS, *limit[1:])


async def succeeded(connection: Any, attempt: Attempt) -> None:
    """Forget the failures of who turned out to know the password, and remember the place."""
    await connection.execute(SQL["attempts.forgive"], attempt.own)
    await connection.execute(SQL["places.remember"], attempt.places)


class Turns:
    """Turns of a few at a time, with bounds on who waits: nobody takes up all the room."""

    def __init__(self, at_once: int) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait for a turn. Raises `Rejected` `too_many_logins` (429) when too many wait already."""
        if self._waiting[address] >= WAITING_ADDRESS_MAX or self._waiting.total() >= WAITING_MAX:
            detail = "Too many logins at once; try again in a second."
            raise Rejected("too_many_logins", detail, retry_after=1)
        self._waiting[address] += 1
        try:
            async with self._slots:
                yield
        finally:
            self._waiting -= Counter([address])
