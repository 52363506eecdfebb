"""Tables of the agent ledger, one partition for each partition of accounting.commands. Money is in cents."""

from ates.domain.accounting.state import AccountBalance, CloseRequest, DayClose
from ates.streams import TableSpec

ACCOUNTS = TableSpec(
    name="accounts",
    value=AccountBalance,
    help="account_id → balance_cents, its parts (carried, by open day), sequence and chain_hash",
)
TRANSACTIONS = TableSpec(
    name="transactions",
    value=int,
    help="transaction_id → its sequence in the account: one row per transaction, so none is applied twice",
)
DAYS = TableSpec(
    name="days",
    value=DayClose,
    help="'closed_through' → the last close, perhaps still going on; ISO date → a finished one; "
    "'by_clock' → the last day that the clock asked for",
)
CLOSES = TableSpec(
    name="closes",
    value=CloseRequest,
    help="ISO date and command_id → a close under way, or one that waits for it",
)

TABLES = (ACCOUNTS, TRANSACTIONS, DAYS, CLOSES)
