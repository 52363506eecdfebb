"""Thirty days of work and today as a plan: who asks for what and when. The assignee and the price are not planned.

A pure function of the first day, the time zone and the present moment. A task is completed on a later day than it was
created on, by its assignee of that morning; so a whole day can be sent at once, in the order of its clock.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from uuid import uuid5

from ates.tools.demo.people import NAMESPACE
from ates.tools.demo.titles import PROJECTS, all_tasks

DAYS = 30
TASKS_ON_WEEKDAYS = range(5, 9)
TASKS_ON_SATURDAYS = 2
DAYS_TO_COMPLETE = range(1, 6)
UNFINISHED_SHARE = 0.06
JIRA_SHARE = 0.6
# Days before today on which a manager deals everything again. Fees exceed rewards over the month, and the early days,
# which have none, still end with payouts.
SHUFFLES = frozenset({0, 1, 2, 3, 4, 5, 6, 8, 10, 12})

CREATED = (time(8, 30), time(11, 30))
COMPLETED = (time(12, 0), time(17, 0))
SHUFFLED = time(17, 30)
# The part of a day in which the plan has work. Of today, as much of it has passed as there was time for.
WORKDAY = timedelta(hours=18)
MILLISECOND = timedelta(milliseconds=1)
_SUNDAY, _SATURDAY = 6, 5


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """`completed_at` is None for what is still open today. Times are aware UTC."""

    number: int
    title: str
    jira_id: str | None
    description: str
    author: str
    created_at: datetime
    completed_at: datetime | None

    @property
    def task_id(self) -> str:
        return task_id(self.number)


@dataclass(frozen=True, slots=True)
class Chapter:
    """One day: what is created, completed and perhaps dealt again on it, and when it is closed.

    number: of the day, from 0; DAYS is today, which stays open
    """

    number: int
    day: date
    created: Sequence[PlannedTask]
    completed: Sequence[PlannedTask]
    shuffled_at: datetime | None
    closed_at: datetime


def task_id(number: int) -> str:
    """The id of the demo's task `number`, counted from 0."""
    return str(uuid5(NAMESPACE, f"task/{number}"))


def plan(first_day: date, zone: tzinfo, authors: Sequence[str], now: datetime) -> list[Chapter]:
    """DAYS chapters from `first_day` on, and one for the day after them, with nothing in it later than `now`.

    `authors` are the logins of those who create tasks.
    """
    # Always the same story: nothing here has to be hard to guess.
    draw = random.Random("beak")  # noqa: S311
    tasks = list(_tasks(first_day, zone, authors, draw))
    *past, today = [_chapter(first_day + timedelta(days=n), n, tasks, zone) for n in range(DAYS + 1)]
    return [*past, _until(now, today, zone)]


def _until(now: datetime, chapter: Chapter, zone: tzinfo) -> Chapter:
    """The chapter with its clock sped up, so that all of it lies between the day's midnight and `now`."""
    midnight = _at(chapter.day, time(), zone)
    pace = min(1.0, (now - midnight) / WORKDAY)

    def sped_up(moment: datetime) -> datetime:
        # A header tells milliseconds.
        return midnight + (moment - midnight) * pace // MILLISECOND * MILLISECOND

    return replace(
        chapter,
        created=[replace(it, created_at=sped_up(it.created_at)) for it in chapter.created],
        completed=[replace(it, completed_at=it.completed_at and sped_up(it.completed_at)) for it in chapter.completed],
        shuffled_at=chapter.shuffled_at and sped_up(chapter.shuffled_at),
    )


def _chapter(day: date, number: int, tasks: Sequence[PlannedTask], zone: tzinfo) -> Chapter:
    def today(moment: datetime | None) -> bool:
        return moment is not None and moment.astimezone(zone).date() == day

    return Chapter(
        number=number,
        day=day,
        created=[task for task in tasks if today(task.created_at)],
        completed=[task for task in tasks if today(task.completed_at)],
        shuffled_at=_at(day, SHUFFLED, zone) if DAYS - number in SHUFFLES and _at_work(day, number) else None,
        closed_at=_at(day + timedelta(days=1), time(), zone),
    )


def _at_work(day: date, number: int) -> bool:
    """Nobody works on a Sunday, unless it is yesterday or today: these two always have something to look at."""
    return day.weekday() != _SUNDAY or number >= DAYS - 1


def _tasks(first_day: date, zone: tzinfo, authors: Sequence[str], draw: random.Random) -> Iterator[PlannedTask]:
    texts = all_tasks()
    draw.shuffle(texts)
    number = 0
    for n in range(DAYS + 1):
        day = first_day + timedelta(days=n)
        count = draw.choice(TASKS_ON_WEEKDAYS)
        if 0 < n < DAYS - 1 and day.weekday() >= _SATURDAY:
            count = TASKS_ON_SATURDAYS if day.weekday() == _SATURDAY else 0
        for created_at in sorted(_between(day, CREATED, zone, draw) for _ in range(count)):
            title, description = texts[number % len(texts)]
            yield PlannedTask(
                number=number,
                title=title,
                jira_id=f"{draw.choice(PROJECTS)}-{100 + number}" if draw.random() < JIRA_SHARE else None,
                description=description,
                author=draw.choice(authors),
                created_at=created_at,
                completed_at=_completed_at(first_day, n, zone, draw),
            )
            number += 1


def _completed_at(first_day: date, created_on: int, zone: tzinfo, draw: random.Random) -> datetime | None:
    n = created_on + draw.choice(DAYS_TO_COMPLETE)
    if not _at_work(first_day + timedelta(days=n), n):
        n += 1
    moment = _between(first_day + timedelta(days=n), COMPLETED, zone, draw)
    return None if n > DAYS or draw.random() < UNFINISHED_SHARE else moment


def _between(day: date, hours: tuple[time, time], zone: tzinfo, draw: random.Random) -> datetime:
    start, end = (_at(day, moment, zone) for moment in hours)
    return start + timedelta(seconds=draw.randrange(int((end - start).total_seconds())))


def _at(day: date, moment: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, moment, zone).astimezone(UTC)
