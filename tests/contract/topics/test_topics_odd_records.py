"""Whatever is in a topic is shown as what it is: on pages, over the API and on the command line, never as an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import Producer
from gateway_to_topics import Gateway

pytestmark = pytest.mark.stack

MEGABYTE = b"\0\0\0\0\x01" + bytes(range(256)) * 4096


@dataclass(frozen=True)
class Odd:
    """What was sent, and what is said of it: kind, the problem's code, and a text that its page shows."""

    value: bytes | None
    kind: str
    problem: str | None
    shown: str
    key: bytes | None = b"k"
    headers: Any = None


ODD = {
    "null": Odd(None, "null", None, "It has no value."),
    "empty": Odd(b"", "text", None, "0 B"),
    "unknown schema": Odd(b"\0\x7f\xff\xff\xff!", "bytes", "unknown_schema", "has no schema 2147483647"),
    "schema id that cannot be": Odd(b"\0\xff\xff\xff\xff!", "bytes", "unknown_schema", "has no schema 4294967295"),
    "broken": Odd(b"\0\0\0\0\x01\xff\xff", "bytes", "malformed", "ff ff"),
    "too short for a frame": Odd(b"\0\0\0", "bytes", "not_text", "00 00 00"),
    "not UTF-8": Odd(
        b"\xc3\x28", "bytes", "not_text", "c3 28", key=b"\xff\x00key", headers=[("h", b"\xfe"), ("n", None)]
    ),
    "no key": Odd(b'{"a": 1}', "json", None, "&#34;a&#34;: 1", key=None),
    "markup": Odd(b"<script>alert(1)</script>", "text", None, "&lt;script&gt;alert(1)", headers=[("<b>", b"<i>")]),
    "long line": Odd(b"x" * 300_000, "text", None, "Cut here"),
    "a megabyte": Odd(MEGABYTE[:1_000_000], "bytes", "malformed", "Cut here"),
}


@pytest.fixture(scope="module")
def odd(make_topic: Callable[..., str], producer: Producer) -> str:
    """A topic with each of `ODD` at the offset of its place in it, in partition 0."""
    topic = make_topic(max_message_bytes=2_000_000)
    for one in ODD.values():
        producer.produce(topic, one.value, one.key, partition=0, headers=one.headers)
    producer.flush()
    return topic


@pytest.mark.parametrize("name", ODD)
def test_an_odd_record_is_shown_as_what_it_is(gateway: Gateway, odd: str, name: str) -> None:
    one, at = ODD[name], f"{odd}/0/{list(ODD).index(name)}"
    record = gateway.get(f"/topics/api/topics/{at}").json()
    assert (record["kind"], (record["problem"] or {}).get("code")) == (one.kind, one.problem)
    assert record["size"] == len(one.value or b"")
    page = gateway.get(f"/topics/{at}")
    assert page.status_code == 200
    assert one.shown in page.text
    assert "<script>alert" not in page.text
    assert gateway.get(f"/topics/{at}/story").status_code == 200
    raw = gateway.get(f"/topics/{at}/raw")
    assert (raw.status_code, raw.content) == (200 if one.value is not None else 204, one.value or b"")


def test_a_page_of_odd_records_is_a_page(gateway: Gateway, odd: str) -> None:
    for query in ({}, {"from": "beginning"}, {"grep": "alert"}, {"where": "a=1"}, {"key": "\\xff\\x00key"}):
        page = gateway.get(f"/topics/{odd}", **query)
        assert page.status_code == 200
        assert len(page.content) < 200_000
    found = gateway.get(f"/topics/api/topics/{odd}/records", key="\\xff\\x00key").json()["items"]
    assert [(one["offset"], one["headers"]) for one in found] == [(6, {"h": "\\xfe", "n": ""})]


def test_the_command_line_shows_them_too(ates: Callable[..., Any], odd: str) -> None:
    lines = ates("topics", "tail", odd, "--from", "beginning", "-o", "json").stdout.splitlines()
    assert [json.loads(line)["kind"] for line in lines] == [one.kind for one in ODD.values()]
    table = ates("topics", "tail", odd, "--limit", "50").stdout
    assert "has no schema 2147483647" in table
    assert max(map(len, table.splitlines())) < 2200


def test_a_download_is_every_record_on_a_line(gateway: Gateway, odd: str) -> None:
    lines = gateway.get(f"/topics/{odd}/download").text.splitlines()
    assert [json.loads(line)["offset"] for line in lines] == list(range(len(ODD)))


@pytest.mark.parametrize("path", ["0/999", "0/x", "9/0", "0/99999999999999999999", "-1/0"])
def test_a_place_where_nothing_is_is_said_to_be_one(gateway: Gateway, odd: str, path: str) -> None:
    assert gateway.get(f"/topics/{odd}/{path}").status_code in (404, 422)
    assert gateway.get(f"/topics/api/topics/{odd}/{path}").json()["code"]
