"""A command is decided when every partition has decided; one refusal refuses it."""

from __future__ import annotations

from typing import Any

from ates.web.kit.commands.command_status import as_json
from ates.web.kit.commands.outcomes import aggregate
from ates.web.kit.statuses import status_of


def row(partition: int = 0, partitions: int = 1, status: str = "applied", **rest: Any) -> dict[str, Any]:
    plain = {"command_id": "c", "actor_id": "a", "request_hash": "h", "code": "", "detail": "", "result": {}}
    return {**plain, "partition": partition, "partitions": partitions, "status": status, **rest}


def test_nothing_heard_is_not_decided() -> None:
    assert aggregate([]) is None
    assert as_json("c", None) == {"command_id": "c", "status": "pending"}


def test_a_single_command_has_its_own_result() -> None:
    decided = aggregate([row(partition=3, result={"task_id": "t", "version": 2})])
    assert as_json("c", decided) == {
        "command_id": "c",
        "status": "applied",
        "result": {"task_id": "t", "version": 2},
    }


def test_a_fan_out_waits_for_its_last_partition() -> None:
    rows = [row(n, 4, result={"assigned": 10}) for n in range(3)]
    assert aggregate(rows) is None


def test_a_fan_out_sums_what_its_partitions_did() -> None:
    decided = aggregate([row(n, 4, result={"assigned": n}) for n in range(4)])
    assert decided is not None
    assert decided.result == {"assigned": 6}


def test_one_refusal_refuses_a_fan_out() -> None:
    decided = aggregate([row(0, 2), row(1, 2, "rejected", code="command_expired", detail="Too old.")])
    assert as_json("c", decided) == {
        "command_id": "c",
        "status": "rejected",
        "code": "command_expired",
        "detail": "Too old.",
    }


def test_each_refusal_has_its_status() -> None:
    codes = {"not_assignee": 403, "task_not_found": 404, "nobody_eligible": 409, "task_already_completed": 409}
    for code, status in codes.items():
        decided = aggregate([row(status="rejected", code=code, detail="No.")])
        assert decided is not None
        assert status_of(decided.refusal()) == status
