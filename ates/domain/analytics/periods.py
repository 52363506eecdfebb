"""Days, weeks from Monday to Sunday, and months of the calendar."""

from datetime import date, timedelta

PERIODS = ("day", "week", "month")


def first_day(period: str, day: date) -> date:
    """The first day of the period that `day` is in."""
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day


def last_day(period: str, day: date) -> date:
    """The last day of the period that `day` is in."""
    first = first_day(period, day)
    if period == "month":
        return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first + timedelta(days=6) if period == "week" else first
