"""Whose servers these are: who may go on, and who is sent away before anything has changed."""

from __future__ import annotations

import pytest

from ates.domain.errors import SettingsError
from ates.platform.db.owner import Log, Owner, decide

OURS = Owner("ours", "here:/data")
THEIRS = Owner("theirs", "there:/data", "cluster")


def test_a_fresh_server_is_ours() -> None:
    assert decide(None, OURS, in_use=False) == OURS


def test_our_own_server_stays_ours_and_remembers_its_kafka() -> None:
    ours = Owner("ours", "elsewhere:/data", "cluster")
    assert decide(ours, OURS, in_use=True) == Owner("ours", "here:/data", "cluster")
    assert decide(ours, OURS, in_use=True, log=Log("cluster", used=True)).kafka == "cluster"


def test_the_server_of_another_stack_is_refused_with_its_place_and_the_way_on() -> None:
    with pytest.raises(SettingsError, match=r"there:/data.*Workers on another machine.*--take-over") as refused:
        decide(THEIRS, OURS, in_use=True)
    assert refused.value.code == "servers_owned"


def test_a_server_that_somebody_prepared_without_a_note_is_refused() -> None:
    with pytest.raises(SettingsError, match="another stack"):
        decide(None, OURS, in_use=True)


@pytest.mark.parametrize("known", [None, OURS, Owner("ours", kafka="another")])
def test_a_kafka_with_records_that_this_database_has_not_seen_is_refused(known: Owner | None) -> None:
    with pytest.raises(SettingsError, match="this Kafka holds records"):
        decide(known, OURS, in_use=known is not None, log=Log("cluster", used=True))


def test_another_kafka_without_records_is_fine() -> None:
    moved = decide(Owner("ours", kafka="another"), OURS, in_use=True, log=Log("cluster", used=False))
    assert moved.kafka == "cluster"
