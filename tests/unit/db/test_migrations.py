"""The rules of migrating, without a database."""

from __future__ import annotations

import pytest

from ates.domain.errors import AtesError
from ates.platform.db.migrate import Migration, available, pending

FIRST = Migration("0001_first", "SELECT 1", "a1")
SECOND = Migration("0002_second", "SELECT 2", "b2")


def test_what_is_not_applied_yet_comes_in_order() -> None:
    assert pending([FIRST, SECOND], {}) == [FIRST, SECOND]
    assert pending([FIRST, SECOND], {"0001_first": "a1"}) == [SECOND]


def test_a_migration_numbered_before_an_applied_one_is_refused() -> None:
    with pytest.raises(AtesError, match=r"0001_first.sql comes before 0002_second"):
        pending([FIRST, SECOND], {"0002_second": "b2"})


def test_the_shipped_migrations_start_with_auth() -> None:
    assert available()[0].name == "0001_auth"
