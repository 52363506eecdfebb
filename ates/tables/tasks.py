"""Tables of the agent tasks, one partition for each partition of tasks.commands."""

from ates.domain.tasks.state import Counters, Handled, Shuffle, Task
from ates.streams import TableSpec

TASKS = TableSpec(
    name="tasks",
    value=Task,
    help="task_id → status, assignee, how often it was dealt, version, and the commands that made and completed it",
)
OPEN_TASKS = TableSpec(
    name="open_tasks",
    value=str,
    help="task's number in 12 digits → task_id, for open tasks only: what a shuffle walks through",
)
COMMANDS = TableSpec(
    name="commands",
    value=Handled,
    help="command_id → that a shuffle was begun or a command refused; kept for 30 days of stream time",
)
SHUFFLES = TableSpec(
    name="shuffles",
    value=Shuffle,
    help="command_id → a shuffle under way, with the number of the last task done",
)
COUNTERS = TableSpec(
    name="counters",
    value=Counters,
    help="'tasks' → number of the partition's last task, stream time, and where sweeping old commands has got to",
)

TABLES = (TASKS, OPEN_TASKS, COMMANDS, SHUFFLES, COUNTERS)
