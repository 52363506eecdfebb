"""Avro records of the analytics context. The fields, their meaning and defaults are the domain's own."""

from dataclasses_avroschema import AvroModel

from ates.domain.analytics import messages

NAMESPACE = "ates.analytics"


class DayCounted(messages.DayCounted, AvroModel):
    class Meta:
        namespace = NAMESPACE


class BalanceCounted(messages.BalanceCounted, AvroModel):
    class Meta:
        namespace = NAMESPACE


class DearestFound(messages.DearestFound, AvroModel):
    class Meta:
        namespace = NAMESPACE
