"""The one-command stack: Kafka, a schema registry, Postgres, Envoy and a mail catcher without Docker or root.

It starts other programs and watches over them; it knows their command lines and addresses, and nothing of the
business. `processes.py` is the table of everything that runs.
"""

from ates.domain.errors import AtesError


class StackError(AtesError):
    """The stack cannot be started or stopped; `detail` is one line for the person at the terminal."""
