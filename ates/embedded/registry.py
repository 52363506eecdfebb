"""The schema registry: Apicurio with a file database, speaking the Confluent API."""

from __future__ import annotations

from pathlib import Path

from ates.embedded import java
from ates.embedded.ports import LOOPBACK

API = "/apis/ccompat/v7"


def url(address: str) -> str:
    """Base URL of the Confluent-compatible API at `address`, host:port."""
    return f"http://{address}{API}"


def command(home: Path, directory: Path, port: int) -> list[str]:
    """The registry in the foreground; `home` is the unpacked archive, `directory` holds its database."""
    [runner] = home.glob("*-runner.jar")
    # H2 delays its writes by half a second unless told otherwise: a kill -9 would then lose a schema whose id
    # is already inside records.
    database = f"jdbc:h2:file:{directory / 'registry'};WRITE_DELAY=0"
    return [
        str(java.find()),
        "-Xmx160m",
        "-Xms64m",
        *java.SMALL,
        f"-Dquarkus.http.host={LOOPBACK}",
        f"-Dquarkus.http.port={port}",
        f"-Dregistry.datasource.url={database}",
        f"-Dquarkus.datasource.jdbc.url={database}",
        "-Dquarkus.http.io-threads=2",
        "-Dquarkus.thread-pool.max-threads=8",
        "-Dquarkus.log.level=WARN",
        '-Dquarkus.log.category."io.apicurio".level=WARN',
        '-Dquarkus.log.category."io.apicurio.common.apps.logging.audit".level=WARN',
        "-jar",
        str(runner),
    ]
