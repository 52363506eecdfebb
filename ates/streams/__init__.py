"""A runtime for Faust: exactly-once from topic to topic and table, one Kafka transaction per batch and partition."""

from ates.streams.effects import Chore, Delete, Effect, Errand, Handler, Message, Put, Send, TableSpec
from ates.streams.state import State, TableView

__all__ = [
    "Chore",
    "Delete",
    "Effect",
    "Errand",
    "Handler",
    "Message",
    "Put",
    "Send",
    "State",
    "TableSpec",
    "TableView",
]
