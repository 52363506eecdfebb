"""The headers of every record: CloudEvents 1.0 in binary mode, W3C trace context. No I/O, clock, randomness.

`ce_time` is the business time of the cause (for a command, when it was issued), not the time of sending.
A record that an agent makes of another gets an id that follows from that record's: a second attempt makes it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha1
from operator import itemgetter
from uuid import NAMESPACE_URL, UUID, uuid5

from ates.domain.errors import Unprocessable
from ates.schemas import plans

SPEC_VERSION = "1.0"
_REQUIRED = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject")
_SPEC_VERSION_1 = ("ce_specversion", SPEC_VERSION.encode())
_all_required = itemgetter(*_REQUIRED)
_LENGTH_MAX = 1024
_TRACEPARENT_LENGTH = 55
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
# A UUID whose halves cannot be zero, which trace context forbids.
_RANDOM_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# The first digit of a UUID's fourth group: its two upper bits are 1 and 0.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_IDS = uuid5(NAMESPACE_URL, "https://cloudevents.io/ates")

_compiled = plans.headers()

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The headers of a record, parsed.

    id: unique; the same record sent again carries the same one
    type: full name of the record, such as ates.tasks.TaskAssigned
    source: /ates/<service> that sent it
    time: business time of the cause, UTC to the millisecond
    subject: the record's key
    causation_id: id of the record that caused this one, None when it came from outside
    traceparent: W3C trace context, None when it has none that is valid
    """

    id: str
    type: str
    source: str
    time: datetime
    subject: str
    causation_id: str | None = None
    traceparent: str | None = None


def build(
    *,
    id: str,
    type: str,
    source: str,
    time: datetime,
    subject: str,
    causation_id: str | None = None,
    traceparent: str | None = None,
    span: str | None = None,
) -> Headers:
    """The headers of a new record. `traceparent` is the cause's; without one the record starts a trace. `span` is the
    traceparent of a span that is being recorded while this is sent: then the record names that one as it is."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id.encode()),
        ("ce_type", type.encode()),
        ("ce_source", source.encode()),
        ("ce_time", format_time(time).encode()),
        ("ce_subject", subject.encode()),
        ("traceparent", (span or child_traceparent(id, traceparent)).encode()),
    ]
    if causation_id:
        headers.append(("ce_causationid", causation_id.encode()))
    return headers


def parse(headers: Mapping[str, bytes] | Iterable[tuple[str, bytes | None]]) -> Envelope:
    """The parsed headers; of two of one name the later holds.

    Raises `Unprocessable`: `missing_headers` or `bad_header`, naming the header.
    """
    given = dict(headers)
    missing = [name for name in _REQUIRED if not given.get(name)]
    if missing:
        raise Unprocessable("missing_headers", f"the record has no header {', '.join(missing)}")
    if given["ce_specversion"] != SPEC_VERSION.encode():
        raise _bad("ce_specversion", f"only {SPEC_VERSION} is understood")
    return Envelope(
        id=_text(given, "ce_id"),
        type=_text(given, "ce_type"),
        source=_text(given, "ce_source"),
        time=_time(given),
        subject=_text(given, "ce_subject"),
        causation_id=_text(given, "ce_causationid") if given.get("ce_causationid") else None,
        traceparent=_traceparent(given.get("traceparent")),
    )


def identity(headers: Mapping[str, bytes]) -> tuple[str, datetime]:
    """The id and the time that `parse` gives, for who reads nothing else of the envelope. Raises the same.

    The headers that many records of a batch share (type, source, time) is looked at once.
    """
    found: tuple[str, datetime] | None = _compiled.identity(headers) if _compiled else None
    if found is not None:
        return found
    try:
        version, id, type, source, time, subject = _all_required(headers)
        short = len(type) <= _LENGTH_MAX and len(source) <= _LENGTH_MAX and len(time) <= _LENGTH_MAX
        if version == b"1.0" and short and _shared_text(type) and _shared_text(source):
            cause = headers.get("ce_causationid")
            own = _printable(id)
            if own and _printable(subject) and (not cause or _printable(cause)):
                return own, _utc_time(_shared_text(time))
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    said = parse(headers)  # which tells what is wrong
    return said.id, said.time


def caused(
    *,
    cause_id: str,
    topic: str,
    number: int,
    type: str,
    source: str,
    time: datetime,
    subject: bytes,
    traceparent: bytes | None,
    span: str | None = None,
) -> Headers:
    """The headers that `build` makes for the `number`-th record that an agent sends to `topic` because of `cause_id`.

    The same bytes at half of the CPU: what a batch shares is made once, and the id becomes text only once.
    `traceparent` is the cause's header as it came.
    """
    kind, sender = _shared_header("ce_type", type), _shared_header("ce_source", source)
    if _compiled and span is None:
        place = _place(topic, number)
        made: Headers | None = _compiled.caused(cause_id, place, kind, sender, time, subject, traceparent)
        if made is not None:
            return made
    event_id = caused_id(cause_id, topic, number)
    if span is None:
        valid = traceparent is not None and len(traceparent) == _TRACEPARENT_LENGTH
        trace, flags = (_trace_of_header(traceparent) if valid else None) or (event_id.replace("-", ""), "01")
        span = f"00-{trace}-{event_id[19:23]}{event_id[24:]}-{flags}"
    return [
        _SPEC_VERSION_1,
        ("ce_id", event_id.encode()),
        kind,
        sender,
        ("ce_time", _time_header(time)),
        ("ce_subject", subject),
        ("traceparent", span.encode()),
        ("ce_causationid", cause_id.encode()),
    ]


def caused_id(cause_id: str, topic: str, n: int) -> str:
    """The id of the `n`-th record (from 0) that an agent sends to `topic` because of `cause_id`.

    It is `uuid.uuid5` of that id and of the record's place (RFC 9562, 5.5), written out: every record has one, and the
    library's way over two objects took a sixth of a shuffle.
    """
    own = sha1(_namespace(cause_id) + _place(topic, n), usedforsecurity=False).hexdigest()
    return f"{own[:8]}-{own[8:12]}-5{own[13:16]}-{_VARIANT[own[16]]}{own[17:20]}-{own[20:32]}"


def child_traceparent(event_id: str, parent: str | None) -> str:
    """The trace context of the record `event_id`: in its parent's trace, or the root of one named after it.

    It follows from the ids alone: an attempt that was rolled back leaves the same trace as the one that held.
    """
    own = event_id.replace("-", "") if _RANDOM_ID.fullmatch(event_id) else uuid5(_IDS, event_id).hex
    trace, flags = (_trace_of(parent) if parent and len(parent) == _TRACEPARENT_LENGTH else None) or (own, "01")
    return f"00-{trace}-{own[16:]}-{flags}"


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, such as 2024-02-29T12:00:00.000Z. Refuses a time without zone."""
    if time.tzinfo is UTC:
        return _utc_text(time)
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone")
    return _utc_text(time.astimezone(UTC))


# Remembered below, if it is short: what many records share. Of a shuffle of 100,000 tasks all have one time and trace.


@lru_cache(maxsize=1024)
def _utc_text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=1024)
def _time_header(time: datetime) -> bytes:
    return format_time(time).encode()


@lru_cache(maxsize=1024)
def _shared_header(name: str, value: str) -> tuple[str, bytes]:
    return name, value.encode()


@lru_cache(maxsize=1024)
def _place(topic: str, n: int) -> bytes:
    return f"{topic}/{n}".encode()


@lru_cache(maxsize=1024)
def _shared_text(raw: bytes) -> str:
    return _printable(raw)


@lru_cache(maxsize=1024)
def _trace_of_header(raw: bytes | None) -> tuple[str, str] | None:
    return _trace_of(raw.decode("ascii", "replace")) if raw else None


@lru_cache(maxsize=1024)
def _trace_of(parent: str | None) -> tuple[str, str] | None:
    match = _TRACEPARENT.fullmatch(parent) if parent else None
    return (match[1], match[3]) if match else None


def _namespace(event_id: str) -> bytes:
    digits = event_id.replace("-", "")
    try:
        if len(event_id) == 36 and len(digits) == 32 and len(plain := bytes.fromhex(digits)) == 16:
            return plain
    except ValueError:
        pass
    try:
        return UUID(event_id).bytes
    except ValueError:
        return uuid5(_IDS, event_id).bytes


@lru_cache(maxsize=1024)
def _utc_time(text: str) -> datetime:
    """To the millisecond. Raises `ValueError` and `OverflowError`."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("no time zone")
    time = time.astimezone(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _printable(raw: bytes) -> str:
    """The text, empty where `_text` would refuse it. Raises `UnicodeDecodeError`."""
    text = raw.decode()
    return text if len(raw) <= _LENGTH_MAX and text.isprintable() else ""


def _bad(name: str, reason: str) -> Unprocessable:
    return Unprocessable("bad_header", f"header {name}: {reason}", header=name)


def _text(headers: Mapping[str, bytes | None], name: str) -> str:
    raw = headers[name] or b""
    if len(raw) > _LENGTH_MAX:
        raise _bad(name, f"longer than {_LENGTH_MAX} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _bad(name, "not UTF-8") from error
    if not text.isprintable():
        raise _bad(name, "holds a control character")
    return text


def _time(headers: Mapping[str, bytes | None]) -> datetime:
    text = _text(headers, "ce_time")
    try:
        return _utc_time(text)
    except (ValueError, OverflowError) as error:
        raise _bad("ce_time", f"{text!r} is not an RFC 3339 time") from error


def _traceparent(raw: bytes | None) -> str | None:
    text = raw.decode("ascii", errors="replace") if raw else ""
    return text if _TRACEPARENT.fullmatch(text) else None
