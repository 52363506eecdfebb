"""The one navigation of all front ends: what each role may open."""

from __future__ import annotations

from dataclasses import dataclass

from ates.web.kit.identity.tokens import Identity


@dataclass(frozen=True, slots=True)
class Item:
    """`current` marks the service that the page belongs to."""

    label: str
    href: str
    current: bool


# Service, label, and the action of `ates.domain.accounts.permissions` that its first page needs.
_ITEMS = (
    ("tasks", "Tasks", "tasks.read"),
    ("accounting", "Accounting", "accounting.read_own"),
    ("analytics", "Analytics", "analytics.read"),
    ("topics", "Topics", "topics.read"),
)


def items(identity: Identity | None, service: str, path: str) -> list[Item]:
    """Links for this person on this page; none for strangers."""
    if identity is None:
        return []
    found = [
        Item(label, f"/{name}/", current=name == service) for name, label, action in _ITEMS if identity.may(action)
    ]
    if identity.may("accounts.administer"):
        found.append(Item("Accounts", "/auth/accounts", current=path.startswith("/auth/accounts")))
    return found
