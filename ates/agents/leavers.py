"""Agent `leavers`: when somebody is deactivated or promoted, their open tasks are dealt to others at once.

    auth.accounts → tasks.commands; no tables

It remembers nothing. The same account record always leads to the same command, and the second one has no effect.
"""

from collections.abc import Iterator
from hashlib import sha256
from uuid import UUID, uuid5

from ates import topology
from ates.agents.replies import check_key
from ates.domain.accounts.messages import AccountChanged
from ates.domain.accounts.roles import is_eligible
from ates.domain.ids import check_ids
from ates.domain.tasks.messages import AssignTasks
from ates.streams import Effect, Message, Send, State

SOURCE = topology.AUTH_ACCOUNTS.name
COMMANDS = topology.TASKS_COMMANDS.name

_NAMESPACE = UUID("e117498e-6518-5408-b25e-188c0fb3afaa")


def handle(state: State, message: Message, partitions: int) -> Iterator[Effect]:
    """`partitions` is how many `tasks.commands` has. Raises `Unprocessable`."""
    account = message.value
    check_ids(account_id=account.account_id)
    check_key(message, account.account_id)
    if not isinstance(account, AccountChanged) or is_eligible(account.role, account.active):
        return
    cause = f"{account.account_id}:{account.version}"
    for partition in range(partitions):
        command = AssignTasks(
            command_id=str(uuid5(_NAMESPACE, cause)),
            actor_id=account.account_id,
            request_hash=sha256(cause.encode()).hexdigest(),
            issued_at=message.time,
            partition=partition,
            partitions=partitions,
            assignee_id=account.account_id,
            assignee_version=account.version,
        )
        yield Send(COMMANDS, command.command_id, command, partition=partition)
