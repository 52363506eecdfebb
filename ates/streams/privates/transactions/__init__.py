"""Transactions of `transaction.version` 2 (KIP-890 part 2): Produce v12, TxnOffsetCommit v5, EndTxn v5.

Every end of a transaction raises the producer's epoch, so a frame that is late belongs to an epoch that is over.
"""

from ates.streams.privates.transactions.errors import (
    Aborted,
    Fenced,
    OutcomeUnknown,
    PartitionMismatch,
    RecordsTooLarge,
    TransactionError,
    UnsupportedCluster,
)
from ates.streams.privates.transactions.producer import TransactionalProducer

__all__ = [
    "Aborted",
    "Fenced",
    "OutcomeUnknown",
    "PartitionMismatch",
    "RecordsTooLarge",
    "TransactionError",
    "TransactionalProducer",
    "UnsupportedCluster",
]
