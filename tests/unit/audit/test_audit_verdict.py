"""The last line of an audit says whether the books are right; what could not be compared is no success."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from ates.cli.audit import _verdict, write_metrics
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


def test_prometheus_reads_the_verdict_from_a_file(tmp_path: Path) -> None:
    report, file = Report(), tmp_path / "ates.prom"
    report[4].violate("paid twice")
    write_metrics(report, file)
    found = {family.name: family.samples for family in text_string_to_metric_families(file.read_text())}
    assert [sample.value for sample in found["ates_audit_ok"]] == [0]
    assert {it.labels["invariant"] for it in found["ates_audit_violations"] if it.value} == {"4"}
    assert found["ates_audit_timestamp_seconds"][0].value > 1_700_000_000
    assert list(tmp_path.iterdir()) == [file]
