"""The demo's plan: thirty days that the rules of the business allow, the same ones for everybody."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from ates.domain.accounts import rules
from ates.domain.tasks import titles
from ates.schemas.envelope import build
from ates.tools.demo import commands as letters
from ates.tools.demo import plan as planning
from ates.tools.demo.people import POPUGS, email, name_of
from ates.tools.demo.plan import DAYS, Chapter
from ates.tools.demo.titles import all_tasks

AUTHORS = ["admin", "worker"]
# Starting on each day of a week, in zones with and without a change of clocks; and so that today is a month's first day
# and a leap day.
TODAYS = [date(2026, 6, 1), date(2028, 2, 29)]
FIRST_DAYS = [date(2026, 3, 9) + timedelta(days=n) for n in range(7)] + [day - timedelta(days=DAYS) for day in TODAYS]
ZONES = [UTC, ZoneInfo("Europe/Prague"), ZoneInfo("America/New_York")]


def moment(first_day: date, zone: tzinfo, clock: time) -> datetime:
    """Today at `clock`, of a story that begins on `first_day`."""
    return datetime.combine(first_day + timedelta(days=DAYS), clock, zone).astimezone(UTC)


def plan(first_day: date, zone: tzinfo, authors: list[str], clock: time = time(19)) -> list[Chapter]:
    return planning.plan(first_day, zone, authors, moment(first_day, zone, clock))


@pytest.fixture(params=FIRST_DAYS, ids=str)
def first_day(request: pytest.FixtureRequest) -> date:
    day: date = request.param
    return day


@pytest.fixture(params=ZONES, ids=str)
def zone(request: pytest.FixtureRequest) -> ZoneInfo:
    zone: ZoneInfo = request.param
    return zone


def test_it_is_always_the_same_plan(first_day: date, zone: ZoneInfo) -> None:
    assert plan(first_day, zone, AUTHORS) == plan(first_day, zone, AUTHORS)


def test_it_has_a_chapter_for_each_day_and_for_today(first_day: date, zone: ZoneInfo) -> None:
    days = [chapter.day for chapter in plan(first_day, zone, AUTHORS)]
    assert days == [first_day + timedelta(days=n) for n in range(DAYS + 1)]


@pytest.mark.parametrize("clock", [time(0, 0, 30), time(3, 14), time(9), time(17, 45), time(23, 59, 59)], ids=str)
def test_yesterday_and_today_have_work_whatever_the_weekday_and_the_hour(
    first_day: date, zone: ZoneInfo, clock: time
) -> None:
    *_, yesterday, today = plan(first_day, zone, AUTHORS, clock)
    for chapter in (yesterday, today):
        assert len(chapter.created) >= 5
        assert len(chapter.completed) >= 2
        assert chapter.shuffled_at


@pytest.mark.parametrize("clock", [time(), time(0, 0, 30), time(9), time(17, 45), time(23, 59, 59)], ids=str)
def test_nothing_of_today_lies_in_the_future(first_day: date, zone: ZoneInfo, clock: time) -> None:
    now = moment(first_day, zone, clock)
    today = plan(first_day, zone, AUTHORS, clock)[-1]
    moments = [letter.command.issued_at for letter in everything(today)]
    assert moments == sorted(moments)
    assert moment(first_day, zone, time()) <= moments[0]
    assert moments[-1] <= now


def test_the_past_does_not_depend_on_the_hour(first_day: date, zone: ZoneInfo) -> None:
    assert plan(first_day, zone, AUTHORS, time(1))[:-1] == plan(first_day, zone, AUTHORS, time(23))[:-1]


def test_management_earns_over_the_month_at_average_prices(first_day: date, zone: ZoneInfo) -> None:
    fee, reward = 15, 30  # the means of 10 to 20 and of 20 to 40 dollars
    open_tasks = earned = 0
    for chapter in plan(first_day, zone, AUTHORS):
        earned += fee * len(chapter.created) - reward * len(chapter.completed)
        open_tasks += len(chapter.created) - len(chapter.completed)
        earned += fee * open_tasks if chapter.shuffled_at else 0
    assert earned > 500


def test_many_are_paid_whatever_is_drawn(first_day: date) -> None:
    chapters = plan(first_day, UTC, AUTHORS)
    assert min(payouts(chapters, random.Random(seed), workers=13) for seed in range(40)) > 10


def payouts(chapters: list[Chapter], draw: random.Random, workers: int) -> int:
    """How many there are when the workers are dealt tasks and the prices are drawn as in the system."""
    balances, dealt, paid = [0] * workers, dict[int, int](), 0
    for chapter in chapters[:-1]:
        for task in chapter.completed:
            balances[dealt.pop(task.number)] += draw.randint(20, 40)
        created = [task.number for task in chapter.created]
        for number in [*created, *([*dealt, *created] if chapter.shuffled_at else [])]:
            dealt[number] = draw.randrange(workers)
            balances[dealt[number]] -= draw.randint(10, 20)
        paid += sum(balance > 0 for balance in balances)
        balances = [min(balance, 0) for balance in balances]
    return paid


def test_everything_happens_on_its_day_in_the_companys_time_zone(first_day: date, zone: ZoneInfo) -> None:
    for chapter in plan(first_day, zone, AUTHORS):
        moments = [task.created_at for task in chapter.created]
        moments += [task.completed_at for task in chapter.completed if task.completed_at]
        moments += [chapter.shuffled_at] if chapter.shuffled_at else []
        assert {moment.astimezone(zone).date() for moment in moments} <= {chapter.day}
        assert chapter.closed_at.astimezone(zone).date() == chapter.day + timedelta(days=1)


def test_a_task_is_completed_on_a_later_day_than_it_was_created_on(first_day: date, zone: ZoneInfo) -> None:
    for chapter in plan(first_day, zone, AUTHORS):
        for task in chapter.completed:
            assert task.created_at.astimezone(zone).date() < chapter.day


def test_nobody_works_on_a_sunday_but_the_first_yesterday_and_today(first_day: date, zone: ZoneInfo) -> None:
    for chapter in plan(first_day, zone, AUTHORS)[1:-2]:
        if chapter.day.weekday() == 6:
            assert not (chapter.created or chapter.completed or chapter.shuffled_at)


def test_there_is_enough_to_look_at(first_day: date, zone: ZoneInfo) -> None:
    chapters = plan(first_day, zone, AUTHORS)
    created = [task for chapter in chapters for task in chapter.created]
    completed = [task for chapter in chapters for task in chapter.completed]
    assert 120 <= len(created) <= 200
    assert 5 <= len(created) - len(completed) <= 40
    assert sum(chapter.shuffled_at is not None for chapter in chapters) >= 3
    assert any(task.jira_id for task in created)
    assert any(task.jira_id is None for task in created)
    assert chapters[0].created[0].number == 0


def test_no_two_tasks_have_the_same_title(first_day: date, zone: ZoneInfo) -> None:
    created = [task.title for chapter in plan(first_day, zone, AUTHORS) for task in chapter.created]
    assert len(set(created)) == len(created)


def test_every_task_keeps_the_rules_for_tasks() -> None:
    for title, description in all_tasks():
        assert titles.clean_title(title) == title
        assert titles.clean_description(description) == description
    for chapter in plan(FIRST_DAYS[0], UTC, AUTHORS):
        for task in chapter.created:
            assert titles.clean_jira_id(task.jira_id) == task.jira_id


def test_every_popug_keeps_the_rules_for_accounts() -> None:
    for popug in POPUGS:
        fields = {"login": popug.login, "name": popug.name, "email": popug.email, "role": popug.role}
        assert rules.problems(fields) == []
    assert len({popug.account_id for popug in POPUGS}) == len(POPUGS)
    assert rules.problems({"name": name_of("polly.blue"), "email": email("polly.blue")}) == []


def everything(chapter: Chapter) -> list[letters.Letter]:
    assignees = {task.task_id: "somebody" for task in chapter.completed}
    return letters.of_day(chapter, assignees, partitions=2)


def test_every_command_has_its_own_id_whenever_it_is_sent() -> None:
    chapters = plan(FIRST_DAYS[0], UTC, AUTHORS)
    once = [letter.event_id for chapter in chapters for letter in [*everything(chapter), *letters.closing(chapter, 2)]]
    assert len(set(once)) == len(once)
    again = [letter.event_id for chapter in chapters for letter in [*everything(chapter), *letters.closing(chapter, 2)]]
    assert once == again


def test_ids_do_not_depend_on_the_date_of_seeding() -> None:
    def ids(first_day: date) -> list[str]:
        return [letters.close_id(chapter) for chapter in plan(first_day, UTC, AUTHORS)]

    assert ids(FIRST_DAYS[0]) == ids(FIRST_DAYS[3])


def test_a_day_is_sent_by_the_clock_and_its_ids_are_known_before() -> None:
    for chapter in plan(FIRST_DAYS[0], UTC, AUTHORS):
        sent = everything(chapter)
        times = [letter.command.issued_at for letter in sent]
        assert times == sorted(times)
        assert {letter.command.command_id for letter in sent} == letters.ids_of_day(chapter)


def test_what_nobody_has_nobody_completes() -> None:
    chapter = next(chapter for chapter in plan(FIRST_DAYS[0], UTC, AUTHORS) if chapter.completed)
    some = chapter.completed[0]
    sent = letters.of_day(chapter, {some.task_id: "gosha"}, partitions=1)
    completions = [letter.command for letter in sent if type(letter.command).__name__ == "CompleteTask"]
    assert [(it.actor_id, it.issued_at) for it in completions] == [("gosha", some.completed_at)]


def test_a_command_that_fans_out_has_one_letter_for_each_partition() -> None:
    closing = letters.closing(plan(FIRST_DAYS[0], UTC, AUTHORS)[0], partitions=4)
    assert [letter.partition for letter in closing] == [0, 1, 2, 3]
    assert len({letter.event_id for letter in closing}) == 4
    assert len({letter.command.command_id for letter in closing}) == 1


def test_times_fit_into_a_header() -> None:
    moment: datetime = plan(FIRST_DAYS[0], UTC, AUTHORS)[0].created[0].created_at
    assert moment.microsecond % 1000 == 0
    assert build(id="x", type="t", source="s", time=moment, subject="k")
