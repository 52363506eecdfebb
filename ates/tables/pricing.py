"""Tables of the agent pricing, one partition for each partition of tasks.events. Money is in cents."""

from ates.domain.accounting.state import Price
from ates.streams import TableSpec

PRICES = TableSpec(
    name="prices",
    value=Price,
    help="task_id → fee_cents of an assignment and reward_cents of the completion, drawn once at first sight",
)
CHARGES = TableSpec(
    name="charges",
    value=int,
    help="task:fee:assignment or task:reward:0 → amount_cents asked for: one row per effect, so none comes twice",
)

TABLES = (PRICES, CHARGES)
