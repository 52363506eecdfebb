"""The last line of an audit says whether the books are right; what could not be compared is no success."""

from __future__ import annotations

from ates.cli.audit import _verdict
from ates.tools.audit.report import Report


def test_books_without_a_violation_are_right() -> None:
    report = Report()
    assert report.ok
    assert _verdict(report) == "✓ The books are right: all 9 invariants hold."


def test_a_violation_fails_the_audit() -> None:
    report = Report()
    report[1].violate("a dollar is missing")
    assert not report.ok
    assert "1 of 9 invariants are violated" in _verdict(report)


def test_an_audit_that_was_cut_short_is_no_success() -> None:
    report = Report(incomplete="HTTP")
    assert not report.ok
    assert "incomplete" in _verdict(report)
    assert report.as_json()["incomplete"] == "HTTP"
