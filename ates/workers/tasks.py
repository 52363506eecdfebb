"""Worker `tasks`: assigns and completes tasks; assigns the tasks of leavers again."""

from secrets import randbelow

from ates.agents import shuffle
from ates.domain.accounts.roster import Roster
from ates.streams import Message, State, TimerResult
from ates.topology import AUTH_ACCOUNTS
from ates.workers.base import create
from ates.workers.wiring import attach, global_reader

app, settings = create("tasks")
roster = Roster()


def learn(message: Message) -> None:
    """Every partition's draw needs all accounts, so each worker reads them all."""
    roster.learn(message.value)


async def deal(state: State, partition: int) -> TimerResult | None:
    """The next page of a shuffle."""
    return shuffle.deal(state, partition, roster, randbelow)


accounts = global_reader(app, AUTH_ACCOUNTS, learn)
attach(app, "tasks", roster=roster, draw=randbelow, ready=[accounts.caught_up], timer=deal)
attach(app, "leavers", partitions=settings.partitions)
