"""Avro records of the tasks context. The fields, their meaning and defaults are the domain's own."""

from dataclasses_avroschema import AvroModel

from ates.domain.tasks import messages

NAMESPACE = "ates.tasks"


class CreateTask(messages.CreateTask, AvroModel):
    class Meta:
        namespace = NAMESPACE


class CompleteTask(messages.CompleteTask, AvroModel):
    class Meta:
        namespace = NAMESPACE


class AssignTasks(messages.AssignTasks, AvroModel):
    class Meta:
        namespace = NAMESPACE


class TaskCreated(messages.TaskCreated, AvroModel):
    """Version 2. Version 1 had no jira_id; `ates.schemas.upcasters` splits its title on reading."""

    class Meta:
        namespace = NAMESPACE


class TaskAssigned(messages.TaskAssigned, AvroModel):
    class Meta:
        namespace = NAMESPACE


class TaskCompleted(messages.TaskCompleted, AvroModel):
    class Meta:
        namespace = NAMESPACE
