"""The rows that the tasks agent keeps: small, because each change writes the whole row again, so
titles and descriptions are left to the read models."""

from dataclasses import dataclass
from datetime import datetime

from ates.domain.tasks.messages import AssignTasks

OPEN = "open"
DONE = "done"


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    number: 1, 2, 3 … in the partition, in the order of creation; its place in the index of open tasks
    status: open or done
    assignee_id: account it was dealt to last
    assignment: how often it has been dealt
    version: events it has had
    created_by, created_hash: command_id and request_hash of the command that created it
    completed_by, completed_hash: of the one that completed it; empty while open
    """

    number: int
    status: str = OPEN
    assignee_id: str = ""
    assignment: int = 0
    version: int = 0
    created_by: str = ""
    created_hash: str = ""
    completed_by: str = ""
    completed_hash: str = ""


@dataclass(frozen=True, slots=True)
class Handled:
    """A command that left no trace in a task: a shuffle, or one that was refused. Kept for 30 days of stream time.

    at: stream time when it came
    done, after: of a shuffle that an earlier version began, which asked itself for each page: false until the last
        one, and number of the last task dealt
    """

    at: datetime
    done: bool = True
    after: int = 0


@dataclass(frozen=True, slots=True)
class Shuffle:
    """A shuffle under way.

    command: the command that asked for it
    event_id, traceparent: of the command's record, the cause of all that is dealt
    until: number of the newest task at its start
    after: number of the last task done
    assigned: tasks dealt so far
    """

    command: AssignTasks
    event_id: str
    traceparent: str
    until: int
    after: int = 0
    assigned: int = 0


@dataclass(frozen=True, slots=True)
class Counters:
    """The one row per partition.

    last_number: number of the last task created
    clock: greatest issued_at seen of a command that had to be remembered: the stream's own time
    swept: command_id up to which old `Handled` rows have been looked for; empty at the start of a round
    """

    last_number: int = 0
    clock: datetime | None = None
    swept: str = ""
