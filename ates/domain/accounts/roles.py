"""The four roles, and who may be dealt a task."""

ROLES = ("worker", "accountant", "manager", "admin")

ELIGIBLE_ROLES = frozenset(ROLES) - {"manager", "admin"}


def is_eligible(role: str, active: bool) -> bool:
    """Whether tasks are dealt to such an account: active, and neither manager nor admin."""
    return active and role in ELIGIBLE_ROLES
