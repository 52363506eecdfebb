"""The alerts of deploy/prometheus: Prometheus takes them, each can fire, and docs/operations.md has a runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from declared_metrics import declared

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "prometheus"
RULES = FOLDER / "ates.rules.yml"
TESTS = FOLDER / "ates.rules.test.yml"
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
ALERTS: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]

# Of Prometheus itself, of its Python client, and of every target.
NOT_OURS = {"up": (), "process_start_time_seconds": ()}
OF_TARGETS = {"job", "instance", "process", "le"}
WORDS = {"by", "on", "unless", "sum", "max", "rate", "increase", "changes", "time", "min_over_time"}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus"
)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


@needs_promtool
def test_prometheus_takes_the_rules_and_each_alert_fires_when_it_should() -> None:
    done = promtool("test", "rules", str(TESTS))
    assert done.returncode == 0, done.stderr


@needs_promtool
def test_an_alert_that_never_fires_is_found_out(tmp_path: Path) -> None:
    shutil.copy(TESTS, tmp_path)
    deaf = RULES.read_text().replace("ates_ready == 0", "ates_ready == 7")
    (tmp_path / RULES.name).write_text(deaf)
    done = promtool("test", "rules", str(tmp_path / TESTS.name))
    assert done.returncode != 0
    assert "AtesNotReady" in done.stderr + done.stdout


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_asks_for_metrics_and_labels_that_exist(alert: dict[str, Any]) -> None:
    known = declared()
    known |= {f"{name}_count": labels for name, labels in known.items()} | NOT_OURS
    text = re.sub(r'"[^"]*"', "", alert["expr"])
    labels = {name for group in re.findall(r"(?:by|on) \(([^)]*)\)", text) for name in re.split(r",\s*", group)}
    labels |= set(re.findall(r"[{,]\s*(\w+)\s*=", text))
    metrics = set(re.findall(r"\b[a-z][a-z_]+\b", re.sub(r"(?:by|on) \([^)]*\)|\{[^}]*\}", "", text))) - WORDS
    assert metrics
    assert metrics <= set(known)
    assert labels <= OF_TARGETS | {label for metric in metrics for label in known[metric]}
    said = set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["summary"]))
    assert said <= OF_TARGETS | {label for metric in metrics for label in known[metric]}


def test_every_alert_is_tried() -> None:
    cases = [case for test in yaml.safe_load(TESTS.read_text())["tests"] for case in test.get("alert_rule_test", [])]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == {alert["alert"] for alert in ALERTS}


def test_the_runbook_has_a_line_for_every_alert_and_no_other() -> None:
    lines = re.findall(r"^\| (Ates\w+) \|(.*)\|$", (ROOT / "docs" / "operations.md").read_text(), re.M)
    assert [name for name, _ in lines] == [alert["alert"] for alert in ALERTS]
    assert all(len([cell for cell in rest.split(" | ") if cell.strip()]) == 3 for _, rest in lines)
