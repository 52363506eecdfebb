"""CSRF tokens, cookies and the ways back: what a browser can be tricked into, and what not."""

from __future__ import annotations

import pytest

from ates.web.kit.identity import csrf, session

SECRET, SID = "a secret of the tests", "7d4f9a52-1c8e-4a8e-9d0f-5a1c7b3e2f10"


def test_a_csrf_token_is_good_for_its_session_only() -> None:
    token = csrf.make(SECRET, SID)
    assert csrf.good(SECRET, SID, token)
    assert not csrf.good(SECRET, "another session", token)
    assert not csrf.good("another secret", SID, token)


def test_each_page_has_a_token_of_its_own() -> None:
    assert csrf.make(SECRET, SID) != csrf.make(SECRET, SID)


@pytest.mark.parametrize("token", ["", ".", "nonce.", "nonce.seal", "\N{PARROT}.\N{PARROT}", "a.b.c"])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert not csrf.good(SECRET, SID, token)


@pytest.mark.parametrize("path", ["/tasks/", "/accounting/?day=2026-11-23&x=%2F", "/auth/profile", "/tasks/é"])
def test_a_path_of_ours_is_a_place_to_return_to(path: str) -> None:
    assert session.safe_next(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "tasks/",
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        "/\tevil",
        "/a\\b",
        "/a b",
        "/a\r\nSet-Cookie: x=y",
        "/auth/refresh?next=/",
        "/auth/logout",
        "/" + "x" * 2000,
    ],
)
def test_anything_else_leads_home(path: str | None) -> None:
    assert session.safe_next(path) == "/auth/home"
