"""Whom to trust: a file of CA certificates that a setting names, or the system's."""

from __future__ import annotations

import ssl

from ates.domain.errors import SettingsError


def trusting(setting: str, file: str) -> ssl.SSLContext:
    """Trusts the certificates in `file`, or those of the system when it is empty. Raises `SettingsError`."""
    try:
        return ssl.create_default_context(cafile=file or None)
    except OSError as error:
        raise SettingsError("setting_malformed", f"{setting}: {file}: {error}") from error


def refused(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The certificate that was not trusted, if that is the cause of `error`."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None


def untrusted(server: str, setting: str, error: ssl.SSLCertVerificationError) -> SettingsError:
    """No outage: waiting mends nothing. `setting` names the CA."""
    return SettingsError("certificate_untrusted", f"{server}: {error.verify_message}; {setting} says whom to trust")
