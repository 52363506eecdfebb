"""Types of the compiled module `_headers.pyx`."""

from datetime import datetime

def identity(headers: object) -> tuple[str, datetime] | None: ...
def caused(
    cause_id: str,
    place: bytes,
    type: tuple[str, bytes],
    source: tuple[str, bytes],
    time: datetime,
    subject: bytes,
    traceparent: bytes | None,
) -> list[tuple[str, bytes]] | None: ...
