"""Worker `tasks`: deals tasks out and closes them; deals the tasks of those who leave again."""

from functools import partial
from secrets import randbelow

from ates.accounts.roster import Roster
from ates.agents import leavers
from ates.agents import tasks as agent
from ates.streams import Message
from ates.tables import TABLES
from ates.workers.base import create

app, settings = create("tasks")
roster = Roster()


def learn(message: Message) -> None:
    """Every partition's draw needs all accounts, so each worker reads them all."""
    roster.learn(message.value)


accounts = app.follow("auth.accounts", learn)
app.handler(
    "tasks.commands",
    partial(agent.handle, roster=roster, draw=randbelow),
    name="tasks",
    tables=TABLES["tasks"],
    ready=[accounts.caught_up],
)
app.handler("auth.accounts", partial(leavers.handle, partitions=settings.partitions), name="leavers")
