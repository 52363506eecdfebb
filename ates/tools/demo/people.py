"""Who works at UberPopug Inc. Ids follow from the logins, so that a second seeding finds the same popugs."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import NAMESPACE_DNS, uuid5

DOMAIN = "uberpopug.example"
NAMESPACE = uuid5(NAMESPACE_DNS, DOMAIN)


@dataclass(frozen=True, slots=True)
class Popug:
    """An employee of the demo company."""

    login: str
    name: str
    role: str

    @property
    def account_id(self) -> str:
        return account_id(self.login)

    @property
    def email(self) -> str:
        return email(self.login)


def account_id(login: str) -> str:
    """The id of the account that seeding makes for `login`."""
    return str(uuid5(NAMESPACE, f"account/{login}"))


def email(login: str) -> str:
    """An address at which nobody is bothered."""
    return login if "@" in login else f"{login}@{DOMAIN}"


# Names of the accounts that one logs in with; their logins and passwords come from outside.
NAMES = {
    "admin": "Polly Prime",
    "manager": "Captain Flintbeak",
    "accountant": "Penny Pinchbeak",
    "worker": "Kesha Workfeather",
}

POPUGS = (
    Popug("gosha", "Gosha Cockatoo", "worker"),
    Popug("rita", "Rita Rosella", "worker"),
    Popug("iago", "Iago Scarlet", "worker"),
    Popug("alex", "Alex Greytail", "worker"),
    Popug("zazu", "Zazu Hornbill", "worker"),
    Popug("coco", "Coco Budgerigar", "worker"),
    Popug("kiki", "Kiki Lorikeet", "worker"),
    Popug("blu", "Blu Spix", "worker"),
    Popug("jewel", "Jewel Spix", "worker"),
    Popug("nigel", "Nigel Kea", "worker"),
    Popug("sirocco", "Sirocco Kakapo", "accountant"),
    Popug("loretta", "Loretta Macaw", "manager"),
)


def name_of(login: str) -> str:
    """What people call the owner of `login`."""
    return NAMES.get(login) or login.partition("@")[0].replace(".", " ").replace("_", " ").title()
