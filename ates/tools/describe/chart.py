"""What the Helm chart takes from the topology: processes, topics, and Kafka's users with their ACLs as Strimzi spells
them (https://strimzi.io/docs/operators/latest/configuring, KafkaTopic and KafkaUser). No I/O."""

from __future__ import annotations

from typing import Any

from ates.platform import access
from ates.platform.access import Acl
from ates.topology import DATABASE_ROLES, PROCESSES, TOPICS
from ates.topology_types import FrontEnd, Topic, Worker

_DEPENDS_ON_REPLICATION = "min.insync.replicas"  # the chart's values say how many replicas there are


def document() -> dict[str, Any]:
    """The content of `deploy/helm/ates/files/topology.yaml`."""
    return {
        "processes": [_process(part) for part in PROCESSES.values()],
        "databaseRoles": list(DATABASE_ROLES),
        "topics": [_topic(topic) for topic in TOPICS.values()],
        "users": [
            {
                "name": user,
                "variable": access.variable(user),
                "acls": [_rule(acl) for acl in access.acls() if acl.user == user],
            }
            for user in access.users()
        ],
    }


def _process(part: Worker | FrontEnd) -> dict[str, Any]:
    worker = isinstance(part, Worker)
    kind = "worker" if worker else "web" if part.id != part.name else "relay"
    return {
        "name": part.id,
        "service": part.id.replace(".", "-"),
        "kind": kind,
        "arguments": [kind] if kind == "relay" else [kind, part.name],
        "database": part.database,
        "tables": isinstance(part, Worker) and any(agent.tables for agent in part.agents),
    }


def _topic(topic: Topic) -> dict[str, Any]:
    config = {name: value for name, value in topic.config(1).items() if name != _DEPENDS_ON_REPLICATION}
    return {"name": topic.name, "partitions": topic.partitions, "config": config}


def _rule(acl: Acl) -> dict[str, Any]:
    words = acl.kind.split("_")
    resource = {"type": words[0] + "".join(word.title() for word in words[1:])}
    if acl.kind != "cluster":  # there is one, and it has no name here
        resource |= {"name": acl.name, "patternType": "prefix" if acl.prefixed else "literal"}
    return {"resource": resource, "operations": [access.spelt(acl.operation)]}
