"""A message for the next page is only believed when we wrote it."""

from __future__ import annotations

from ates.platform.settings import Settings
from ates.web.kit.pages.flash import Flash, opened, sealed

OURS, THEIRS = Settings(csrf_secret="ours"), Settings(csrf_secret="theirs")
NOTE = Flash("good", "“Fix the beak” is done. ✓")


def test_a_message_survives_the_redirect() -> None:
    assert opened(OURS, sealed(OURS, NOTE)) == NOTE


def test_so_does_its_link() -> None:
    linked = Flash("good", "+$35.00", "/accounting/account#1", "Show the entry")
    assert opened(OURS, sealed(OURS, linked)) == linked


def test_a_forged_message_is_not_shown() -> None:
    assert opened(OURS, sealed(THEIRS, NOTE)) is None
    assert opened(OURS, "") is None
    assert opened(OURS, "ä.ö") is None
