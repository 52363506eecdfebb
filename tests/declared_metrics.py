"""The metrics that `ates.platform.metrics` declares, read from the module itself."""

from __future__ import annotations

from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase

from ates.platform import metrics


def _wrappers() -> list[MetricWrapperBase]:
    return [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]


def _exposed(family: Metric) -> str:
    return family.name + ("_total" if family.type == "counter" else "")


def declared() -> dict[str, tuple[str, ...]]:
    """Name as Prometheus knows it -> its labels; a histogram without the suffixes of its series."""
    return {_exposed(family): tuple(each._labelnames) for each in _wrappers() for family in each.collect()}
