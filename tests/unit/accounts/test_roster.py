"""Who tasks are dealt to."""

import random
from collections import Counter

import pytest

from ates.domain.accounts.messages import AccountChanged, AccountCreated
from ates.domain.accounts.roles import ELIGIBLE_ROLES, ROLES, is_eligible
from ates.domain.accounts.roster import Roster
from ates.domain.errors import Rejected
from ates.web.kit.statuses import status_of


def account(account_id, version=1, role="worker", active=True, record=AccountChanged):
    return record(account_id=account_id, login="p", name="P", email="p@p", role=role, active=active, version=version)


def roster_of(*accounts):
    roster = Roster()
    for one in accounts:
        roster.learn(one)
    return roster


def everybody(roster):
    """All that can be picked, by drawing each number there is."""
    sizes = []

    def size(n):
        sizes.append(n)
        return 0

    try:
        roster.pick(size)
    except Rejected:
        return []
    return [roster.pick(lambda n, i=index: i) for index in range(sizes[0])]


def test_accountants_work_too_but_managers_and_admins_do_not():
    assert set(ROLES) - ELIGIBLE_ROLES == {"manager", "admin"}
    assert is_eligible("accountant", active=True)
    assert not is_eligible("worker", active=False)
    assert not is_eligible("director", active=True)


def test_the_eligible_are_in_order_whatever_order_they_came_in():
    roster = roster_of(account("c"), account("a"), account("m", role="manager"), account("b", role="accountant"))

    assert everybody(roster) == ["a", "b", "c"]


def test_whoever_is_dismissed_or_promoted_is_out_and_can_come_back():
    roster = roster_of(account("a"), account("b"), account("a", 2, active=False), account("b", 2, role="admin"))
    assert everybody(roster) == []

    roster.learn(account("a", 3))
    assert everybody(roster) == ["a"]


@pytest.mark.parametrize("stale", [1, 2])
def test_an_older_version_that_comes_late_or_again_changes_nothing(stale):
    roster = roster_of(account("a", 1, record=AccountCreated), account("a", 2, active=False), account("a", stale))

    assert everybody(roster) == []


def test_with_nobody_eligible_nobody_is_picked():
    with pytest.raises(Rejected) as refused:
        Roster().pick(lambda n: 0)
    assert (refused.value.code, status_of(refused.value)) == ("nobody_eligible", 409)


def test_who_leaves_is_never_picked_though_still_on_the_roster():
    roster = roster_of(account("a"), account("b"), account("c"))

    picked = [roster.pick(lambda n, i=i: i, besides="b") for i in range(2)]
    assert picked == ["a", "c"]
    assert roster.pick(lambda n: n - 1, besides="x") == "c"
    with pytest.raises(Rejected):
        roster_of(account("b")).pick(lambda n: 0, besides="b")


@pytest.mark.parametrize("besides", [None, "popug 3"])
def test_everybody_has_the_same_chance(besides):
    """Chi-square over 20,000 seeded draws among 10, or 9: 27.88 is exceeded by chance once in a thousand times."""
    roster = roster_of(*(account(f"popug {number}") for number in range(10)))
    draw = random.Random(2025).randrange

    drawn = Counter(roster.pick(draw, besides) for _ in range(20_000))

    expected = 20_000 / (10 if besides is None else 9)
    assert len(drawn) == (10 if besides is None else 9)
    assert sum((count - expected) ** 2 / expected for count in drawn.values()) < 27.88
