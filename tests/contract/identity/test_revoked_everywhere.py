"""What auth takes back is over at the gateway and at every service, although the token itself is still good."""

from __future__ import annotations

import pytest
from company import SERVICES, Company, Popug, until

from ates.platform.cookies import names

pytestmark = pytest.mark.stack
EVERYWHERE = {f"{door}{service}" for service in SERVICES for door in ("", "gateway ")}


async def _refused_everywhere(company: Company, token: str) -> None:
    async def over() -> bool:
        return set((await company.statuses(token)).values()) == {401}

    await until(over, 60)


async def _accepted_everywhere(company: Company, token: str) -> None:
    assert await company.statuses(token) == dict.fromkeys(EVERYWHERE, 200)


async def _another_session(company: Company, popug: Popug) -> Popug:
    return await company.log_in(Popug(popug.id, popug.login, popug.role, popug.password))


async def test_fault_21_a_logout_ends_one_session_everywhere_and_leaves_the_others(company: Company) -> None:
    popug = await company.hire("admin")
    other = await _another_session(company, popug)
    await _accepted_everywhere(company, popug.token)
    assert (await company.ask("POST", "/auth/api/logout", token=popug.token)).status == 204
    await _refused_everywhere(company, popug.token)
    await _accepted_everywhere(company, other.token)


async def test_fault_21_a_replayed_refresh_token_ends_its_session_everywhere(company: Company) -> None:
    popug = await company.hire("admin")
    cookie = {names(company.gateway).refresh: popug.refresh}
    assert (await company.ask("POST", "/auth/api/refresh", cookies=cookie)).status == 200
    assert (await company.ask("POST", "/auth/api/refresh", cookies=cookie)).status == 401
    await _refused_everywhere(company, popug.token)


async def test_fault_21_a_deactivated_account_is_refused_everywhere(company: Company) -> None:
    popug = await company.hire("admin")
    await company.change(popug, active=False)
    await _refused_everywhere(company, popug.token)
    await company.change(popug, active=True)
    await company.log_in(popug)
    await _accepted_everywhere(company, popug.token)


async def test_fault_21_a_role_that_was_taken_away_is_believed_nowhere(company: Company) -> None:
    popug = await company.hire("admin")
    await company.change(popug, role="worker")
    await _refused_everywhere(company, popug.token)
    await company.log_in(popug)
    found = await company.statuses(popug.token)
    assert {found["auth"], found["analytics"]} == {403}
    assert {found["tasks"], found["accounting"]} == {200}


async def test_fault_21_a_role_that_was_given_holds_at_once(company: Company) -> None:
    """Its token may be known before its event is: nobody is refused for being early."""
    popug = await company.hire("worker")
    for role in ("admin", "accountant", "admin"):
        await company.change(popug, role=role)
        await company.log_in(popug)
    await _accepted_everywhere(company, popug.token)


async def test_fault_21_a_new_password_voids_what_was_issued_before(company: Company) -> None:
    popug = await company.hire("admin")
    before = popug.token
    popug.password = "another cracker, please"
    await company.change(popug, password=popug.password)
    await company.log_in(popug)
    await _refused_everywhere(company, before)
    await _accepted_everywhere(company, popug.token)


async def test_fault_21_logging_out_everywhere_ends_every_session_everywhere(company: Company) -> None:
    popug = await company.hire("admin")
    other = await _another_session(company, popug)
    answer = await company.ask("POST", "/auth/profile/log-out-everywhere", token=popug.token)
    assert answer.status == 303
    for token in (popug.token, other.token):
        await _refused_everywhere(company, token)
    await company.log_in(popug)
    await _accepted_everywhere(company, popug.token)
