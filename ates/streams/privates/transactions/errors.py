"""Outcomes of a transaction, and the remedy for each of Kafka's error codes."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from ates.streams.batch import Outgoing


class TransactionError(Exception):
    """The producer cannot open, or a transaction has failed. The text names the request, topic, partition and error."""


class Fenced(TransactionError):
    """Another producer has opened the transactional id since, or the broker has timed the transaction out: nothing
    that this one still has to write may be written."""


class Aborted(TransactionError):
    """No part of the transaction takes effect."""


class RecordsTooLarge(Aborted):
    """The broker refused single records for their size: `records`."""

    code = "record_too_large"

    def __init__(self, text: str, records: Sequence[Outgoing]) -> None:
        super().__init__(text)
        self.records = records


class OutcomeUnknown(TransactionError):
    """The commit was requested and not answered: only the log knows, once the transactional id is open again."""


class UnsupportedCluster(TransactionError):
    """The cluster does not have `transaction.version` 2."""


class PartitionMismatch(Exception):
    """Two topics that go by the same keys differ in their number of partitions: keys would meet the wrong rows."""


class Remedy(Enum):
    """The way on after an error code."""

    REPEAT = auto()  # the same request, to the same broker
    LOOK_UP = auto()  # the same request, after finding its leader or coordinator again
    ABORT = auto()
    FENCED = auto()


UNKNOWN_TOPIC_OR_PARTITION = 3
LEADER_NOT_AVAILABLE = 5
MESSAGE_TOO_LARGE = 10
NETWORK_EXCEPTION = 13
CONCURRENT_TRANSACTIONS = 51
THROTTLING_QUOTA_EXCEEDED = 89
TRANSACTION_ABORTABLE = 120

# Names: org.apache.kafka.common.protocol.Errors. Remedies: TransactionManager and Sender of the Java client.
_CODES = {
    2: ("CORRUPT_MESSAGE", Remedy.REPEAT),
    UNKNOWN_TOPIC_OR_PARTITION: ("UNKNOWN_TOPIC_OR_PARTITION", Remedy.LOOK_UP),
    LEADER_NOT_AVAILABLE: ("LEADER_NOT_AVAILABLE", Remedy.LOOK_UP),
    6: ("NOT_LEADER_OR_FOLLOWER", Remedy.LOOK_UP),
    7: ("REQUEST_TIMED_OUT", Remedy.REPEAT),
    8: ("BROKER_NOT_AVAILABLE", Remedy.LOOK_UP),
    9: ("REPLICA_NOT_AVAILABLE", Remedy.LOOK_UP),
    MESSAGE_TOO_LARGE: ("MESSAGE_TOO_LARGE", Remedy.ABORT),
    NETWORK_EXCEPTION: ("NETWORK_EXCEPTION", Remedy.LOOK_UP),
    14: ("COORDINATOR_LOAD_IN_PROGRESS", Remedy.REPEAT),
    15: ("COORDINATOR_NOT_AVAILABLE", Remedy.LOOK_UP),
    16: ("NOT_COORDINATOR", Remedy.LOOK_UP),
    17: ("INVALID_TOPIC_EXCEPTION", Remedy.ABORT),
    18: ("RECORD_LIST_TOO_LARGE", Remedy.ABORT),
    19: ("NOT_ENOUGH_REPLICAS", Remedy.REPEAT),
    20: ("NOT_ENOUGH_REPLICAS_AFTER_APPEND", Remedy.REPEAT),
    29: ("TOPIC_AUTHORIZATION_FAILED", Remedy.ABORT),
    30: ("GROUP_AUTHORIZATION_FAILED", Remedy.ABORT),
    31: ("CLUSTER_AUTHORIZATION_FAILED", Remedy.ABORT),
    35: ("UNSUPPORTED_VERSION", Remedy.ABORT),
    42: ("INVALID_REQUEST", Remedy.ABORT),
    45: ("OUT_OF_ORDER_SEQUENCE_NUMBER", Remedy.ABORT),
    46: ("DUPLICATE_SEQUENCE_NUMBER", Remedy.ABORT),
    47: ("INVALID_PRODUCER_EPOCH", Remedy.FENCED),
    48: ("INVALID_TXN_STATE", Remedy.ABORT),
    49: ("INVALID_PRODUCER_ID_MAPPING", Remedy.ABORT),
    50: ("INVALID_TRANSACTION_TIMEOUT", Remedy.ABORT),
    CONCURRENT_TRANSACTIONS: ("CONCURRENT_TRANSACTIONS", Remedy.REPEAT),
    53: ("TRANSACTIONAL_ID_AUTHORIZATION_FAILED", Remedy.ABORT),
    56: ("KAFKA_STORAGE_ERROR", Remedy.LOOK_UP),
    59: ("UNKNOWN_PRODUCER_ID", Remedy.ABORT),
    74: ("FENCED_LEADER_EPOCH", Remedy.LOOK_UP),
    75: ("UNKNOWN_LEADER_EPOCH", Remedy.LOOK_UP),
    87: ("INVALID_RECORD", Remedy.ABORT),
    THROTTLING_QUOTA_EXCEEDED: ("THROTTLING_QUOTA_EXCEEDED", Remedy.REPEAT),
    90: ("PRODUCER_FENCED", Remedy.FENCED),
    TRANSACTION_ABORTABLE: ("TRANSACTION_ABORTABLE", Remedy.ABORT),
}


class KafkaRefusal(Exception):
    """The broker answered `code`, or nothing (NETWORK_EXCEPTION). `subject` says to which request, topic, partition."""

    def __init__(self, subject: str, code: int, detail: str = "") -> None:
        name, self.remedy = _CODES.get(code, (f"error {code}", Remedy.ABORT))
        super().__init__(f"{subject}: {name}{f' ({detail})' if detail else ''}")
        self.code = code

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self.remedy in (Remedy.REPEAT, Remedy.LOOK_UP)
