"""Accounts that tasks are dealt to, as far as `auth.accounts` has been read. No I/O, no randomness of its own."""

from bisect import bisect_left, insort
from collections.abc import Callable

from ates.domain.accounts.messages import Account
from ates.domain.accounts.roles import is_eligible
from ates.domain.errors import Rejected

Draw = Callable[[int], int]
"""`draw(n)` gives each of 0 … n − 1 with the same probability."""


class Roster:
    """The eligible accounts of one process, in the order of their ids. The reader of `auth.accounts` teaches it;
    the handlers only pick."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}
        self._eligible: list[str] = []

    def learn(self, account: Account) -> None:
        """Take in an account as it is now. A version that is not newer than the known one is ignored."""
        if account.version <= self._versions.get(account.account_id, 0):
            return
        self._versions[account.account_id] = account.version
        if not is_eligible(account.role, account.active):
            self._remove(account.account_id)
        elif self._position(account.account_id) is None:
            insort(self._eligible, account.account_id)

    def leave(self, account_id: str, version: int) -> None:
        """An account leaves by `version` of their account, which may not have been read here yet.

        One case is left: a worker that reads `auth.accounts` late, and takes a partition over from a worker that knew,
        deals to leavers until it has caught up. They can complete their tasks, or the tasks are dealt again.
        """
        if version > self._versions.get(account_id, 0):
            self._versions[account_id] = version
            self._remove(account_id)

    def pick(self, draw: Draw, besides: str | None = None) -> str:
        """One of the eligible accounts, each with the same probability; never `besides`, who is leaving.

        Raises `Rejected` (`nobody_eligible`).
        """
        left_out = None if besides is None else self._position(besides)
        count = len(self._eligible) - (left_out is not None)
        if not count:
            raise Rejected("nobody_eligible", "There is nobody whom a task could be dealt to.")
        drawn = draw(count)
        return self._eligible[drawn if left_out is None or drawn < left_out else drawn + 1]

    def _remove(self, account_id: str) -> None:
        position = self._position(account_id)
        if position is not None:
            del self._eligible[position]

    def _position(self, account_id: str) -> int | None:
        position = bisect_left(self._eligible, account_id)
        found = position < len(self._eligible) and self._eligible[position] == account_id
        return position if found else None
