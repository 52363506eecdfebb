"""Worker `views`: writes the read models to Postgres, all but what became of commands."""

from ates.workers.base import create
from ates.workers.postgres import project

app, settings = create("views")
project(app, settings, "views")
