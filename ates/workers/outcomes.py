"""Worker `outcomes`: writes the outcomes of commands to Postgres.

People wait for these rows. A process of its own has nothing else to do when they come: behind the events of a
shuffle of 100,000 tasks they came seconds late.
"""

from collections.abc import Sequence

from ates.platform.metrics import COMMANDS
from ates.streams import Message
from ates.workers.base import create
from ates.workers.postgres import project


def count(topic: str, outcomes: Sequence[Message]) -> None:
    """Each command once, one that fans out by its first partition."""
    for outcome in (message.value for message in outcomes):
        if outcome.partition == 0:
            COMMANDS.labels(topic, outcome.code or "applied").inc()


app, settings = create("outcomes")
project(app, settings, "outcomes", count)
