"""Apache's own verifier finds every record delivered, whatever befell the workers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ates.embedded.console import Console
from ates.embedded.downloads import parse_lock, read_lock

from .apache import LOCK, PASSED
from .experiment import experiment

KILLS = int(os.environ.get("ATES_TEST_KILLS", "5"))


def test_the_verifier_is_of_the_same_version_as_kafka() -> None:
    kafka = {file.version for file in read_lock("kafka.lock") if file.group == "org.apache.kafka"}
    assert {file.version for file in parse_lock(LOCK.read_text(encoding="utf-8"))} == kafka


@pytest.mark.stack
def test_apaches_verifier_finds_all_records_delivered(tmp_path: Path) -> None:
    """Each broker is lost meanwhile, the active controller among them: killed, restarted in order, paused."""
    seed = int(os.environ.get("ATES_TEST_SEED", "1"))
    report = experiment(tmp_path, KILLS, seed, Console(), print, is_complex=True, loses_brokers=True)
    assert report.verdict == PASSED
    assert report.faults["kill"] == KILLS
    assert [report.faults[f"broker {kind}"] for kind in ("killed", "restarted", "paused")] == [1, 1, 1]
    assert report.produced > 0
