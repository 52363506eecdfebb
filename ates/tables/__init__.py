"""Tables of the agents, declared as data: one module per agent, which alone writes its tables."""

from ates.streams import TableSpec
from ates.tables import analytics, ledger, payouts, pricing, tasks

TABLES: dict[str, tuple[TableSpec, ...]] = {
    "tasks": tasks.TABLES,
    "pricing": pricing.TABLES,
    "ledger": ledger.TABLES,
    "analytics": analytics.TABLES,
    "payouts": payouts.TABLES,
}
"""Tables by the agent that owns them; `ates.topology` says which worker that agent is in, and what it reads."""
