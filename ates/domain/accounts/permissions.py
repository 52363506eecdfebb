"""Permissions by role: the one table, read by every front end and printed in the docs. No I/O.

A rule that depends on ownership (only the assignee completes a task, an account's own audit log) is decided
where the thing is known; this table says who may try.
"""

WORKER, ACCOUNTANT, MANAGER, ADMIN = "worker", "accountant", "manager", "admin"
ROLES = (WORKER, ACCOUNTANT, MANAGER, ADMIN)

_EVERYBODY = frozenset(ROLES)
_MONEY_PEOPLE = frozenset({ACCOUNTANT, ADMIN})
_BOSSES = frozenset({MANAGER, ADMIN})
_ADMINS = frozenset({ADMIN})

# Action -> the roles that may. A role that is not known here may nothing.
PERMISSIONS: dict[str, frozenset[str]] = {
    "accounts.administer": _ADMINS,
    "sessions.own": _EVERYBODY,
    "tasks.read": _EVERYBODY,
    "tasks.create": _EVERYBODY,
    "tasks.complete": _EVERYBODY,
    "tasks.assign": _BOSSES,
    "accounting.read_own": _EVERYBODY,
    "accounting.read_any": _MONEY_PEOPLE,
    "accounting.earnings": _MONEY_PEOPLE,
    "accounting.close_day": _ADMINS,
    "accounting.retry_mail": _MONEY_PEOPLE,
    "analytics.read": _ADMINS,
    "analytics.query": _ADMINS,
    "topics.read": _ADMINS,
    "topics.addresses": _ADMINS,
    "topics.redrive": _ADMINS,
    "lab.use": _ADMINS,
}

# Where a role's day begins.
HOME = {WORKER: "/tasks/", MANAGER: "/tasks/", ACCOUNTANT: "/accounting/", ADMIN: "/analytics/"}


def allowed(role: str, action: str) -> bool:
    """Whether `role` may do `action`. Raises `KeyError` for an action that nobody has put into the table."""
    return role in PERMISSIONS[action]
