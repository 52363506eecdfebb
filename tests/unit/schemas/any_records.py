"""Any value that the records of ours allow, as strategies for Hypothesis."""

from __future__ import annotations

import dataclasses
import types
import typing
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from ates.topology import ORIGINS

VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    date: st.dates(),
    datetime: st.datetimes(timezones=st.just(UTC)).map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)),
    types.NoneType: st.none(),
}
TOPIC_AND_RECORD = [(topic.name, record) for topic in ORIGINS for record in topic.records]


def a(record: type) -> st.SearchStrategy[Any]:
    """Any value that the fields of `record` allow."""
    return st.builds(
        record,
        **{
            field.name: st.one_of(*(VALUES[t] for t in typing.get_args(field.type) or (field.type,)))
            for field in dataclasses.fields(record)
        },
    )
