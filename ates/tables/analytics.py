"""Tables of the agent analytics, one partition for each partition of accounting.transactions. Money is in cents."""

from ates.domain.analytics.state import Counted, DayBalance, DaySums, Dearest
from ates.streams import TableSpec

COUNTED = TableSpec(
    name="counted",
    value=Counted,
    help="account_id → greatest sequence counted, and the last day that the account has a balance of",
)
GAPS = TableSpec(
    name="gaps",
    value=int,
    help="account_id:last in 12 digits → first of sequences that are missing: empty unless a transaction is unreadable",
)
DAY_SUMS = TableSpec(
    name="day_sums",
    value=DaySums,
    help="business day → fees, rewards, payouts and how many transactions: management's earnings by day",
)
DAY_BALANCES = TableSpec(
    name="day_balances",
    value=DayBalance,
    help="account_id:day → balance_cents at the end of that business day: who is below zero",
)
DEAREST = TableSpec(
    name="dearest",
    value=Dearest,
    help="day|week|month:first day → the completed task with the greatest reward",
)

TABLES = (COUNTED, GAPS, DAY_SUMS, DAY_BALANCES, DEAREST)
