"""Worker `analytics`: counts the ledger into figures by day, account and period."""

from ates.agents import analytics as agent
from ates.tables import TABLES
from ates.workers.base import create

app, settings = create("analytics")
app.handler(agent.SOURCE, agent.handle, name="analytics", tables=TABLES["analytics"], owns_unreadable=False)
