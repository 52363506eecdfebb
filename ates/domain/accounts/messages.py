"""Events of the accounts context. Plain frozen values; no I/O, no rules.

Ids are UUIDs as text, times aware UTC to the millisecond. The lines `field: meaning` of these docstrings
document the Avro fields too (`ates.schemas`), which also need the annotations as types, not as text.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as it is now: each record holds all of it, never a difference.

    account_id: UUID of the account
    login: what is typed at the login page, unique
    name: the popug's name for people
    email: where payout mails go
    role: worker, accountant, manager or admin
    active: false when deactivated: gets no tasks, cannot log in
    version: 1, 2, 3 … of the account; readers ignore older ones
    valid_after: tokens issued before this are refused; null when none was ever revoked
    """

    account_id: str
    login: str
    name: str
    email: str
    role: str
    active: bool
    version: int
    valid_after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCreated(Account):
    """An account exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanged(Account):
    """An account changed: its role, its name, whether it is active, since when tokens hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRevoked:
    """A session ended before its tokens did.

    session_id: the `sid` of the tokens to refuse
    account_id: whose session it was
    revoked_at: since when
    """

    session_id: str
    account_id: str
    revoked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsAdministered:
    """An administrator acted on an account, or on all accounts of some roles.

    actor_id: account of the administrator
    address: network address that the request came from
    action: account_created, account_changed, second_factor_reset or second_factor_required
    account_id: account acted on; null when the action concerns roles
    changes: JSON text, the fields that were set with their new values; of a password only that it was set
    administered_at: time of the action
    """

    actor_id: str
    address: str
    action: str
    account_id: str | None = None
    changes: str
    administered_at: datetime
