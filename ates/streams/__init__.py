"""A runtime for Faust: exactly-once from topic to topic and table, one Kafka transaction per batch and partition."""

from ates.streams.effects import Delete, Effect, Handler, Message, Put, Send, TableSpec, Timer, TimerResult
from ates.streams.state import State, TableView

__all__ = [
    "Delete",
    "Effect",
    "Handler",
    "Message",
    "Put",
    "Send",
    "State",
    "TableSpec",
    "TableView",
    "Timer",
    "TimerResult",
]
