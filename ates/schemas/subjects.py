"""Which Avro record lies under which subject of the registry: `<topic>-<Record>`, as the topology says. No I/O."""

from __future__ import annotations

from dataclasses_avroschema import AvroModel

from ates.schemas import accounting, accounts, analytics, lab, outcomes, tasks
from ates.schemas.avro import Model, domain_of
from ates.topology import ORIGINS

MODELS: dict[type, Model] = {
    domain_of(model): model
    for module in (accounting, accounts, analytics, lab, outcomes, tasks)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, AvroModel) and model is not AvroModel
}
"""A record of the domain -> its Avro record."""

# Dead letters have no subjects: they hold the original bytes.
SUBJECTS: dict[str, Model] = {
    f"{topic.name}-{record.__name__}": MODELS[record] for topic in ORIGINS for record in topic.records
}
