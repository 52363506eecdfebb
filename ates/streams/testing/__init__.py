"""Tests of handlers without Kafka."""

from ates.streams.testing.driver import TestDriver
from ates.streams.testing.envelope import Envelope, EnvelopeSerde, Record
from ates.streams.testing.history import History, simulate
from ates.streams.testing.processor_driver import DeadLetter
from ates.streams.testing.simulated_client import partition_of
from ates.streams.testing.simulated_worker import Agent, Runtime
from ates.streams.testing.simulation import Cluster, Violation

__all__ = [
    "Agent",
    "Cluster",
    "DeadLetter",
    "Envelope",
    "EnvelopeSerde",
    "History",
    "Record",
    "Runtime",
    "TestDriver",
    "Violation",
    "partition_of",
    "simulate",
]
