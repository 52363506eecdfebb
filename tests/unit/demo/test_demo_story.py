"""The demo is told once, day by day, whatever happens in between."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ates.domain.accounting.messages import CloseDay
from ates.domain.errors import Unavailable
from ates.domain.tasks import titles
from ates.domain.tasks.messages import AssignTasks, CompleteTask, CreateTask
from ates.tools.demo import story
from ates.tools.demo.commands import Letter, unframed
from ates.tools.demo.plan import DAYS
from ates.tools.demo.story import Story
from ates.tools.dry_run.copies import record_of

NOW = datetime(2026, 4, 1, 10, 30, tzinfo=UTC)


class Company:
    """A company that does at once what it is told: both the sender and what can be seen of its work.

    `refusals` is how often the first task is refused; `dies_after` how many sends it takes before the connection goes.
    """

    def __init__(self, refusals: int = 0, dies_after: int = 10_000) -> None:
        self.letters: list[Letter] = []
        self.outcomes: dict[str, str] = {}
        self.tasks: dict[str, datetime] = {}
        self.waits = 0
        self.undecodable = 0
        self._refusals = refusals
        self.dies_after = dies_after

    async def partitions(self, topic: str) -> int:
        return 2

    async def send(self, letters: Sequence[Letter]) -> None:
        assert letters, "waiting for the outcomes of nothing never ends"
        self.dies_after -= 1
        for letter in letters:
            self.letters.append(letter)
            command = letter.command
            if isinstance(command, CreateTask) and self._refusals > 0:
                self._refusals -= 1
                self.outcomes[command.command_id] = "nobody_eligible"
                continue
            self.outcomes.setdefault(command.command_id, "")
            if isinstance(command, CreateTask):
                self.tasks.setdefault(command.task_id, command.issued_at)
        if self.dies_after < 0:
            raise Unavailable("kafka_unavailable")

    async def send_undecodable(self, at: datetime) -> None:
        self.undecodable += 1

    async def created_at(self, task_id: str) -> datetime | None:
        return self.tasks.get(task_id)

    async def assignees(self, task_ids: Sequence[str]) -> dict[str, str]:
        return {task_id: f"whoever has {task_id}" for task_id in task_ids}

    async def decided(self, command_ids: Collection[str]) -> dict[str, str]:
        return {command_id: self.outcomes[command_id] for command_id in command_ids if command_id in self.outcomes}

    async def until_decided(self, command_ids: Collection[str]) -> dict[str, str]:
        return {command_id: code for command_id, code in (await self.decided(command_ids)).items() if code}

    async def until_booked(self, command_ids: Collection[str], task_ids: Collection[str]) -> None:
        self.waits += 1

    def of(self, kind: type[Any]) -> list[Any]:
        return [letter.command for letter in self.letters if isinstance(letter.command, kind)]


async def tell(company: Any, now: datetime = NOW) -> bool:
    return await Story(company, company, lambda line: None).tell(now, UTC, ["admin", "worker"])


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "_ATTEMPT_SECONDS", 0)


async def test_the_story_is_told_up_to_now_and_every_day_before_today_is_closed() -> None:
    company = Company()
    assert await tell(company)
    days = sorted({close.day for close in company.of(CloseDay)})
    assert len(days) == DAYS
    assert days[-1] == date(2026, 3, 31)
    assert len(company.of(CreateTask)) == len(company.tasks) >= 120
    created_today = [it for it in company.of(CreateTask) if it.issued_at.date() == NOW.date()]
    completed_today = [it for it in company.of(CompleteTask) if it.issued_at.date() == NOW.date()]
    assert created_today
    assert completed_today
    assert company.undecodable == 1


def test_the_command_that_was_sent_as_json_is_repaired_by_sending_what_its_page_shows() -> None:
    letter = unframed(NOW)
    text = msgspec.json.encode(letter.command).decode()
    assert record_of(letter.topic, "CreateTask", text) == letter.command
    assert titles.clean_title(letter.command.title) == letter.command.title
    assert titles.clean_jira_id(letter.command.jira_id) == letter.command.jira_id


async def test_a_story_of_yesterday_gets_no_second_today() -> None:
    company = Company()
    await tell(company)
    sent = len(company.letters)
    assert not await tell(company, NOW + timedelta(days=1))
    assert len(company.letters) == sent


async def test_a_second_run_sends_nothing_however_much_later() -> None:
    company = Company()
    await tell(company)
    sent = len(company.letters)
    assert not await tell(company)
    assert not await tell(company, datetime(2027, 1, 1, tzinfo=UTC))
    assert len(company.letters) == sent


async def test_a_task_is_completed_by_whoever_has_it() -> None:
    company = Company()
    await tell(company)
    assert company.of(CompleteTask)
    assert all(it.actor_id == f"whoever has {it.task_id}" for it in company.of(CompleteTask))


async def test_a_day_is_closed_before_the_next_one_begins_and_after_its_money_is_booked() -> None:
    company = Company()
    await tell(company)
    moments = [letter.command.issued_at for letter in company.letters]
    assert moments == sorted(moments)
    assert company.waits >= 20


@pytest.mark.parametrize("dies_after", [0, 1, 2, 11, 20])
async def test_a_story_that_broke_off_goes_on_with_its_own_dates(dies_after: int) -> None:
    whole, broken = Company(), Company(dies_after=dies_after)
    await tell(whole)
    with pytest.raises(Unavailable):
        await tell(broken)
    broken.dies_after = 10_000
    assert await tell(broken, NOW.replace(hour=10, minute=30))
    for kind in (CreateTask, CompleteTask, AssignTasks, CloseDay):
        assert {_identity(it) for it in broken.of(kind)} == {_identity(it) for it in whole.of(kind)}


def _identity(command: Any) -> tuple[Any, ...]:
    return command.command_id, command.issued_at, getattr(command, "partition", 0)


async def test_it_waits_until_the_workers_know_somebody_to_deal_tasks_to() -> None:
    company = Company(refusals=3)
    assert await tell(company)
    assert sorted(company.outcomes.values())[-3:] == ["nobody_eligible"] * 3
    assert len(company.tasks) == len(company.of(CreateTask)) - 3


async def test_it_gives_up_when_nobody_can_ever_be_dealt_a_task() -> None:
    with pytest.raises(Unavailable, match="nobody_eligible"):
        await tell(Company(refusals=1000))
