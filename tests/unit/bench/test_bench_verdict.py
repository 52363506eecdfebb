"""A contender has a rate only if its outputs are right, and the rate is that of the time after the warm-up."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bench import docs, results, work
from bench.measuring import Failed, Sample, check, judge
from bench.race import Processes
from bench.topics import partition_of

ACCOUNT = partial(work.account, keys=5)


@dataclass(frozen=True)
class Written:
    """A record as the bench reads it."""

    at: int
    bytes: bytes

    def offset(self) -> int:
        return self.at

    def value(self) -> bytes:
        return self.bytes


def outputs(count: int) -> list[list[Written]]:
    """What a good contender writes: each transaction of ten records ends with a marker, which takes an offset."""
    balances: Counter[str] = Counter()
    written: list[list[Written]] = [[] for _ in range(work.PARTITIONS)]
    for number in range(count):
        key, value = work.event(number, ACCOUNT)
        booked = work.decode(value)
        balances[booked["account_id"]] += booked["amount_cents"]
        partition = written[partition_of(key)]
        offset = len(partition) + len(partition) // 10
        partition.append(Written(offset, work.result(booked, balances[booked["account_id"]])))
    return written


def test_what_every_input_led_to_once_is_right() -> None:
    check(outputs(100), 100, ACCOUNT)


def test_a_missing_output_costs_the_rate() -> None:
    written = outputs(100)
    max(written, key=len).pop()
    with pytest.raises(Failed, match="1 outputs are missing, 0 are doubled"):
        check(written, 100, ACCOUNT)


def test_a_doubled_output_costs_the_rate() -> None:
    written = outputs(100)
    longest = max(written, key=len)
    longest.append(longest[-1])
    with pytest.raises(Failed, match="0 outputs are missing, 1 are doubled"):
        check(written, 100, ACCOUNT)


def test_a_wrong_balance_costs_the_rate() -> None:
    written = outputs(100)
    longest = max(written, key=len)
    wrong = work.decode_result(longest[0].value())
    longest[0] = Written(0, work.result(wrong, wrong["balance_cents"] + 1))
    with pytest.raises(Failed, match="wrong after booking"):
        check(written, 100, ACCOUNT)


def test_the_first_fifth_and_the_markers_are_nobodys_rate() -> None:
    written = outputs(1000)

    def visible(share: float) -> tuple[int, ...]:
        return tuple(part[int(len(part) * share) - 1].at + 1 if share and part else 0 for part in written)

    samples = [Sample(0.0, visible(0), 1.0), Sample(5.0, visible(0.5), 3.0), Sample(6.0, visible(1), 4.0)]
    run = judge(samples, written, 1000, ACCOUNT)
    assert run.cpu_per_million == pytest.approx(2000, rel=0.02)  # a second of CPU for those
    assert run.events_per_second == pytest.approx(500, rel=0.02)  # half of them within the last second
    assert run.seconds == 1.0


def test_the_cpu_of_a_contender_is_that_of_its_processes_and_of_those_that_they_start(tmp_path: Path) -> None:
    busy = "import time; [None for _ in iter(lambda: time.process_time() < 0.3, False)]"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}]); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as process:
        worker = Processes([process], tmp_path / "log")
        give_up = time.monotonic() + 60
        while worker.cpu_seconds() < 0.3 and time.monotonic() < give_up:
            time.sleep(0.02)
        assert worker.cpu_seconds() >= 0.3
        process.communicate(b"\n")


def test_what_became_visible_at_once_took_the_time_since_the_look_before() -> None:
    written = outputs(100)
    everything = tuple(part[-1].at + 1 if part else 0 for part in written)
    run = judge([Sample(0.0, (0,) * work.PARTITIONS), Sample(0.5, everything)], written, 100, ACCOUNT)
    assert run.events_per_second == 200


def test_who_was_not_measured_is_no_bar_and_no_victory() -> None:
    drawn = docs.bars({"ates": 50, "faust_exactly_once": 25, "quix_exactly_once": None}, rounds=3)
    assert [(bar["label"], bar["length"]) for bar in drawn["bars"]] == [
        ("aTES", docs.LONGEST),
        ("Faust exactly_once", docs.LONGEST // 2),
    ]
    found = list(docs.aims({"race": {"ratios": {"faust_exactly_once": 19.0}}}))
    assert [(aim.text, aim.reached) for aim in found] == [("20 × Faust exactly_once", False)]


def test_the_whole_way_is_compared_with_the_fastest_of_its_peers() -> None:
    peers = {"8": {"tasks_per_second": 1000, "cpu_microseconds_per_task": 900},
             "16": {"tasks_per_second": 1200, "cpu_microseconds_per_task": 1000}}  # fmt: skip
    pipeline = {
        "tasks_per_second": {"one_worker_each": 1800},
        "cpu_microseconds_per_task": {"one_worker_each": {"all": 800}},
    }
    found = list(docs.aims({"pipeline": {**pipeline, "monolith": peers}}))
    assert [(aim.found, aim.reached) for aim in found] == [("1.5 ×", True), ("0.80 ×", False)]


def test_as_many_accounts_are_active_however_many_there_are() -> None:
    few, many = ({work.account(number, keys, active=7) for number in range(100)} for keys in (70, 7_000))
    assert len(few) == len(many) == 7
    assert max(few) < "account-0000070" < max(many) < "account-0007000"


def test_the_page_and_its_picture_are_what_the_published_figures_say() -> None:
    published = json.loads(results.PUBLISHED.read_text(encoding="utf-8"))
    assert docs.page(published) == (docs.DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert docs.picture(published) == (docs.DOCS / "images" / "benchmarks.svg").read_text(encoding="utf-8")


def test_of_what_was_measured_here_and_what_was_published_each_parts_newest_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "LATEST", tmp_path / "latest.json")
    monkeypatch.setattr(results, "PUBLISHED", tmp_path / "published.json")
    assert results.read() == {}
    mine = {part: {"at": f"2026-01-0{day}"} for part, day in (("race", 1), ("growth", 5))}
    theirs = {part: {"at": f"2026-01-0{day}"} for part, day in (("race", 3), ("growth", 4), ("shuffle", 2))}
    results.save(results.LATEST, {"race": "mine", "growth": "mine", "measured": mine})
    results.save(results.PUBLISHED, {"race": "theirs", "growth": "theirs", "shuffle": "theirs", "measured": theirs})
    found = results.read()
    assert (found["race"], found["growth"], found["shuffle"]) == ("theirs", "mine", "theirs")
    results.write("shuffle", {"seconds": 1})
    assert results.read()["shuffle"] == {"seconds": 1}
    assert results.read()["measured"]["growth"] == {"at": "2026-01-05"}
