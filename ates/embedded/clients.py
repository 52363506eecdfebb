"""Client settings for people's own tools, in Kafka's and Confluent's terms.

The user of `DATA/clients/auditor.properties` may read everything and write nothing, that of `operator.properties` may
do everything. Kafka's own tools take them by `--command-config`.
"""

from __future__ import annotations

import os

from ates.embedded.processes import Plan, kafka_login, registry_login, stack_environment
from ates.platform import access

FOLDER = "clients"


def write(plan: Plan) -> None:
    """Write both files, mode 0600, if Kafka is embedded."""
    if not plan.embeds("kafka"):
        return
    folder = plan.data.path / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    for user in (access.OPERATOR, access.AUDITOR):
        file = folder / f"{user}.properties"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            schemas = registry_login(plan) if user == access.OPERATOR else {}
            found = properties({**stack_environment(plan), **kafka_login(plan, user), **schemas})
            out.writelines(f"{name}={value}\n" for name, value in found.items())


def properties(variables: dict[str, str]) -> dict[str, str]:
    """`ATES_` variables as settings of Kafka's own clients."""
    login = f'username="{variables["ATES_KAFKA_USERNAME"]}" password="{variables["ATES_KAFKA_PASSWORD"]}"'
    found = {
        "bootstrap.servers": variables["ATES_KAFKA"],
        "security.protocol": variables["ATES_KAFKA_SECURITY"],
        "sasl.mechanism": variables["ATES_KAFKA_SASL_MECHANISM"],
        "sasl.jaas.config": f"org.apache.kafka.common.security.scram.ScramLoginModule required {login};",
        "schema.registry.url": variables["ATES_REGISTRY"],
    }
    if name := variables.get("ATES_REGISTRY_USERNAME"):
        found["basic.auth.credentials.source"] = "USER_INFO"
        found["basic.auth.user.info"] = f"{name}:{variables.get('ATES_REGISTRY_PASSWORD', '')}"
    if token := variables.get("ATES_REGISTRY_TOKEN"):
        found["bearer.auth.credentials.source"] = "STATIC_TOKEN"
        found["bearer.auth.token"] = token
    return found
