"""Tables of the agent payouts, one partition for each partition of accounting.transactions. Money is in cents."""

from ates.domain.accounting.state import PayoutMail
from ates.streams import TableSpec

MAILS = TableSpec(
    name="mails",
    value=PayoutMail,
    help="transaction_id of a payout → its mail, until it is sent; with the refusal when it could not be",
)

TABLES = (MAILS,)
