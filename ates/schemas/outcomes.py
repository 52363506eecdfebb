"""Avro records of what becomes of a command, the same for every context. The fields are the domain's own."""

from dataclasses_avroschema import AvroModel

from ates.domain import commands as outcomes


class CommandApplied(outcomes.CommandApplied, AvroModel):
    class Meta:
        namespace = "ates.outcomes"


class CommandRejected(outcomes.CommandRejected, AvroModel):
    class Meta:
        namespace = "ates.outcomes"
