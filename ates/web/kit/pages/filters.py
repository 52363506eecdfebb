"""How values look on a page. Pure: cents, times and days in, text or safe markup out."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from ates.domain.money import format_cents, format_change

_MONEY = Markup('<span class="money {side}">{text}{spoken}</span>')
_BELOW_ZERO = Markup(' <span class="said">below zero</span>')


def money(cents: int) -> Markup:
    """An amount held, such as a balance. Below zero it says so in words too, not by colour alone."""
    spoken = _BELOW_ZERO if cents < 0 else Markup("")
    return _MONEY.format(side=_side(cents), text=format_cents(cents), spoken=spoken)


def change(cents: int) -> Markup:
    """An amount that moved, its sign always shown."""
    return _MONEY.format(side=_side(cents), text=format_change(cents), spoken=Markup(""))


def _side(cents: int) -> str:
    return "minus" if cents < 0 else "plus" if cents > 0 else "zero"


def when(moment: datetime, zone: ZoneInfo) -> Markup:
    """`23 Nov 2026, 14:03` in the business time zone, machine-readable too."""
    local = moment.astimezone(zone)
    return Markup('<time datetime="{iso}" title="{full}">{text}</time>').format(
        iso=local.isoformat(timespec="seconds"),
        full=f"{local:%A, %-d %B %Y, %H:%M:%S} {zone.key}",
        text=f"{local:%-d %b %Y, %H:%M}",
    )


def moment(moment: datetime, zone: ZoneInfo) -> Markup:
    """`2026-11-23 14:03:00.123` in the business time zone, for where every millisecond counts."""
    local = moment.astimezone(zone)
    return Markup('<time datetime="{iso}">{text}</time>').format(
        iso=local.isoformat(timespec="milliseconds"), text=f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03}"
    )


def clock(moment: datetime, zone: ZoneInfo) -> Markup:
    """The time of day alone, where the day is written beside it."""
    local = moment.astimezone(zone)
    return Markup('<time datetime="{iso}">{text}</time>').format(
        iso=local.isoformat(timespec="seconds"), text=f"{local:%H:%M}"
    )


def day(value: date) -> Markup:
    """`Mon 23 Nov 2026`."""
    return Markup('<time datetime="{iso}">{text}</time>').format(iso=value.isoformat(), text=f"{value:%a %-d %b %Y}")


def count(number: int, one: str, many: str = "") -> str:
    """`1 task`, `1,234 tasks`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
