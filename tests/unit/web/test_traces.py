"""A request goes on with its caller's trace, or starts one; never with one that is malformed."""

from __future__ import annotations

import pytest

from ates.web.kit.tracing import continued

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_callers_trace_goes_on_with_a_step_of_our_own() -> None:
    version, trace, span, flags = continued(f"00-{TRACE}-b7ad6b7169203331-00").split("-")
    assert (version, trace, flags) == ("00", TRACE, "00")
    assert span != "b7ad6b7169203331"


@pytest.mark.parametrize("header", [None, "", "00-1-2-3", f"00-{'0' * 32}-b7ad6b7169203331-01", f"01-{TRACE}-x-01"])
def test_without_a_good_one_a_trace_begins_here(header: str | None) -> None:
    version, trace, span, _ = continued(header).split("-")
    assert (version, len(trace), len(span)) == ("00", 32, 16)
    assert trace != TRACE
