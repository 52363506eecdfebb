"""The record that a timer works for, remembered in a row from its arrival on: whatever the timer sends names it as its
cause, and goes on with its trace."""

from datetime import datetime

from ates.streams import Message


def traceparent_of(message: Message) -> str:
    """The trace context of `message` for a row, empty when it has none."""
    return message.headers.get("traceparent", b"").decode("ascii", "replace")


def remembered(topic: str, partition: int, event_id: str, time: datetime, traceparent: str) -> Message:
    """The cause again, from what a row keeps of it: its event id, business time and trace context."""
    return Message(topic, partition, -1, None, None, event_id, time, {"traceparent": traceparent.encode()})
