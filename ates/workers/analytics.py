"""Worker `analytics`: aggregates the ledger into figures by day, account and period."""

from ates.workers.base import create
from ates.workers.wiring import attach

app, settings = create("analytics")
attach(app, "analytics")
