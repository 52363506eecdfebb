"""Tests connect to a stack's Kafka as its operator, who may do everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ates.platform.kafka import client_options, librdkafka_options
from ates.platform.settings import Settings, load


def settings_of(data: Path | str) -> Settings:
    """Settings of the operator's commands in this data directory."""
    return load("", {"ATES_DATA": str(data)})


def aiokafka_of(data: Path | str) -> dict[str, Any]:
    """Options of any client of aiokafka."""
    return client_options(settings_of(data))


def librdkafka_of(data: Path | str) -> dict[str, Any]:
    """Options of any client of librdkafka."""
    return librdkafka_options(settings_of(data))
