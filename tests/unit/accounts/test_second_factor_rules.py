"""Codes of the second factor: when one is good, and for how long."""

from __future__ import annotations

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ates.domain.accounts import second_factor
from ates.domain.accounts.permissions import ROLES

SECRET = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")  # "12345678901234567890", of RFC 6238's test vectors
NOW, STEP = 1_111_111_109, 1_111_111_109 // 30


def accepted(code: str, now: float = NOW, last_step: int = 0) -> int | None:
    return second_factor.accepted_step(code, now, last_step, SECRET.generate_otp)


@pytest.mark.parametrize(
    ("at", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_rfc_6238(at: int, code: str) -> None:
    assert accepted(code, at) == at // 30


@given(st.integers(-40, 40))
def test_a_code_is_good_in_its_own_step_and_one_before_and_after(steps: int) -> None:
    code = SECRET.generate_otp(STEP + steps)
    assert (accepted(code) is not None) == (abs(steps) <= 1)


def test_a_code_is_used_once_and_so_is_every_earlier_one() -> None:
    before, now, after = (SECRET.generate_otp(STEP + steps) for steps in (-1, 0, 1))
    assert accepted(now) == STEP
    assert accepted(now, last_step=STEP) is None
    assert accepted(before, last_step=STEP) is None
    assert accepted(after, last_step=STEP) == STEP + 1


@pytest.mark.parametrize("typed", ["", "81804", "0818040", "०८१८०४", "08180a", "\ud800"])
def test_texts_that_are_no_code_are_refused(typed: str) -> None:
    assert accepted(second_factor.normal(typed)) is None


@pytest.mark.parametrize("typed", ["081804", "081 804", " 081-804\t"])
def test_a_code_may_be_typed_with_blanks(typed: str) -> None:
    assert accepted(second_factor.normal(typed)) == STEP


def test_ten_recovery_codes_are_made_and_each_is_recognised_as_it_is_shown() -> None:
    draws = iter(range(1000))
    codes = second_factor.recovery_codes(lambda n: next(draws) % n)
    assert len(set(codes)) == 10
    for code in codes:
        shown = second_factor.readable(code)
        assert len(shown) == 11
        assert second_factor.normal(shown.upper()) == code
        assert second_factor.is_recovery_code(code)
    assert not second_factor.is_recovery_code("081804")


@given(st.text(max_size=200))
def test_whatever_is_typed_has_a_normal_form(typed: str) -> None:
    assert len(second_factor.normal(typed)) <= 3 * second_factor.CODE_LENGTH_MAX


def test_a_role_that_needs_a_second_factor_waits_for_those_without_one_only() -> None:
    for role in ROLES:
        assert second_factor.is_missing(role, False, ["admin"]) == (role == "admin")
        assert not second_factor.is_missing(role, True, ["admin"])
        assert not second_factor.is_missing(role, False, [])
