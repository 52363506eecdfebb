"""The company's calendar: when a day is over, in every zone, by every clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ates.domain.accounting.calendar import closing, end_of, overdue
from ates.domain.accounting.ledger import business_day

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2025, 3, 29), 24),
        ("Europe/Berlin", date(2025, 3, 30), 23),
        ("Europe/Berlin", date(2025, 10, 26), 25),
        ("America/New_York", date(2025, 3, 9), 23),
        ("America/New_York", date(2025, 11, 2), 25),
        ("America/Santiago", date(2025, 9, 7), 23),  # its clocks go forward at midnight: 0:00 does not exist
        ("America/Santiago", date(2025, 4, 5), 25),  # and back at midnight: 23:00 comes twice
        ("Asia/Kathmandu", date(2025, 6, 1), 24),
    ],
)
def test_a_day_lasts_from_midnight_to_midnight_of_the_company(zone, day, hours):
    end = end_of(day, ZoneInfo(zone))
    begin = end_of(day - timedelta(days=1), ZoneInfo(zone))

    assert end - begin == timedelta(hours=hours)
    assert business_day(begin, ZoneInfo(zone)) == day
    assert business_day(end - timedelta(milliseconds=1), ZoneInfo(zone)) == day
    assert business_day(end, ZoneInfo(zone)) == day + timedelta(days=1)


@pytest.mark.parametrize("zone", [UTC, BERLIN, NEW_YORK, ZoneInfo("America/Santiago")], ids=str)
@pytest.mark.parametrize("day", [date(2025, 3, 9), date(2025, 3, 30), date(2025, 4, 5), date(2025, 10, 26)], ids=str)
def test_a_day_is_closed_once_it_is_over_and_not_before(zone, day):
    before, end = day - timedelta(days=1), end_of(day, zone)

    assert overdue(before, end - timedelta(milliseconds=1), zone) is None
    assert overdue(before, end, zone) == day
    assert overdue(day, end, zone) is None


def test_missed_days_are_closed_in_order():
    now, closed, days = datetime(2025, 4, 2, 5, tzinfo=UTC), date(2025, 3, 28), []
    while (day := overdue(closed, now, BERLIN)) is not None:
        closed = day
        days.append(day)

    assert days == [date(2025, 3, 29), date(2025, 3, 30), date(2025, 3, 31), date(2025, 4, 1)]


@pytest.mark.parametrize("zone", [UTC, BERLIN, NEW_YORK], ids=str)
@pytest.mark.parametrize("day", [date(2025, 3, 8), date(2025, 3, 30), date(2025, 10, 26)], ids=str)
@pytest.mark.parametrize("off_hours", [-2, -1, 1, 2])
def test_a_clock_that_is_moved_around_midnight_closes_each_day_once(zone, day, off_hours):
    """It runs off the right time before midnight, is put right after it, and the other way round."""
    end = end_of(day, zone)
    readings = [end + timedelta(minutes=minutes) for minutes in range(-180, 181, 10)]
    moved = [reading + timedelta(hours=off_hours) for reading in readings]
    for clock in (moved[:18] + readings[18:], readings[:18] + moved[18:], moved):
        closed, days = day - timedelta(days=1), []
        for now in clock:
            while (due := overdue(closed, now, zone)) is not None:
                closed = due
                days.append(due)
        assert days == [day]


def test_the_company_closes_a_day_with_the_same_command_whoever_sends_it_and_whenever():
    day = date(2025, 3, 30)
    first, late = (closing(day, BERLIN, 1, 4, now) for now in (None, datetime(2025, 4, 2, 5, tzinfo=UTC)))

    assert first == late
    assert first.issued_at == datetime(2025, 3, 30, 22, tzinfo=UTC)
    assert first.command_id != closing(day + timedelta(days=1), BERLIN, 1, 4).command_id


def test_a_day_closed_before_it_is_over_is_closed_then_and_not_at_midnight():
    six = datetime(2025, 3, 30, 16, tzinfo=UTC)

    assert closing(date(2025, 3, 30), BERLIN, 0, 4, six).issued_at == six
