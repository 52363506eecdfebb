"""Tests of handlers without Kafka."""

from ates.streams.testing.driver import DeadLetter, TestDriver

__all__ = ["DeadLetter", "TestDriver"]
