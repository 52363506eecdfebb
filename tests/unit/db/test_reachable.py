"""Whatever the client raises because Postgres went away is told as that, and a mistake of ours is not."""

from __future__ import annotations

import asyncpg
import pytest

from ates.domain.errors import Unavailable
from ates.platform.db.pool import reachable


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.InterfaceError("the underlying connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress"),
    ],
)
def test_a_server_that_went_away_is_unavailable(error: Exception) -> None:
    with pytest.raises(Unavailable), reachable():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InvalidPasswordError("password authentication failed"),
        asyncpg.InvalidAuthorizationSpecificationError("no pg_hba.conf entry"),
        asyncpg.InvalidCatalogNameError("database does not exist"),
    ],
)
def test_a_server_that_refuses_our_login_is_unavailable_with_a_code_of_its_own(error: Exception) -> None:
    with pytest.raises(Unavailable) as refused, reachable():
        raise error
    assert refused.value.code == "database_unauthorized"


@pytest.mark.parametrize(
    "error", [asyncpg.UndefinedTableError("no such table"), asyncpg.InterfaceError("bad argument")]
)
def test_a_mistake_of_ours_is_none_of_that(error: Exception) -> None:
    with pytest.raises(type(error)), reachable():
        raise error
