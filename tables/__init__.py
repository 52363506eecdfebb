"""What the agents hold, declared as data: one module per agent, which alone writes its tables."""

from ates.streams.effects import TableSpec
from ates.tables import analytics, ledger, payouts, pricing, tasks

TABLES: dict[str, tuple[TableSpec, ...]] = {
    "tasks": tasks.TABLES,
    "pricing": pricing.TABLES,
    "ledger": ledger.TABLES,
    "analytics": analytics.TABLES,
    "payouts": payouts.TABLES,
}
"""Tables by the agent that owns them."""

AGENTS: dict[str, tuple[str, str]] = {
    "tasks": ("tasks", "tasks.commands"),
    "pricing": ("accounting", "tasks.events"),
    "ledger": ("accounting", "accounting.commands"),
    "analytics": ("analytics", "accounting.transactions"),
    "payouts": ("payouts", "accounting.transactions"),
}
"""Agent -> its worker, which is also its consumer group, and the topic whose partitions its tables go with."""
