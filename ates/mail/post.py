"""The way to the mail server, and what its answers mean: accepted, refused for good, not now, or not there."""

from __future__ import annotations

from email.message import EmailMessage

import aiosmtplib
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from ates.platform import tls
from ates.platform.settings import Settings, require

TIMEOUT_SECONDS = 10.0
_IMPLICIT_TLS_PORT = 465
_CLOSING = 421  # "service not available, closing": about the server, not about the mail
_PERMANENT = 500


class Refused(Exception):
    """The server will never take this mail."""


class NotNow(Exception):
    """The server may take this mail later."""


class Away(Exception):
    """The server takes no mails at all for the moment, or none from us."""


class Post:
    """Hands mails to `ATES_SMTP`: with TLS from the start on port 465, else as soon as the server offers it."""

    def __init__(self, settings: Settings) -> None:
        require(settings, "smtp")
        self._host, _, port = settings.smtp.rpartition(":")
        self._port = int(port)
        self._user = settings.smtp_username or None
        self._password = settings.smtp_password or None
        self._trusted = tls.trusting("ATES_SMTP_CA", settings.smtp_ca)

    async def deliver(self, message: EmailMessage) -> None:
        """Returns when the server has accepted it. Raises `Refused`, `NotNow` or `Away`."""
        implicit = self._port == _IMPLICIT_TLS_PORT
        try:
            await aiosmtplib.send(
                message,
                hostname=self._host.strip("[]"),
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=implicit,
                tls_context=self._trusted,
                # A password never travels without it.
                start_tls=True if self._user and not implicit else None,
                timeout=TIMEOUT_SECONDS,
            )
        except SMTPRecipientsRefused as error:
            raise _meaning(error.recipients[0]) from error
        except SMTPResponseException as error:
            raise _meaning(error) from error
        except (TimeoutError, SMTPServerDisconnected, OSError) as error:
            raise Away(_words(error)) from error
        except (SMTPException, ValueError, UnicodeError) as error:
            raise Refused(_words(error)) from error


def _meaning(error: SMTPResponseException) -> Exception:
    said = f"{error.code} {error.message}".replace("\n", " ").replace("\r", "")
    if isinstance(error, SMTPAuthenticationError) or error.code == _CLOSING or isinstance(error, OSError):
        return Away(said)
    return Refused(said) if error.code >= _PERMANENT else NotNow(said)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
