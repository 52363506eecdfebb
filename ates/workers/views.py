"""Worker `views`: writes the read models to Postgres, all but what became of commands."""

from ates.agents.views import PROJECTIONS
from ates.schemas.topics import DEAD_LETTERS, TOPICS
from ates.workers.base import create
from ates.workers.postgres import project

# What is shown, and what only has to be read so that its poison finds a dead letter.
READ = [
    name
    for name, topic in TOPICS.items()
    if not name.endswith(DEAD_LETTERS)
    and (topic.dead_letter_owner == "views" or (name in PROJECTIONS and topic.dead_letter_owner != "outcomes"))
]

app, settings = create("views", "postgres")
project(app, settings, "views", READ)
