"""The company's calendar: which business days are over and not closed yet, and the command that closes one.

Pure: the time is an argument, and the time zone too. A day ends when the next one begins there, be it 23 or 25 hours
long. Every closer of a day for the company uses the same command, which therefore counts once.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from hashlib import sha256
from uuid import UUID

from ates.domain.accounting.ledger import COMPANY_ACCOUNT_ID, business_day
from ates.domain.accounting.messages import CloseDay
from ates.domain.ids import derived_id

_NAMESPACE = UUID("5b0a2ac1-6f0e-5d0f-8b53-0f9f5d6a3f0c")
_DAY = timedelta(days=1)


def end_of(day: date, zone: tzinfo) -> datetime:
    """The moment at which `day` is over, aware UTC."""
    return datetime.combine(day + _DAY, time(), zone).astimezone(UTC)


def overdue(closed_through: date, now: datetime, zone: tzinfo) -> date | None:
    """The first day after `closed_through` that is over; None while there is none."""
    day = closed_through + _DAY
    return day if day < business_day(now, zone) else None


def closing(day: date, zone: tzinfo, partition: int, partitions: int, now: datetime | None = None) -> CloseDay:
    """The company's own command that closes `day`, asked for at its end; `now`, when that is earlier."""
    ended_at = end_of(day, zone)
    return CloseDay(
        command_id=closing_id(day),
        actor_id=COMPANY_ACCOUNT_ID,
        request_hash=sha256(day.isoformat().encode()).hexdigest(),
        issued_at=ended_at if now is None else min(ended_at, now),
        day=day,
        partition=partition,
        partitions=partitions,
    )


def closing_id(day: date) -> str:
    """The id of that command: the same one for a day, whoever asks, and however often."""
    return derived_id(_NAMESPACE, day.isoformat())
