"""Where to read: what people write for `--from`, and positions as text. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from ates.domain.errors import Unprocessable

TIMES = "a time such as 2026-11-23T14:00, 2026-11-23 or -15m"
FORMS = f"beginning, end, an offset, or {TIMES}"

_AGO = re.compile(r"-([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PLACE = re.compile(r"([^/]+)/([0-9]{1,9})/([0-9]{1,18})")
_OFFSET = re.compile(r"[0-9]{1,18}")
_POSITIONS = re.compile(r"[0-9]{1,9}:-?[0-9]{1,18}(?:,[0-9]{1,9}:-?[0-9]{1,18})*")
OFFSET_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Start:
    """Where reading begins. value: the offset, or milliseconds since 1970 for a time; 0 for the other two."""

    kind: Literal["beginning", "end", "offset", "time"]
    value: int = 0


BEGINNING, END = Start("beginning"), Start("end")


def parse_start(text: str, zone: ZoneInfo, now: datetime, *, field: str = "from", only_times: bool = False) -> Start:
    """`text` as one of `FORMS`, or as a time; a time without zone is one of `zone`.

    Raises `Unprocessable` `bad_position` naming `field`.
    """
    text = text.strip()
    if not only_times and text in ("beginning", "end"):
        return Start(text)  # type: ignore[arg-type]
    if not only_times and _OFFSET.fullmatch(text):
        return Start("offset", int(text))
    try:
        if match := _AGO.fullmatch(text):
            return _at(now - timedelta(**{_UNITS[match[2]]: int(match[1])}))
        moment = datetime.fromisoformat(text)
        return _at(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        wrong = f"no time: give {TIMES}" if only_times else f"no place to begin at: give {FORMS}"
        raise Unprocessable("bad_position", f"{text!r} is {wrong}", field=field) from None


def parse_place(text: str) -> tuple[str, int, int] | None:
    """`TOPIC/PARTITION/OFFSET`, as a record's permalink has it; None for anything else."""
    match = _PLACE.fullmatch(text)
    return (match[1], int(match[2]), int(match[3])) if match else None


def _at(moment: datetime) -> Start:
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return Start("time", max(0, since // timedelta(milliseconds=1)))


def positions_text(positions: Mapping[int, int], first: int | None = None) -> str:
    """`partition:offset` of each partition, with commas; that of `first` in front."""
    return ",".join(f"{n}:{positions[n]}" for n in sorted(positions, key=lambda n: (n != first, n)))


def parse_positions(text: str) -> dict[int, int]:
    """The reverse. Raises `Unprocessable` `bad_position`."""
    if not _POSITIONS.fullmatch(text):
        raise Unprocessable("bad_position", f"{text[:80]!r} is not partition:offset, with commas", field="cursor")
    return {int(number): int(offset) for number, offset in (part.split(":") for part in text.split(","))}
