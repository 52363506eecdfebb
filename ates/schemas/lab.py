"""Avro records of the lab. The fields, their meaning and defaults are the domain's own."""

from dataclasses_avroschema import AvroModel

from ates.domain.lab import messages


class FaultInjected(messages.FaultInjected, AvroModel):
    class Meta:
        namespace = "ates.lab"
