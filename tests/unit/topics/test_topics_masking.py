"""Mail addresses are hidden from whoever may not see them: in values, keys, headers and bytes, and from filters."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ates.tools.topics.decoding import Decoder
from ates.tools.topics.filters import Filter, RecordFilter
from ates.tools.topics.masking import MASK, masked
from ates.tools.topics.records import Record

POLLY = "polly@uberpopug.example"
OPEN = Decoder(lambda _: None)
ADDRESS = st.emails()
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="@"), max_size=20)


class Message:
    """A record as the client has it."""

    def __init__(self, value: bytes | None, key: bytes = b"key", headers: tuple[tuple[str, bytes], ...] = ()) -> None:
        self._value, self._key, self._headers = value, key, headers

    def value(self) -> bytes | None:
        return self._value

    def key(self) -> bytes:
        return self._key

    def headers(self) -> list[tuple[str, bytes]]:
        return [*self._headers]

    def topic(self) -> str:
        return "auth.accounts"

    def partition(self) -> int:
        return 0

    offset = partition

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


def seen(message: Message, decoder: Decoder) -> str:
    """Everything that anybody is shown of a record."""
    record = Record.of(message, decoder.decode(message.value()), decoder.decode_key(message.key()))
    texts = [record.value_text(), record.value_text(2), record.key_text, json.dumps(record.to_json(raw=True))]
    texts += [record.header_text(index) for index in range(len(record.headers))]
    raw = record.visible_bytes or b""
    return "\n".join([*texts, raw.decode("utf-8", "replace"), base64.b64encode(raw).decode(), raw.hex(" ")])


@pytest.mark.parametrize(
    "value",
    [
        json.dumps({"email": POLLY, "name": "Polly"}).encode(),
        json.dumps({"changes": json.dumps({"email": POLLY}), "of": [{"note": f"write to {POLLY}."}]}).encode(),
        f"Dear {POLLY}".encode(),
        b"\xff\xfe" + POLLY.encode(),
        b"\0\0\0\0\7" + POLLY.encode(),
    ],
)
def test_an_address_is_shown_to_whoever_may_see_it_and_to_nobody_else(value: bytes) -> None:
    message = Message(value, POLLY.encode(), (("dlq_error", f"bad: {POLLY}".encode()),))
    assert POLLY in seen(message, OPEN)
    hidden = seen(message, OPEN.masked())
    assert "polly" not in hidden
    for secret in (value, POLLY.encode()):
        assert secret.hex(" ") not in hidden
        assert base64.b64encode(secret).decode() not in hidden


def test_what_is_no_address_stays_as_it_is() -> None:
    value = {"title": "Fix @ the beak", "count": 1, "of": [None, True], "email": None}
    assert masked(value) == value
    assert masked({"email": "no address at all"}) == {"email": MASK}
    assert json.loads(seen(Message(b'{"a": 1}'), OPEN.masked()).splitlines()[0]) == {"a": 1}


@pytest.mark.parametrize("wanted", [Filter(grep="polly"), Filter(where=(("email", POLLY),)), Filter(grep=POLLY)])
def test_a_filter_does_not_tell_what_is_masked(wanted: Filter) -> None:
    message = Message(json.dumps({"email": POLLY}).encode())
    assert RecordFilter(wanted, OPEN).take(message)
    assert not RecordFilter(wanted, OPEN.masked()).take(message)
    assert RecordFilter(Filter(), OPEN.masked()).take(message)


def _values() -> st.SearchStrategy[Any]:
    leaves = st.one_of(st.none(), st.integers(), ADDRESS, st.tuples(TEXT, ADDRESS, TEXT).map(" ".join))
    return st.recursive(leaves, lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXT, inner)), max_leaves=8)


@given(_values())
def test_no_value_keeps_the_part_of_an_address_that_names_somebody(value: Any) -> None:
    assert "@" not in json.dumps(masked(value), ensure_ascii=False)


def test_a_long_text_is_masked_in_no_time() -> None:
    assert masked("a" * 200_000 + " @").endswith(" @")
    assert masked("@".join(["a.b"] * 50_000))
