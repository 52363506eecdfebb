"""Bearer tokens for Kafka (SASL OAUTHBEARER, RFC 7628), from a file that somebody renews or from a command."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import time

from ates.domain.errors import SettingsError, Unavailable
from ates.platform.environment import text_of
from ates.platform.settings import Settings

COMMAND_SECONDS = 10.0
LIFE_SECONDS = 60.0
"""How long a token is used that does not say when it expires."""


def token(settings: Settings) -> str:
    """A token now. Blocks. Raises `SettingsError` for a wrong setting, `Unavailable` (`token_unavailable`)."""
    if settings.kafka_token_file:
        return text_of("ATES_KAFKA_TOKEN_FILE", settings.kafka_token_file).strip()
    require_source(settings)
    return _output(settings.kafka_token_command)


def _output(command: str) -> str:
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=COMMAND_SECONDS)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Unavailable("token_unavailable", f"ATES_KAFKA_TOKEN_COMMAND: {error}") from error
    return done.stdout.strip()


def expires_at(text: str) -> float:
    """Seconds since 1970, of the claim `exp` of a JSON Web Token (RFC 7519); soon for any other token."""
    try:
        claims = text.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
    except (ValueError, KeyError, IndexError, TypeError):
        return time.time() + LIFE_SECONDS


def renewed(settings: Settings) -> tuple[str, float]:
    """A token and when it expires, for clients that ask again in time. Raises as `token` does."""
    text = token(settings)
    return text, expires_at(text)


def require_source(settings: Settings) -> None:
    """Raises `SettingsError` where no setting says where tokens come from."""
    if not (settings.kafka_token_file or settings.kafka_token_command):
        raise SettingsError("setting_missing", "ATES_KAFKA_TOKEN_FILE or ATES_KAFKA_TOKEN_COMMAND is not set")
