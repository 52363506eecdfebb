"""`ates tasks import` on a whole stack: each row once, whatever is imported again."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ates.platform.settings import load
from ates.projections import outcomes
from ates.tools.importing import run
from ates.tools.importing.rows import Refused, Row, read

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


def imported(stack: Any, file: Path) -> tuple[dict[str, Any], Any]:
    done = stack.ates("tasks", "import", str(file), "--json", check=False)
    return json.loads(done.stdout), done


async def test_an_export_is_imported_once(stack: Any, company: Any, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex[:8]
    export = tmp_path / "export.csv"
    rows = [f"Task {mark} {n},IMP-{n},From the tracker\n" for n in range(1, 6)]
    export.write_text("title,jira_id,description\n" + "".join(rows) + f"[IMP-6] - {mark},,\n")

    progress, done = imported(stack, export)
    assert (progress["rows"], progress["added"], progress["there"]) == (6, 5, 0)
    assert [(each["line"], each["code"]) for each in progress["refused"]] == [(7, "bad_title")]
    assert done.returncode == 1
    assert "line 7: bad_title" in done.stderr
    assert done.stderr.splitlines()[-1] == "ates: 1 of 6 rows were refused"

    more = tmp_path / "more.jsonl"
    more.write_text("".join(json.dumps({"title": f"Task {mark} {n}", "jira_id": f"IMP-{n}",
                    "description": "From the tracker"}) + "\n" for n in (7, 5, 3)))  # fmt: skip
    progress, done = imported(stack, more)
    assert (progress, done.returncode) == ({"rows": 3, "added": 1, "there": 2, "refused": []}, 0)
    assert imported(stack, more)[0] == {"rows": 3, "added": 0, "there": 3, "refused": []}

    found = await company.admin.all("/tasks/api/tasks", text=mark)
    assert sorted(task["jira_id"] for task in found) == [f"IMP-{n}" for n in (1, 2, 3, 4, 5, 7)]
    assert all(task["assignee"] for task in found)


async def test_batches_that_are_sent_ahead_are_counted_in_their_order(
    stack: Any, company: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BATCH", 2)
    monkeypatch.setattr(run, "AHEAD", 2)
    mark = uuid.uuid4().hex
    titles = [f"{mark} {n}" for n in range(12)]
    titles[2] = titles[7] = f"[{mark}]"
    seen: list[tuple[int, list[int]]] = []

    def progress(report: run.Report, refused: list[Refused]) -> None:
        seen.append((report.rows, [each.line for each in refused]))

    settings = load("", stack.environ)
    report = await run.run(settings, read(["title", *titles], "csv"), progress)
    assert (report.added, report.there, [each.line for each in report.refused]) == (10, 0, [4, 9])
    assert seen == [(2, []), (4, [4]), (6, []), (8, [9]), (10, []), (12, [])]
    report = await run.run(settings, read(["title", *titles, f"{mark} new"], "csv"), progress)
    assert (report.added, report.there, [each.line for each in report.refused]) == (1, 10, [4, 9])


async def test_what_was_granted_is_there_before_a_page_shows_it(stack: Any, tmp_path: Path) -> None:
    export = tmp_path / "export.csv"
    export.write_text(f"title\nGranted {uuid.uuid4().hex}\n")
    row = next(read(export.read_text().splitlines(), "csv"))
    assert isinstance(row, Row)
    command = row.command(0, datetime.now(UTC))
    outcome = (command.command_id, 0, 1, "applied", "", "", "{}", command.actor_id, "", command.issued_at)
    connection = await asyncpg.connect(stack.said["postgres"])
    try:
        await connection.execute(outcomes.INSERT, *([value] for value in outcome))
        assert imported(stack, export)[0] == {"rows": 1, "added": 0, "there": 1, "refused": []}
    finally:
        await connection.execute("DELETE FROM views.outcomes WHERE command_id = $1", command.command_id)
        await connection.close()


async def test_a_file_without_titles_says_so_in_one_line(stack: Any, tmp_path: Path) -> None:
    export = tmp_path / "export.csv"
    export.write_text("what\nFix\n")
    done = stack.ates("tasks", "import", str(export), check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("ates: the first line of a CSV file names its columns")
