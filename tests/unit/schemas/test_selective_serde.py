"""Worker `payouts` decodes no transaction but payouts, compiled or not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ates.domain.accounting.ledger import PAYOUT
from ates.schemas import envelope
from ates.schemas.codec import Codec
from ates.streams.batch import Undecodable
from ates.topology import ACCOUNTING_TRANSACTIONS, AUTH_ACCOUNTS
from ates.workers.serde import SelectiveSerde
from bench.codec import transaction

TOPIC = ACCOUNTING_TRANSACTIONS.name


@pytest.fixture
def serde(codec: Codec) -> SelectiveSerde:
    return SelectiveSerde(codec, "payouts", source=TOPIC, text=PAYOUT)


def consumed(value: bytes | None, topic: str = TOPIC) -> Any:
    fee = transaction(1)
    headers = envelope.build(
        id=fee.transaction_id, type="t", source="/ates/accounting", time=fee.applied_at, subject=fee.account_id
    )
    return SimpleNamespace(topic=topic, partition=0, offset=7, key=b"key", value=value, headers=tuple(headers))


async def test_a_payout_is_read_whole_and_a_fee_is_passed_over(codec: Codec, serde: SelectiveSerde) -> None:
    fee = transaction(1)
    payout = replace(fee, kind=PAYOUT, task_id=None)
    read = serde.decode(consumed(codec.encode(TOPIC, payout)))
    assert (read.value, read.id, read.offset) == (payout, fee.transaction_id, 7)
    passed = serde.decode(consumed(codec.encode(TOPIC, fee)))
    assert (passed.value, passed.offset) == (None, 7)


async def test_what_cannot_be_a_payout_is_not_even_undecodable_here_but_on_other_topics_all_is_read(
    serde: SelectiveSerde,
) -> None:
    assert serde.decode(consumed(b"\0garbage")).value is None
    assert serde.decode(consumed(None)).value is None
    with pytest.raises(Undecodable):
        serde.decode(consumed(None, AUTH_ACCOUNTS.name))
    with pytest.raises(Undecodable):
        serde.decode(consumed(b"not framed \x0cpayout"))
