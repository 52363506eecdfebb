"""`ates acls`: the users and ACLs that the topology needs in Kafka."""

from __future__ import annotations

import os

import click

from ates.cli import output
from ates.platform import access, kafka_users, log
from ates.platform.settings import load


@click.command()
@click.option(
    "--print", "only_print", is_flag=True, help="Print the ACLs as commands of Kafka's own tool; change nothing."
)
@output.as_json
def acls(only_print: bool, as_json: bool) -> None:
    """Create a user in Kafka for every process, with the ACLs that it needs, and remove its other ACLs.

    Connects as ATES_KAFKA_USERNAME, who must be allowed to alter ACLs. Users have the names of their processes
    (worker.tasks, web.auth, relay); auditor, importer and operator are for commands. A user is created, with
    SCRAM-SHA-256, if its password is given in ATES_KAFKA_PASSWORD_WORKER_TASKS and the like; others must exist.
    Running it again changes nothing.
    """
    if only_print:
        commands = [access.as_command(acl) for acl in access.acls()]
        output.say(commands, "\n".join(commands), as_json)
        return
    settings = load()
    log.configure(settings, "acls")
    given = access.passwords(os.environ)
    changed = kafka_users.ensure(settings, given)
    count, users = len(access.acls()), len(access.users())
    sentence = f"{count} ACLs of {users} users, {changed} of them changed"
    output.say({"acls": count, "users": users, "changed": changed}, sentence, as_json)
