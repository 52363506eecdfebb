"""Guessing passwords is stopped for a while, and only for a while.

Failures are counted for the pair of login and address, for the login, and for the address: a guesser is soon
stopped, whatever they vary, and the owner of the login hardly notices from their own address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ates.accounts.rules import LOGIN_LENGTH_MAX
from ates.errors import Rejected
from ates.web.auth.sql import SQL

WINDOW_SECONDS = 900
BLOCK_SECONDS = 60
# Failures within the window after which each is locked out.
PAIR_LIMIT, LOGIN_LIMIT, ADDRESS_LIMIT = 10, 50, 200


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody at `address` tries to log in as `login`, whether or not there is one."""

    login: str
    address: str

    @property
    def _login(self) -> str:
        return self.login.lower()[:LOGIN_LENGTH_MAX]

    @property
    def pair(self) -> str:
        return f"pair:{self._login} {self.address}"

    @property
    def limits(self) -> dict[str, int]:
        """Subject -> failures that it may have."""
        by_login, by_address = f"login:{self._login}", f"address:{self.address}"
        return {self.pair: PAIR_LIMIT, by_login: LOGIN_LIMIT, by_address: ADDRESS_LIMIT}


async def check(connection: Any, attempt: Attempt) -> None:
    """Raise `Rejected` `too_many_attempts` (429) with `retry_after` in seconds while locked out."""
    seconds = await connection.fetchval(SQL["attempts.blocked_for"], list(attempt.limits))
    if seconds is not None:
        detail = f"Too many failed attempts. Try again in {max(seconds, 1)} seconds."
        raise Rejected("too_many_attempts", detail, status=429, retry_after=max(seconds, 1))


async def failed(connection: Any, attempt: Attempt) -> None:
    """Count a wrong password."""
    for subject, limit in sorted(attempt.limits.items()):
        await connection.execute(SQL["attempts.failed"], subject, limit, WINDOW_SECONDS, BLOCK_SECONDS)


async def succeeded(connection: Any, attempt: Attempt) -> None:
    """Forget the failures of who turned out to know the password."""
    await connection.execute(SQL["attempts.forgive"], attempt.pair)
