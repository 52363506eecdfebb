"""What one's own sessions are called on the profile."""

from __future__ import annotations

import pytest

from ates.web.auth.profile import browser

GECKO = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "shown"),
    [
        (f"Mozilla/5.0 (X11; Linux x86_64) {GECKO} Chrome/156.0.0.0 Safari/537.36", "Chrome on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0) {GECKO} Chrome/156.0 Safari/537.36 Edg/156.0", "Edge on Windows"),
        ("Mozilla/5.0 (Android 16; Mobile; rv:150.0) Gecko/150.0 Firefox/150.0", "Firefox on Android"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 20_0 like Mac OS X) {GECKO} Safari/604.1", "Safari on iPhone"),
        ("Python/3.11 aiohttp/3.14.5", "Python/3.11 aiohttp/3.14.5"),
        ("", "unknown"),
    ],
)
def test_a_session_is_called_what_people_call_their_browser(user_agent: str, shown: str) -> None:
    assert browser(user_agent) == shown
