"""One translation of the settings for every Kafka client, and a wait that says so and ends."""

from __future__ import annotations

import ssl

import pytest

from ates.domain.errors import SettingsError, Unavailable
from ates.platform.kafka import client_options
from ates.platform.settings import Settings
from ates.retry import until_available


def test_a_plain_kafka_needs_no_more_than_its_brokers() -> None:
    assert client_options(Settings(kafka="a:9092,b:9092")) == {
        "bootstrap_servers": ["a:9092", "b:9092"],
        "security_protocol": "PLAINTEXT",
    }


def test_a_guarded_kafka_gets_user_password_and_tls() -> None:
    options = client_options(
        Settings(kafka="a:9092", kafka_security="SASL_SSL", kafka_username="popug", kafka_password="seeds")
    )
    assert isinstance(options.pop("ssl_context"), ssl.SSLContext)
    assert options == {
        "bootstrap_servers": ["a:9092"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "popug",
        "sasl_plain_password": "seeds",
    }


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Settings(), "ATES_KAFKA"),
        (Settings(kafka="a:9092", kafka_security="SASL_SSL"), "ATES_KAFKA_USERNAME"),
        (Settings(kafka="a:9092", kafka_security="SSL", kafka_ca="/no/such/file"), "ATES_KAFKA_CA"),
    ],
)
def test_what_is_missing_is_named(settings: Settings, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        client_options(settings)


async def test_a_dependency_that_comes_back_is_waited_for() -> None:
    answers = iter([Unavailable("away"), Unavailable("away"), "here"])

    async def ask() -> str:
        answer = next(answers)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    assert await until_available(ask, "the seed dispenser", limit_s=5) == "here"


async def test_past_the_limit_the_reason_is_told() -> None:
    async def ask() -> None:
        raise Unavailable("away", "connection refused")

    with pytest.raises(Unavailable, match="connection refused"):
        await until_available(ask, "the seed dispenser", limit_s=0.2)
